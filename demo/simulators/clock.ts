// The only door to time in a simulator.
import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  now(): Date
  /** Resolves after `milliseconds`; rejects with the signal's reason when it is aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (milliseconds, signal) => {
    await delay(milliseconds, undefined, signal ? { signal } : {})
  },
}

/** A clock that stands until somebody moves it. */
export interface HandClock extends Clock {
  /** Wakes whoever slept until then, in the order of their times; one that lies behind changes nothing. */
  moveTo(time: Date): void
}

export function handClock(start: Date): HandClock {
  let now = start.getTime()
  const sleepers = new Set<{ at: number; wake: () => void }>()
  return {
    now: () => new Date(now),
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        const abort = () => {
          sleepers.delete(sleeper)
          reject(signal?.reason)
        }
        const wake = () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        }
        const sleeper = { at: now + milliseconds, wake }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', abort, { once: true })
      }),
    moveTo(time) {
      now = Math.max(now, time.getTime())
      const due = Array.from(sleepers).filter(({ at }) => at <= now)
      for (const sleeper of due.toSorted((one, other) => one.at - other.at)) {
        sleepers.delete(sleeper)
        sleeper.wake()
      }
    },
  }
}

/** Whole seconds since 1970, as Telegram and Razorpay write times. */
export function unixSeconds(clock: Clock): number {
  return Math.floor(clock.now().getTime() / 1000)
}
