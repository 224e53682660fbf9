// Lets a region rest in which most creations fail lately: whoever may go elsewhere does, and nobody is led from one
// failure into the next. Where a region is used by zones, each of them rests by itself.
//
// Closed: all is well. When more than half of the last outcomes (at least five in ten minutes) are failures it opens:
// the region rests for five minutes. Then it is half open: one is let in. A success closes it; a failure opens it again,
// for twice as long each time, an hour at most. Quota is no failure: it is counted, not tried out.
import type { Clock } from '../../lib/process/clock.ts'
import type { Place } from './refusals.ts'

const WINDOW_SECONDS = 600
const MINIMUM_OUTCOMES = 5
/** Outcomes of a region that are remembered. */
const MAXIMUM_OUTCOMES = 50
const REST_SECONDS = 300
const MAXIMUM_REST_SECONDS = 3600

/** `Resting` for so long yet; `Trying`: one may be on its way there at a time. */
export type Rest = { is: 'Resting'; leftSeconds: number } | { is: 'Trying' }

type Where = Pick<Place, 'region' | 'zone'>

/** The same for all places that rest together. */
export function restKey({ region, zone }: Where): string {
  return zone === undefined ? region : `${region}/${zone}`
}

export interface Resting {
  note(place: Where, outcome: 'Granted' | 'Failed'): void
  /** `undefined` when nothing is known against it. */
  of(place: Where): Rest | undefined
}

interface Memory {
  outcomes: { at: number; failed: boolean }[]
  open: { until: number; restSeconds: number } | undefined
}

export function restingRegions({ clock }: { clock: Pick<Clock, 'monotonic'> }): Resting {
  const known = new Map<string, Memory>()

  function fail(memory: Memory): void {
    const now = clock.monotonic()
    const { open } = memory
    if (open !== undefined) {
      if (open.until > now) return // On its way since before the rest; it proves nothing new.
      const restSeconds = Math.min(open.restSeconds * 2, MAXIMUM_REST_SECONDS)
      memory.open = { restSeconds, until: now + restSeconds * 1000 }
      return
    }
    const failures = memory.outcomes.filter(({ failed }) => failed).length
    if (memory.outcomes.length < MINIMUM_OUTCOMES || failures * 2 <= memory.outcomes.length) return
    memory.open = { restSeconds: REST_SECONDS, until: now + REST_SECONDS * 1000 }
  }

  return {
    note(place, outcome) {
      const key = restKey(place)
      const now = clock.monotonic()
      const memory: Memory = known.get(key) ?? { outcomes: [], open: undefined }
      known.set(key, memory)
      memory.outcomes = [...memory.outcomes, { at: now, failed: outcome === 'Failed' }]
        .filter(({ at }) => at > now - WINDOW_SECONDS * 1000)
        .slice(-MAXIMUM_OUTCOMES)
      if (outcome === 'Failed') return fail(memory)
      if (memory.open !== undefined) memory.outcomes = []
      memory.open = undefined
    },
    of(place) {
      const open = known.get(restKey(place))?.open
      if (open === undefined) return undefined
      const leftSeconds = (open.until - clock.monotonic()) / 1000
      return leftSeconds > 0 ? { is: 'Resting', leftSeconds } : { is: 'Trying' }
    },
  }
}

/** Refusals that say what the subscription may have, and nothing of how the region fares. */
export function isQuota(code: string | undefined): boolean {
  return code !== undefined && QUOTA.has(code)
}

const QUOTA = new Set(['OperationNotAllowed', 'QuotaExceeded', 'PublicIPCountLimitReached', 'SubnetIsFull'])
