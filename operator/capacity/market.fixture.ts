// A small market for the pure tests: three regions, three sizes of two families, and whatever a test says of them.
import { catalogue } from '../gamesession/sights.fixture.ts'
import { limitsSetting, NO_LIMITS } from './limits.ts'
import type { Asking } from './plan.ts'
import { quotasOf } from './quotas.ts'
import type { Wish } from './rank.ts'
import type { Place } from './refusals.ts'
import type { Claim, Conditions } from './stock.ts'

export const NEAR = 'centralindia'
export const FAR = 'westeurope'
/** Used by its three zones. */
export const ZONED = 'northeurope'
/** Cores of the small and the middle size of the fixture's catalogue. */
export const SMALL = { size: 'Standard_A', cores: 6 }
export const LARGE = { size: 'Standard_C', cores: 36 }

/** Seconds after the evening began. */
export const evening = (seconds: number) => new Date(Date.UTC(2026, 10, 24, 18) + seconds * 1000)

export interface MarketFixture {
  /** Azure's limits by region and quota, of which nobody else uses any. Not known where not given. */
  quotas?: Record<string, Record<string, number>>
  priceOf?: (place: Place) => number | undefined
  rulingOn?: Conditions['market']['rulingOn']
  doubtsOf?: Conditions['doubtsOf']
  restOf?: Conditions['restOf']
  isUnfit?: Conditions['isUnfit']
  limits?: object
  reserve?: Conditions['reserve']
}

export function conditions(given: MarketFixture = {}): Conditions {
  const { quotas = {}, priceOf = ({ priority }) => (priority === 'Spot' ? 0.1 : 0.5) } = given
  const known = new Map(
    Object.entries(quotas).map(([region, limits]) => {
      const usages = Object.entries(limits).map(([name, limit]) => ({ name, limit, used: 0 }))
      return [region, quotasOf(usages, new Map())]
    }),
  )
  return {
    catalogue,
    market: { priceOf, rulingOn: given.rulingOn ?? (() => undefined) },
    quotasOf: region => known.get(region),
    doubtsOf: given.doubtsOf ?? (() => []),
    restOf: given.restOf ?? (() => undefined),
    isUnfit: given.isUnfit ?? (() => false),
    limits: given.limits ? limitsSetting.parse(JSON.stringify(given.limits)) : NO_LIMITS,
    reserve: given.reserve ?? { share: 0, minimum: 0 },
  }
}

export function askingFor(
  name: string,
  more: Partial<Omit<Asking, 'wish'>> & { wish?: Partial<Wish>; at?: Place } = {},
): Asking {
  const wish: Wish = {
    sizes: [SMALL.size],
    regions: [NEAR],
    preference: 'SpotOnly',
    maxHourlyPriceUsd: undefined,
    billedOs: 'Linux',
    ...more.wish,
  }
  return {
    uid: `uid-${name}`,
    namespace: 'play',
    name,
    createdAt: evening(0).toISOString(),
    why: 'New',
    ...more,
    wish,
    wishKey: JSON.stringify(wish),
  }
}

export function claim(more: Partial<Omit<Claim, 'place'>> & { place?: Partial<Place> } = {}): Claim {
  return {
    namespace: 'play',
    os: 'Linux',
    takesQuota: true,
    isToRun: true,
    isOnTheWay: false,
    isRescuable: true,
    ...more,
    place: { region: NEAR, size: SMALL.size, priority: 'Spot', ...more.place },
  }
}
