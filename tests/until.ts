// Waits for a state, not for a time.
import { type Clock, systemClock } from '../lib/process/clock.ts'

/** `news` resolves when it is worth another look; without it, one is taken every so many milliseconds. */
export type Until = <Seen>(
  what: string,
  look: () => Promise<Seen | undefined | false>,
  news?: () => Promise<void>,
) => Promise<Seen>

interface Patience {
  lookMilliseconds?: number
  /** Of the time between looks. */
  clock?: Clock
  account?: () => Promise<string>
}

/** Looks until something is seen, and gives up after so many of the wall's seconds, with what a person needs then. */
export function patientFor(seconds: number, options: Patience = {}): Until {
  const { lookMilliseconds = 20, account, clock = systemClock } = options
  return async (what, look, news) => {
    for (const deadline = systemClock.monotonic() + seconds * 1000; ; ) {
      const changed = news?.() // From before the look on, so that nothing comes in between unnoticed.
      const seen = await look()
      if (seen !== undefined && seen !== false) return seen
      const leftMilliseconds = deadline - systemClock.monotonic()
      if (leftMilliseconds < 0) throw new Error(`Not within ${seconds} s: ${what}\n${(await account?.()) ?? ''}`)
      await atMost(leftMilliseconds, async signal => await (changed ?? clock.sleep(lookMilliseconds, signal)))
    }
  }
}

async function atMost(milliseconds: number, event: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const isOver = new AbortController()
  const { signal } = isOver
  const ended = [event(signal), systemClock.sleep(milliseconds, signal)].map(one => one.catch(() => undefined))
  await Promise.race(ended)
  isOver.abort()
}
