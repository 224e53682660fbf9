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

/** Whole seconds since 1970, as Telegram and Razorpay write times. */
export function unixSeconds(clock: Clock): number {
  return Math.floor(clock.now().getTime() / 1000)
}
