// The queue as a person asks for it: each session that waits, its place, what it waits for and how long that may take.
import type { Queue } from './admission.ts'
import { expectedWait, type Wait } from './expected-wait.ts'
import { inWords } from './explanation.ts'
import type { Asking } from './plan.ts'
import type { Objection, Wish } from './rank.ts'

export interface Waiting extends Wait {
  namespace: string
  name: string
  /** 1 is the next of all that could take the same. */
  place: number
  createdAt: string
  why: Asking['why']
  /** What stands against it, most of all first, by Azure's or our stable words. */
  reasons: Objection[]
  message: string
}

/** In the order in which they are served. */
export function queueView({ waiting, departures }: Queue): Waiting[] {
  /** Equal wishes wait in one line; there are few of them, however many wait. */
  const lines = new Map<string, { wish: Wish; length: number }>()
  return waiting.map(({ asking, ranking }) => {
    const { namespace, name, createdAt, why, wish } = asking
    const key = JSON.stringify([wish.regions, wish.preference])
    let ahead = 0
    for (const line of lines.values()) if (mayTakeTheSame(line.wish, wish)) ahead += line.length
    const line = lines.get(key) ?? { wish, length: 0 }
    line.length += 1
    lines.set(key, line)

    const known = ranking.ruledOut.flatMap(({ leftSeconds }) => leftSeconds ?? [])
    const soonestSeconds = known.length === 0 ? undefined : Math.min(...known)
    const place = ahead + 1
    return {
      ...{ namespace, name, place, createdAt, why },
      reasons: [...new Set(ranking.ruledOut.map(({ reason }) => reason))],
      message: inWords(ranking.ruledOut).join(' '),
      ...expectedWait({ place, departures, soonestSeconds }),
    }
  })
}

/** Sizes differ, but they draw on the same pools of a region. */
function mayTakeTheSame(one: Wish, other: Wish): boolean {
  const isOnlySpotOf = ({ preference }: Wish) => preference === 'SpotOnly'
  const isNeverSpotOf = ({ preference }: Wish) => preference === 'OnDemandOnly'
  if ((isOnlySpotOf(one) && isNeverSpotOf(other)) || (isNeverSpotOf(one) && isOnlySpotOf(other))) return false
  return one.regions.some(region => other.regions.includes(region))
}
