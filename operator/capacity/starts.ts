// How soon a session could be played that is ordered now, by tier and region: what machines lately took from their
// making to play, and where nothing is to be had, the wait before that. What nobody knows is left out.
import type { Starts } from '../../crds/starts.ts'
import type { Queue } from './admission.ts'
import { expectedWait } from './expected-wait.ts'
import { type Market, type Offering, offerings } from './offerings.ts'

/** The shape's own limit. */
const LONGEST_SECONDS = 86_400

export function starts(seen: { market: Market; queue: Queue; startSeconds: number | undefined }): Starts {
  const { market, queue, startSeconds } = seen
  if (startSeconds === undefined) return { items: [] }
  const offered = offerings(market)
  const { tiers, regions } = market.conditions.catalogue
  return {
    items: Object.entries(tiers).flatMap(([tier, { sizes }]) =>
      Object.keys(regions).flatMap(region => {
        const fitting = offered.filter(one => one.region === region && sizes.includes(one.size))
        const ahead = queue.waiting.filter(({ asking }) => asking.wish.regions.includes(region)).length
        const waitSeconds = secondsToWait(fitting, { ahead, departures: queue.departures })
        if (waitSeconds === undefined) return []
        return [
          { tier, region, expectedSeconds: Math.min(LONGEST_SECONDS, waitSeconds + startSeconds), waiting: ahead },
        ]
      }),
    ),
  }
}

function secondsToWait(
  fitting: readonly Offering[],
  { ahead, departures }: { ahead: number; departures: readonly number[] },
): number | undefined {
  if (ahead === 0 && fitting.some(({ verdict }) => verdict === 'Available')) return 0
  const known = fitting.flatMap(({ refused }) => refused?.leftSeconds ?? [])
  const soonestSeconds = known.length === 0 ? undefined : Math.min(...known)
  return expectedWait({ place: ahead + 1, departures, soonestSeconds }).expectedSeconds
}

/** The middle one of what starts took, in seconds; `undefined` for none. */
export function median(seconds: readonly number[]): number | undefined {
  return seconds.toSorted((one, other) => one - other)[Math.floor(seconds.length / 2)]
}
