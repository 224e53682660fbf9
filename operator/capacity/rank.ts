// Which capacity to ask for, the best first, and why the rest is not asked for.
//
// Spot goes before on-demand everywhere it may be used at all: that is what keeps play affordable. Then the player's
// order of regions decides, since distance is felt in every frame. Only then the price, and last the catalogue's order,
// of sizes and of a size's zones.
// The price is the one that is to be expected: for spot, what an eviction costs is added as often as one is likely.
import type { Catalogue, Zone } from '../../crds/catalogue.ts'
import type { Place, Ruling } from './refusals.ts'

/** What a session may be placed on. */
export interface Wish {
  /** The tier's sizes that run the game's image, the catalogue's preferred one first. */
  sizes: string[]
  /** In order of preference. All of them are in the catalogue. */
  regions: string[]
  /** Of each region that is used by zones, the preferred one first; for one that is not named here none is asked for. */
  zones?: Readonly<Record<string, readonly Zone[]>>
  preference: 'SpotFirst' | 'SpotOnly' | 'OnDemandOnly'
  /** US dollars per hour; `undefined` means no cap. */
  maxHourlyPriceUsd: number | undefined
  /** What Azure charges for besides the hardware. */
  billedOs: BilledOs
}

/** Azure sells Windows hours dearer, but for licences that are brought along. */
export type BilledOs = 'Windows' | 'Linux'

/** US dollars per hour; `undefined` when it is not known. */
export type PriceOf = (place: Place, os: BilledOs) => number | undefined
export type RulingOn = (place: Place) => Ruling | undefined

/** Evictions of a spot machine in an hour, 0 and up; `undefined` when nothing is known. */
export type EvictionsPerHour = (place: Pick<Place, 'region' | 'zone' | 'size'>) => number | undefined

/** What is known of what Azure has to offer. */
export interface Market {
  priceOf: PriceOf
  rulingOn: RulingOn
  evictionsPerHour?: EvictionsPerHour
}

export interface Candidate extends Place {
  hourlyPriceUsd: number | undefined
  /** With what evictions are likely to add. */
  expectedPriceUsd: number | undefined
}

/**
 * Why a place is not asked for. The first three are Azure's or the session's own; then: no quota is left, what is left
 * is kept for rescues, the region rests after failures, a limit of the operator's configuration stands against it,
 * older sessions wait for the same.
 */
export type Objection =
  | 'RefusedLately'
  | 'AbovePriceCap'
  | 'PriceUnknown'
  | 'QuotaUsed'
  | 'RescueReserve'
  | 'RegionResting'
  | 'LimitReached'
  | 'Queued'

/** A place that is not asked for. */
export interface RuledOut extends Place {
  reason: Objection
  /** For a person. Holds no figure that changes by itself. */
  message: string
  /** Seconds until it may be asked for again, where that is known. */
  leftSeconds: number | undefined
}

export interface Ranking {
  candidates: Candidate[]
  ruledOut: RuledOut[]
}

export function rank(wish: Wish, market: Market): Ranking {
  const candidates: Candidate[] = []
  const ruledOut: RuledOut[] = []
  for (const place of placesOf(wish)) {
    const hourlyPriceUsd = market.priceOf(place, wish.billedOs)
    const against = objection({ place, hourlyPriceUsd, cap: wish.maxHourlyPriceUsd, ruling: market.rulingOn(place) })
    if (against) ruledOut.push({ ...place, ...against })
    else candidates.push({ ...place, hourlyPriceUsd, expectedPriceUsd: expectedPriceUsd(place, wish.billedOs, market) })
  }
  // The sort is stable: what it holds equal stays in the catalogue's order.
  return { candidates: candidates.toSorted((one, other) => order(wish, one, other)), ruledOut }
}

/** Hours that a session is likely to play on after an eviction: on on-demand capacity, which costs more. */
const HOURS_AFTER_EVICTION = 1
/** What an interruption of play is worth to us, in US dollars: some two minutes in which nobody pays, and a player's patience. */
const INTERRUPTION_USD = 0.05

/**
 * US dollars per hour, the cost of evictions included: `spot + evictions per hour × (INTERRUPTION_USD +
 * HOURS_AFTER_EVICTION × (on-demand − spot))`. What is not known adds nothing; `undefined` when the price itself is not.
 */
