// What there is to give away: quota, room under the limits, tries of what is doubted. Built from what stands, then
// reduced by each machine that is promised to somebody, so that two who are served at once never count on the same.
import type { Catalogue } from '../../crds/catalogue.ts'
import { coreDemandOf, type Demand, demandOf, REGULAR_CORES } from './demand.ts'
import { type Addition, type ConfiguredLimits, limitPassed, type Scope, type Standing, scopesOf } from './limits.ts'
import type { Quotas } from './quotas.ts'
import { type BilledOs, describePlace, describeRegion, type Market, type Objection } from './rank.ts'
import type { Doubt, Place } from './refusals.ts'
import { keptCores, keptMachines, type ReserveSettings, type SpotFleet } from './reserve.ts'
import { type Rest, restKey } from './resting.ts'

/** One machine and what it takes. */
export interface Claim {
  namespace: string
  place: Place
  os: BilledOs
  /** It holds, or is about to hold, a VM; a stopped one holds its quota on. */
  takesQuota: boolean
  /** Limits count what is meant to run. */
  isToRun: boolean
  /** Asked for, and neither granted nor refused yet. */
  isOnTheWay: boolean
  /** Of spot: an eviction moves it onto on-demand. */
  isRescuable: boolean
}

/** What is known, beside the machines themselves. */
export interface Conditions {
  catalogue: Catalogue
  market: Market
  /** `undefined` where nothing is known: then nothing is held back. */
  quotasOf: (region: string) => Quotas | undefined
  doubtsOf: (place: Place) => readonly Doubt[]
  /** Whether a machine's own disks or address keep it out of a zone. */
  isUnfit: (machineUid: string, place: Pick<Place, 'region' | 'zone'>) => boolean
  /** Of the zone, where one is named. */
  restOf: (place: Pick<Place, 'region' | 'zone'>) => Rest | undefined
  limits: ConfiguredLimits
  reserve: ReserveSettings
}

/** Why a place cannot be given now. */
export interface Against {
  reason: Objection
  /** For a person. */
  message: string
  leftSeconds: number | undefined
  /** The pool that is too small, where waiting for it may help. */
  pool?: string
}

interface Asked {
  place: Place
  namespace: string
  os: BilledOs
}

const NOTHING: Standing = { machines: 0, onDemand: 0, hourlyPriceUsd: 0 }

export class Stock {
  readonly #conditions: Conditions
  readonly #ours = new Map<string, number>()
  readonly #standing = new Map<string, Standing>()
  readonly #spot = new Map<string, SpotFleet>()
  readonly #onTheWay = new Map<string, number>()
  /** Pools in which what comes free is saved for somebody who has waited long. */
  readonly #saved = new Set<string>()

  constructor(conditions: Conditions, claims: Iterable<Claim>) {
    this.#conditions = conditions
    for (const claim of claims) this.take(claim)
  }

  take({ namespace, place, os, takesQuota, isToRun, isOnTheWay, isRescuable }: Claim): void {
    const { catalogue, market, limits, doubtsOf } = this.#conditions
    const { region, size } = place
    if (takesQuota) {
      for (const { quota, amount } of demandOf(place, catalogue)) add(this.#ours, `${region}/${quota}`, amount)
    }
    if (isOnTheWay) {
      for (const key of [restKey(place), ...doubtsOf(place).map(doubt => doubt.key)]) add(this.#onTheWay, key, 1)
    }
    if (!isToRun) return
    if (place.priority === 'Spot' && isRescuable) this.#takeSpot(region, size)
    const price = market.priceOf(place, os) ?? 0
    for (const { key } of scopesOf({ namespace, region }, limits)) {
      const { machines, onDemand, hourlyPriceUsd } = this.standing(key)
      this.#standing.set(key, {
        machines: machines + 1,
        onDemand: onDemand + (place.priority === 'Regular' ? 1 : 0),
        hourlyPriceUsd: hourlyPriceUsd + price,
      })
    }
  }

  /** Counted where its rescue would have to find room: in its family, and in the region's on-demand cores. */
  #takeSpot(region: string, size: string): void {
    for (const { quota, amount } of coreDemandOf({ size, priority: 'Regular' }, this.#conditions.catalogue)) {
      const { machines, largest } = this.spotFleet(region, quota)
      this.#spot.set(`${region}/${quota}`, { machines: machines + 1, largest: Math.max(largest, amount) })
    }
  }

  /** What stands within a scope of the limits. */
  standing(key: string): Standing {
    return this.#standing.get(key) ?? NOTHING
  }

  /** Spot machines whose rescue needs this quota; the region's all, by default. */
  spotFleet(region: string, quota: string = REGULAR_CORES): SpotFleet {
    return this.#spot.get(`${region}/${quota}`) ?? { machines: 0, largest: 0 }
  }

