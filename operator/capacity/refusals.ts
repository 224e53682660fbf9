// What Azure refused lately, so that nobody asks for it again before it can have changed. In memory alone: after a
// restart the first refusal teaches it again. How long and how far a refusal counts is said by azure/decisions.ts.
//
// A refusal is in force until its time is over, or until something speaks against it: a machine of ours gave the same
// place back, or Azure granted it after all. Then it is doubted: one may try, and with each that is granted twice as
// many at a time, until so many were granted that nothing is left of the doubt. So a crowd that waits for one machine
// is never sent for it all at once.
import type { Clock } from '../../lib/process/clock.ts'
import { decideOn, type RefusalScope } from '../azure/decisions.ts'
import { AzureError } from '../azure/errors.ts'

/** One kind of capacity: what a machine can be placed on. */
export interface Place {
  /** Azure's short name. */
  region: string
  size: string
  priority: 'Spot' | 'Regular'
}

interface Refusal {
  /** Azure's code. */
  code: string
  /** By the monotonic clock of this process, in milliseconds. */
  until: number
  /** What was granted since. */
  granted: number
}

/** The refusal that rules a place out, and for how long yet. */
export interface Ruling {
  code: string
  leftSeconds: number
}

/** A refusal that is over and has not been disproved: what it covers is tried by few at a time. */
export interface Doubt {
  /** The same for all places that the refusal covers. */
  key: string
  /** As many may be on their way there at a time. */
  permitted: number
}

export interface Refusals {
  /** Takes an `AzureError` as it is. What does not speak of capacity or quota is no refusal, and changes nothing. */
  remember(refusal: { code: string; message: string }, place: Place): void
  /** Azure runs a machine there now. */
  granted(place: Place): void
  /** A machine of ours gave this back: what was refused may be to be had again. True when that changes anything. */
  ease(place: Place): boolean
  /** `undefined` when nothing known speaks against asking for the place. */
  ruling(place: Place): Ruling | undefined
  /** Empty when nothing that covers the place was refused lately. */
  doubts(place: Place): Doubt[]
}

/** Far above regions times sizes of any catalogue; beyond it the oldest is forgotten, which costs one more refusal. */
const MAXIMUM_REFUSALS = 2000
/** For so long after its end a refusal is doubted. */
const DOUBT_SECONDS = 3600
/** After so many grants in a row nothing is left of a doubt; 32 may be on their way by then. */
const CONVINCING_GRANTS = 6

export function rememberRefusals({ clock }: { clock: Pick<Clock, 'monotonic'> }): Refusals {
  const known = new Map<string, Refusal>()

  const current = (key: string): Refusal | undefined => {
    const refusal = known.get(key)
    if (refusal === undefined || refusal.until + DOUBT_SECONDS * 1000 > clock.monotonic()) return refusal
    known.delete(key)
    return undefined
  }
  const covering = (place: Place) =>
    scopesOf(place).flatMap(scope => {
      const key = keyOf(scope, place)
      const refusal = current(key)
      return refusal === undefined ? [] : [{ key, refusal }]
    })
  const inForce = (place: Place) => covering(place).filter(({ refusal }) => refusal.until > clock.monotonic())

  return {
    remember({ code, message }, place) {
      const decision = decideOn(new AzureError(code, message))
      if (decision.do !== 'Refused') return
      const { scope, ttlSeconds, regularTtlSeconds = ttlSeconds } = decision
      const key = keyOf(scope, place)
      const seconds = place.priority === 'Regular' ? regularTtlSeconds : ttlSeconds
      known.delete(key) // Set anew at the end, so that the first is always the oldest.
      known.set(key, { code, until: clock.monotonic() + seconds * 1000, granted: 0 })
      const [oldest] = known.keys()
      if (known.size > MAXIMUM_REFUSALS && oldest !== undefined) known.delete(oldest)
    },
    granted(place) {
      for (const { key, refusal } of covering(place)) {
        refusal.until = Math.min(refusal.until, clock.monotonic())
        refusal.granted += 1
        if (refusal.granted >= CONVINCING_GRANTS) known.delete(key)
      }
    },
    ease(place) {
      const eased = inForce(place)
      for (const { refusal } of eased) refusal.until = clock.monotonic()
      return eased.length > 0
    },
    ruling(place) {
      const [longest] = inForce(place).toSorted((one, other) => other.refusal.until - one.refusal.until)
      if (longest === undefined) return undefined
      const { code, until } = longest.refusal
      return { code, leftSeconds: (until - clock.monotonic()) / 1000 }
    },
    doubts: place => covering(place).map(({ key, refusal }) => ({ key, permitted: 2 ** refusal.granted })),
  }
}

function scopesOf({ priority }: Place): RefusalScope[] {
  return ['Placement', 'Size', priority, 'Region']
}

function keyOf(scope: RefusalScope, { region, size, priority }: Place): string {
  switch (scope) {
    case 'Placement':
      return `${scope}/${region}/${size}/${priority}`
    case 'Size':
      return `${scope}/${region}/${size}`
    case 'Spot':
    case 'Regular':
    case 'Region':
      return `${scope}/${region}`
    default:
      return scope satisfies never
  }
}
