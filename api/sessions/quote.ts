// What play would cost, and how far the wallet reaches. Pure.
import type { Catalogue } from '../../crds/catalogue.ts'
import { affordableSeconds, price } from '../wallet/price.ts'
import { SessionError } from './errors.ts'

/** Seconds that a session must at least be able to pay for. */
export const MINIMUM_SECONDS = 60n

export interface Quote {
  game: string
  tier: string
  ratePaisePerHour: bigint
  paisePerMinute: bigint
  /** Whole minutes that the balance buys. */
  minutes: number
  /** What a start needs at least. */
  neededPaise: bigint
  isAffordable: boolean
}

/** Throws `GameUnknown`, `TierUnknown`. */
export function quote(wish: { catalogue: Catalogue; game: string; tier: string; availablePaise: bigint }): Quote {
  const { game, tier, availablePaise } = wish
  const ratePaisePerHour = rateOf(wish)
  const seconds = affordableSeconds({ ratePaisePerHour, paise: availablePaise })
  return {
    game,
    tier,
    ratePaisePerHour,
    paisePerMinute: price({ ratePaisePerHour, seconds: 60n }),
    minutes: Number(seconds / 60n),
    neededPaise: minimumPaise(ratePaisePerHour),
    isAffordable: seconds >= MINIMUM_SECONDS,
  }
}

/** What a start needs at least, at this price. */
export function minimumPaise(ratePaisePerHour: bigint): bigint {
  return price({ ratePaisePerHour, seconds: MINIMUM_SECONDS })
}

/** Throws `GameUnknown`, `TierUnknown`. */
export function rateOf(wish: { catalogue: Catalogue; game: string; tier: string }): bigint {
  const { catalogue, game, tier } = wish
  const itsGame = Object.hasOwn(catalogue.games, game) ? catalogue.games[game] : undefined
  if (!itsGame) throw new SessionError('GameUnknown')
  const itsTier = Object.hasOwn(catalogue.tiers, tier) ? catalogue.tiers[tier] : undefined
  if (!itsTier || !itsGame.tiers.includes(tier)) throw new SessionError('TierUnknown')
  return BigInt(itsTier.pricePaisePerHour)
}

/** The wished regions that there are. Throws `RegionUnknown` when one of them is not, or none is left. */
export function regionsOf(wish: {
  catalogue: Catalogue
  regions: readonly string[] | undefined
  defaultRegions: readonly string[]
}): string[] {
  const { catalogue, regions, defaultRegions } = wish
  const isKnown = (region: string) => Object.hasOwn(catalogue.regions, region)
  if (regions?.some(region => !isKnown(region))) throw new SessionError('RegionUnknown')
  // Our own preference may name a region that was since taken out of the catalogue.
  const found = [...new Set(regions ?? defaultRegions.filter(isKnown))]
  if (found.length === 0) throw new SessionError('RegionUnknown')
  return found.slice(0, 8)
}
