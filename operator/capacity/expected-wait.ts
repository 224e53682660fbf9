// How long a session is likely to wait, and from what that is known.
//
// Sessions ahead and itself are served one after another, as fast as those before them were within the last hour:
// `place × mean seconds between two that were served`. Before two were served nobody knows; then the soonest known end
// of whatever stands against it is all that can be told.

export interface Wait {
  /** `undefined` when nothing tells. */
  expectedSeconds: number | undefined
  evidence: {
    /** Sessions that had waited and were served within the last hour. */
    servedLastHour: number
    meanSecondsBetween: number | undefined
    /** Until something that stands against it is known to end, such as a refusal. */
    soonestSeconds: number | undefined
  }
}

export function expectedWait(seen: {
  /** 1 is the head of the queue. */
  place: number
  /** Seconds since each was served, within the last hour, in any order. */
  departures: readonly number[]
  soonestSeconds: number | undefined
}): Wait {
  const { place, departures, soonestSeconds } = seen
  const meanSecondsBetween =
    departures.length < 2
      ? undefined
      : // Up to now: an hour in which nobody was served since is no quick one.
        Math.max(...departures) / (departures.length - 1)
  const byPlace = meanSecondsBetween === undefined ? undefined : place * meanSecondsBetween
  return {
    expectedSeconds: byPlace ?? soonestSeconds,
    evidence: { servedLastHour: departures.length, meanSecondsBetween, soonestSeconds },
  }
}