  /** What is left of a quota, below zero when more is promised than there is; `undefined` when it is not known. */
  left(region: string, quota: string): number | undefined {
    const limit = this.#conditions.quotasOf(region)?.get(quota)?.limit
    return limit === undefined ? undefined : limit - (this.#ours.get(`${region}/${quota}`) ?? 0)
  }

  /** What of a quota is kept for rescues. */
  kept(region: string, quota: string): number {
    return keptCores(this.spotFleet(region, quota), this.#conditions.reserve)
  }

  /** Machines that are kept room for in a region. */
  keptMachines(region: string): number {
    return keptMachines(this.spotFleet(region), this.#conditions.reserve)
  }

  /** Why this cannot be given to somebody who has no machine yet. */
  against(asked: Asked): Against | undefined {
    return this.againstLimits(asked) ?? this.#againstTrying(asked) ?? this.againstQuota(asked, 'Newcomer')
  }

  againstLimits({ place, namespace, os }: Asked): Against | undefined {
    const { limits, market } = this.#conditions
    const added: Addition = { onDemand: place.priority === 'Regular', hourlyPriceUsd: market.priceOf(place, os) }
    for (const scope of scopesOf({ namespace, region: place.region }, limits)) {
      const message = limitPassed(scope, this.standing(scope.key), added)
      const pool = poolOf(scope, added)
      if (message !== undefined) return { reason: 'LimitReached', message, leftSeconds: undefined, ...pool }
      if (pool && this.#saved.has(pool.pool)) return savedFor(place)
    }
    return undefined
  }

  #againstTrying({ place }: Asked): Against | undefined {
    const rest = this.#conditions.restOf(place)
    const where = describeRegion(place)
    if (rest?.is === 'Resting') {
      const message = `${where} rests, since most creations there failed lately.`
      return { reason: 'RegionResting', message, leftSeconds: rest.leftSeconds }
    }
    if (rest?.is === 'Trying' && (this.#onTheWay.get(restKey(place)) ?? 0) > 0) {
      const message = `${where} is tried by one session after its rest; the others follow when that succeeds.`
      return { reason: 'RegionResting', message, leftSeconds: undefined }
    }
    const tried = this.#conditions
      .doubtsOf(place)
      .some(({ key, permitted }) => (this.#onTheWay.get(key) ?? 0) >= permitted)
    if (!tried) return undefined
    const message = `${describePlace(place)} was refused not long ago, and is being tried by older sessions.`
    return { reason: 'Queued', message, leftSeconds: undefined }
  }

  /** For a rescue nothing is kept back; for whoever is new, the reserve is. */
  againstQuota({ place }: Asked, who: 'Newcomer' | 'Rescue'): Against | undefined {
    for (const demand of demandOf(place, this.#conditions.catalogue)) {
      const left = this.left(place.region, demand.quota)
      if (left === undefined) continue
      const pool = this.#poolIfAttainable(place.region, demand)
      if (left < demand.amount) {
        const message = `${describePlace(place)} has no quota left (${demand.quota}).`
        return { reason: 'QuotaUsed', message, leftSeconds: undefined, ...pool }
      }
      if (who === 'Rescue') continue
      if (place.priority === 'Regular' && left - demand.amount < this.kept(place.region, demand.quota)) {
        const message = `${describePlace(place)} would take quota (${demand.quota}) that is kept for rescues from evictions.`
        return { reason: 'RescueReserve', message, leftSeconds: undefined, ...pool }
      }
      if (pool && this.#saved.has(pool.pool)) return savedFor(place)
    }
    return undefined
  }

  /** Nobody waits in front of a pool that could not hold it even if all of ours were gone. */
  #poolIfAttainable(region: string, { quota, amount }: Demand): { pool: string } | undefined {
    const limit = this.#conditions.quotasOf(region)?.get(quota)?.limit ?? 0
    return amount <= limit ? { pool: `${region}/${quota}` } : undefined
  }

  /** From here on, what comes free in this pool goes to nobody else. */
  save(pool: string): void {
    this.#saved.add(pool)
  }
}

/** Machines count the same whatever their size; only prices differ, so that a dear one could be passed over for ever. */
function poolOf(
  { key, limits }: Scope,
  { hourlyPriceUsd }: Pick<Addition, 'hourlyPriceUsd'>,
): { pool: string } | undefined {
  const isAttainable = limits.hourlyPriceUsd !== undefined && (hourlyPriceUsd ?? 0) <= limits.hourlyPriceUsd
  return isAttainable ? { pool: `price/${key}` } : undefined
}

function savedFor(place: Place): Against {
  const message = `${describePlace(place)} goes to a session first that has waited longer.`
  return { reason: 'Queued', message, leftSeconds: undefined }
}

function add(sums: Map<string, number>, key: string, amount: number): void {
  sums.set(key, (sums.get(key) ?? 0) + amount)
}
