// What Azure refused lately, so that nobody asks for it again before it can have changed. In memory alone: after a
// restart the first refusal teaches it again. How long and how far a refusal counts is said by azure/decisions.ts.
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

export interface Refusal {
  /** Azure's code. */
  code: string
  scope: RefusalScope
  /** By the monotonic clock of this process, in milliseconds. */
  until: number
}

/** The refusal that rules a place out, and for how long yet. */
export interface Ruling {
  code: string
  leftSeconds: number
}

export interface Refusals {
  /** Takes an `AzureError` as it is. What does not speak of capacity or quota is no refusal, and changes nothing. */
  remember(refusal: { code: string; message: string }, place: Place): void
  /** `undefined` when nothing known speaks against asking for the place. */
  ruling(place: Place): Ruling | undefined
}

/** Far above regions times sizes of any catalogue; beyond it the oldest is forgotten, which costs one more refusal. */
const MAXIMUM_REFUSALS = 2000

export function rememberRefusals({ clock }: { clock: Clock }): Refusals {
  const known = new Map<string, Refusal>()

  const current = (key: string): Refusal | undefined => {
    const refusal = known.get(key)
    if (refusal === undefined || refusal.until > clock.monotonic()) return refusal
    known.delete(key)
    return undefined
  }

  return {
    remember({ code, message }, place) {
      const decision = decideOn(new AzureError(code, message))
      if (decision.do !== 'Refused') return
      const { scope, ttlSeconds } = decision
      const key = keyOf(scope, place)
      known.delete(key) // Set anew at the end, so that the first is always the oldest.
      known.set(key, { code, scope, until: clock.monotonic() + ttlSeconds * 1000 })
      const [oldest] = known.keys()
      if (known.size > MAXIMUM_REFUSALS && oldest !== undefined) known.delete(oldest)
    },
    ruling(place) {
      const refusals = scopesOf(place).flatMap(scope => current(keyOf(scope, place)) ?? [])
      const longest = refusals.toSorted((one, other) => other.until - one.until)[0]
      if (longest === undefined) return undefined
      return { code: longest.code, leftSeconds: (longest.until - clock.monotonic()) / 1000 }
    },
  }
}

function scopesOf({ priority }: Place): RefusalScope[] {
  return priority === 'Spot' ? ['Placement', 'Size', 'Spot', 'Region'] : ['Placement', 'Size', 'Region']
}

function keyOf(scope: RefusalScope, { region, size, priority }: Place): string {
  switch (scope) {
    case 'Placement':
      return `${scope}/${region}/${size}/${priority}`
    case 'Size':
      return `${scope}/${region}/${size}`
    case 'Spot':
    case 'Region':
      return `${scope}/${region}`
    default:
      return scope satisfies never
  }
}
