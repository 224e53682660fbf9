// Waits for a state, not for a time.
import { systemClock as clock } from '../lib/process/clock.ts'

export type Until = <Seen>(what: string, look: () => Promise<Seen | undefined | false>) => Promise<Seen>

/** Looks until something is seen, and gives up after so many seconds, with what a person needs then. */
export function patientFor(
  seconds: number,
  { lookMilliseconds = 20, account }: { lookMilliseconds?: number; account?: () => Promise<string> } = {},
): Until {
  return async (what, look) => {
    for (const deadline = clock.monotonic() + seconds * 1000; ; ) {
      const seen = await look()
      if (seen !== undefined && seen !== false) return seen
      if (clock.monotonic() > deadline)
        throw new Error(`Not within ${seconds} s: ${what}\n${(await account?.()) ?? ''}`)
      await clock.sleep(lookMilliseconds)
    }
  }
}
