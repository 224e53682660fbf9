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

/** A clock that stands until somebody moves it. Of a sleep that is aborted it hears as it is moved. */
export interface HandClock extends Clock {
  /** A time that lies behind changes nothing. */
  moveTo(time: Date): void
}

export function handClock(start: Date): HandClock {
  let now = start.getTime()
  let moved = Promise.withResolvers<void>()
  return {
    now: () => new Date(now),
    async sleep(milliseconds, signal) {
      for (const due = now + milliseconds; now < due; ) {
        await moved.promise
        signal?.throwIfAborted()
      }
    },
    moveTo(time) {
      now = Math.max(now, time.getTime())
      moved.resolve()
      moved = Promise.withResolvers()
    },
  }
}

/** Whole seconds since 1970, as Telegram and Razorpay write times. */
export function unixSeconds(clock: Clock): number {
  return Math.floor(clock.now().getTime() / 1000)
}
