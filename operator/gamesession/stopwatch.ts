// Wall time that does not jump under an open interval. Within this process an interval is measured monotonically from
// when it was first seen open; only what lies before that, or before a restart, is told by the wall clock.
import type { Clock } from '../../lib/process/clock.ts'

interface Anchor {
  since: string
  wall: number
  monotonic: number
}

export interface Stopwatch {
  /** Now, for this session. `since` is the start of its open interval; without one, plain wall time. */
  now(uid: string, since: string | undefined): Date
  /** How long this process has watched the interval, in seconds. */
  watchedSeconds(uid: string): number
  forget(uid: string): void
}

export function stopwatch(clock: Clock): Stopwatch {
  const anchors = new Map<string, Anchor>()

  return {
    now(uid, since) {
      if (since === undefined) {
        anchors.delete(uid)
        return clock.now()
      }
      const known = anchors.get(uid)
      if (known?.since === since) return new Date(known.wall + clock.monotonic() - known.monotonic)
      const wall = clock.now()
      anchors.set(uid, { since, wall: wall.getTime(), monotonic: clock.monotonic() })
      return wall
    },
    watchedSeconds(uid) {
      const known = anchors.get(uid)
      return known === undefined ? 0 : (clock.monotonic() - known.monotonic) / 1000
    },
    forget: uid => void anchors.delete(uid),
  }
}
