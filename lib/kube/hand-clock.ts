// A clock for tests: it stands still until it is moved, and then wakes whoever slept, in the order of their times.
import type { Clock } from '../process/clock.ts'

export interface HandClock extends Clock {
  /** Moves time on; resolves when what woke up has run as far as it can. */
  advance(seconds: number): Promise<void>
}

interface Sleeper {
  at: number
  wake: () => void
}

export function handClock(start = new Date('2026-01-01T00:00:00Z')): HandClock {
  let elapsed = 0
  const sleepers = new Set<Sleeper>()

  return {
    now: () => new Date(start.getTime() + elapsed),
    monotonic: () => elapsed,
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        const abort = () => {
          sleepers.delete(sleeper)
          reject(signal?.reason)
        }
        const wake = () => {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', abort)
          resolve()
        }
        const sleeper = { at: elapsed + milliseconds, wake }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', abort, { once: true })
      }),
    async advance(seconds) {
      const end = elapsed + seconds * 1000
      for (;;) {
        await settled()
        const next = earliest(sleepers)
        if (next === undefined || next.at > end) break
        elapsed = Math.max(elapsed, next.at)
        next.wake()
      }
      elapsed = end
    },
  }
}

/** Of equals the one that slept first. */
function earliest(sleepers: Iterable<Sleeper>): Sleeper | undefined {
  let first: Sleeper | undefined
  for (const sleeper of sleepers) if (first === undefined || sleeper.at < first.at) first = sleeper
  return first
}

/** All promises that can go on have gone on. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
