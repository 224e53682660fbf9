// Follows the feed for as long as the program lives. After any break it reads from the start again: a restarted Azure
// counts anew, and what it no longer tells of does not run.

import type { Clock } from '../clock.ts'
import type { Azure, GuestEvent } from './azure.ts'

/** Between tries to reach an Azure that is away, milliseconds. */
const RETRY_DELAY = 250

export interface FeedReader {
  /** The whole story from the feed's start, in order. */
  startOver(events: GuestEvent[]): void
  /** What came after it. */
  goOn(events: GuestEvent[]): void
  /** All before this event is read. */
  hasRead(next: number): void
  away(reason: string): void
}

/** How far the feed was read, for whoever waits for it. */
export function feedProgress() {
  let read = 0
  let { promise: more, resolve: tell } = Promise.withResolvers<void>()
  return {
    hasRead(next: number): void {
      read = next
      tell()
      ;({ promise: more, resolve: tell } = Promise.withResolvers<void>())
    },
    /** Resolves when all before this event is read. */
    async until(next: number): Promise<void> {
      while (read < next) await more
    },
  }
}

export async function follow(
  outside: { azure: Azure; clock: Clock; signal: AbortSignal },
  reader: FeedReader,
): Promise<void> {
  const { azure, clock, signal } = outside
  let since: number | undefined
  while (!signal.aborted) {
    try {
      if (since === undefined) {
        const { events, next } = await azure.allGuests(signal)
        reader.startOver(events)
        since = next
        reader.hasRead(next)
      } else {
        const { events, next } = await azure.guestsSince(since, signal)
        const countsAnew = next < since
        if (!countsAnew) reader.goOn(events)
        since = countsAnew ? undefined : next
        if (!countsAnew) reader.hasRead(next)
      }
    } catch (error) {
      if (signal.aborted) return
      since = undefined
      reader.away(error instanceof Error ? error.message : String(error))
      // Aborted only by the stop, which ends the loop.
      await clock.sleep(RETRY_DELAY, signal).catch(() => undefined)
    }
  }
}