export function expectedPriceUsd(place: Place, os: BilledOs, market: Omit<Market, 'rulingOn'>): number | undefined {
  const price = market.priceOf(place, os)
  if (price === undefined || place.priority === 'Regular') return price
  const evictions = market.evictionsPerHour?.(place) ?? 0
  const onDemand = market.priceOf({ ...place, priority: 'Regular' }, os) ?? price
  return price + evictions * (INTERRUPTION_USD + HOURS_AFTER_EVICTION * Math.max(0, onDemand - price))
}

/** Sizes of the tier that carry the image's driver. */
export function fittingSizes(catalogue: Catalogue, names: { tier: string; image: string }): string[] {
  const driverClass = catalogue.images[names.image]?.driverClass
  const sizes = catalogue.tiers[names.tier]?.sizes ?? []
  return sizes.filter(size => catalogue.sizes[size]?.driverClass === driverClass)
}

/** Whether the price permits the place under the cap; an unknown price permits nothing. */
function isWithinCap(hourlyPriceUsd: number | undefined, cap: number | undefined): boolean {
  return cap === undefined || (hourlyPriceUsd !== undefined && hourlyPriceUsd <= cap)
}

const prioritiesOf = {
  SpotFirst: ['Spot', 'Regular'],
  SpotOnly: ['Spot'],
  OnDemandOnly: ['Regular'],
} as const satisfies Record<Wish['preference'], readonly Place['priority'][]>

/** A size's zones stand side by side: at one price, the next zone goes before the next size. */
function placesOf({ sizes, regions, zones = {}, preference }: Wish): Place[] {
  return prioritiesOf[preference].flatMap(priority =>
    regions.flatMap(region => sizes.flatMap(size => inZones({ region, size, priority }, zones[region]))),
  )
}

/** The place in each of the zones, or as it is where the region is not used by zones. */
export function inZones(place: Place, zones: readonly Zone[] | undefined): Place[] {
  return zones === undefined ? [place] : zones.map(zone => ({ ...place, zone }))
}

/** Of those of the regions that the catalogue uses by zones. */
export function zonesOf(regions: readonly string[], catalogue: Pick<Catalogue, 'regions'>) {
  const named = regions.map(region => ({ region, zones: catalogue.regions[region]?.zones }))
  return Object.fromEntries(named.flatMap(({ region, zones }) => (zones === undefined ? [] : [[region, zones]])))
}

function objection(asked: {
  place: Place
  hourlyPriceUsd: number | undefined
  cap: number | undefined
  ruling: Ruling | undefined
}): Pick<RuledOut, 'reason' | 'message' | 'leftSeconds'> | undefined {
  const { place, hourlyPriceUsd, cap, ruling } = asked
  const named = describePlace(place)
  if (ruling) {
    const message = `${named} was refused by Azure lately (${ruling.code}).`
    return { reason: 'RefusedLately', message, leftSeconds: ruling.leftSeconds }
  }
  if (isWithinCap(hourlyPriceUsd, cap)) return undefined
  if (hourlyPriceUsd === undefined) {
    const message = `${named} has no known price, and the session sets a cap.`
    return { reason: 'PriceUnknown', message, leftSeconds: undefined }
  }
  return {
    reason: 'AbovePriceCap',
    message: `${named} costs ${usd(hourlyPriceUsd)} USD per hour, above the session's cap of ${cap}.`,
    leftSeconds: undefined,
  }
}

/** At most five digits after the point, as Azure's price list has. */
export function usd(amount: number): number {
  return Number(amount.toFixed(5))
}

export function describePlace({ region, zone, size, priority }: Place): string {
  return `${size} ${priority === 'Spot' ? 'spot' : 'on-demand'} in ${describeRegion({ region, zone })}`
}

export function describeRegion({ region, zone }: Pick<Place, 'region' | 'zone'>): string {
  return zone === undefined ? region : `zone ${zone} of ${region}`
}

function order(wish: Wish, one: Candidate, other: Candidate): number {
  const priorities: readonly Place['priority'][] = prioritiesOf[wish.preference]
  return (
    priorities.indexOf(one.priority) - priorities.indexOf(other.priority) ||
    wish.regions.indexOf(one.region) - wish.regions.indexOf(other.region) ||
    comparePrices(one.expectedPriceUsd, other.expectedPriceUsd)
  )
}

/** The unknown last. */
function comparePrices(one: number | undefined, other: number | undefined): number {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined)
  return one - other
}
