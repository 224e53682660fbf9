// Every place that Azure has for us, as it stands now: price, evictions, quota, what was refused, and whether a session
// without wishes of its own would get it. Read from what the queue decides by, so that the two cannot differ.
import type { Catalogue, Zone } from '../../crds/catalogue.ts'
import { demandOf, REGULAR_CORES } from './demand.ts'
import type { EvictionEvidence } from './eviction-rates.ts'
import type { Answers } from './on-demand-answers.ts'
import { type BilledOs, describePlace, expectedPriceUsd, inZones, type Objection } from './rank.ts'
import type { Place } from './refusals.ts'
import { rescueChance } from './reserve.ts'
import type { Rest } from './resting.ts'
import type { Conditions, Stock } from './stock.ts'

export interface Offering extends Place {
  hourlyPriceUsd: number | undefined
  /** With what evictions are likely to add. */
  expectedPriceUsd: number | undefined
  /** For spot. */
  evictions: EvictionEvidence | undefined
  /** What is left of each quota that a machine there takes; empty where nothing is known. */
  quotaLeft: Record<string, number>
  /** Machines that the known quotas have room for. */
  room: number | undefined
  refused: { code: string; leftSeconds: number } | undefined
  verdict: 'Available' | Objection
  /** Why, for a person. */
  reason: string
}

export interface RegionOffer {
  region: string
  /** Seconds since its quotas were read; `undefined` when they never were. */
  quotaAgeSeconds: number | undefined
  /** Of the region as a whole; where it is used by zones, see these. */
  rest: Rest | undefined
  /** Absent where the region is not used by zones. */
  zones?: { zone: Zone; rest: Rest | undefined }[]
  rescue: {
    /** Spot machines that move onto on-demand when they are evicted. */
    spotMachines: number
    /** Machines and cores of on-demand quota that newcomers leave alone. */
    keptMachines: number
    keptCores: number
    /** Machines of the largest spot size that the free on-demand quota holds. */
    freeMachines: number | undefined
    /** 0 to 1. */
    chance: number
  }
}

export interface Market {
  conditions: Conditions
  stock: Stock
  evidence: (place: Place) => EvictionEvidence
  onDemand: (region: string) => Answers
  quotaAgeSeconds: (region: string) => number | undefined
}

/** Prices are those without a Windows licence, as images that bring their own have them, unless `os` says otherwise. */
export function offerings(market: Market, os: BilledOs = 'Linux'): Offering[] {
  return placesOf(market.conditions.catalogue).map(place => offeringOf(place, market, os))
}

function placesOf({ regions, tiers }: Catalogue): Place[] {
  const sizes = [...new Set(Object.values(tiers).flatMap(tier => tier.sizes))]
  return Object.entries(regions).flatMap(([region, { zones }]) =>
    sizes.flatMap(size =>
      (['Spot', 'Regular'] as const).flatMap(priority => inZones({ region, size, priority }, zones)),
    ),
  )
}

function offeringOf(place: Place, { conditions, stock, evidence }: Market, os: BilledOs): Offering {
  const { market, catalogue } = conditions
  const known = demandOf(place, catalogue).flatMap(({ quota, amount }) => {
    const left = stock.left(place.region, quota)
    return left === undefined ? [] : [{ quota, left, machines: Math.max(0, Math.floor(left / amount)) }]
  })
  const refused = market.rulingOn(place)
  const against = refused
    ? {
        reason: 'RefusedLately' as const,
        message: `${describePlace(place)} was refused by Azure lately (${refused.code}).`,
      }
    : stock.against({ place, namespace: '', os })
  return {
    ...place,
    hourlyPriceUsd: market.priceOf(place, os),
    expectedPriceUsd: expectedPriceUsd(place, os, market),
    evictions: place.priority === 'Spot' ? evidence(place) : undefined,
    quotaLeft: Object.fromEntries(known.map(({ quota, left }) => [quota, left])),
    room: known.length === 0 ? undefined : Math.min(...known.map(({ machines }) => machines)),
    refused,
    verdict: against?.reason ?? 'Available',
    reason: against?.message ?? `${describePlace(place)} is to be had.`,
  }
}

export function regionOffers({ conditions, stock, onDemand, quotaAgeSeconds }: Market): RegionOffer[] {
  const { catalogue, reserve, restOf } = conditions
  return Object.entries(catalogue.regions).map(([region, { zones }]) => {
    const { machines, largest } = stock.spotFleet(region)
    const left = stock.left(region, REGULAR_CORES)
    const freeMachines = left === undefined || largest === 0 ? undefined : Math.max(0, Math.floor(left / largest))
    const chance = rescueChance({
      machines,
      freeMachines: freeMachines ?? Number.POSITIVE_INFINITY,
      share: reserve.share,
      ...onDemand(region),
    })
    return {
      region,
      quotaAgeSeconds: quotaAgeSeconds(region),
      rest: restOf({ region }),
      ...(zones && { zones: zones.map(zone => ({ zone, rest: restOf({ region, zone }) })) }),
      rescue: {
        spotMachines: machines,
        keptMachines: stock.keptMachines(region),
        keptCores: stock.kept(region, REGULAR_CORES),
        freeMachines,
        chance,
      },
    }
  })
}
