// The only door to time. Programs take a `Clock`; tests drive one by hand.
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Wall time, for what is written down or compared across processes. */
  now(): Date
  /** Milliseconds that never jump, for lengths measured within this process. */
  monotonic(): number
  /** Resolves after `milliseconds`; rejects with the signal's reason when it is aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    await delay(milliseconds, undefined, signal ? { signal } : {})
  },
}
