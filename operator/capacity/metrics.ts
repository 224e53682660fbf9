// What Azure has to offer, and who waits, from afar. Labels are the catalogue's regions, sizes and quotas, and closed sets.
import { Gauge, type Registry } from 'prom-client'
import type { Queue } from './admission.ts'
import { type Market, offerings, regionOffers } from './offerings.ts'
import type { Objection } from './rank.ts'

const PLACE = ['region', 'zone', 'size', 'priority'] as const
const OBJECTIONS = [
  'RefusedLately',
  'AbovePriceCap',
  'PriceUnknown',
  'QuotaUsed',
  'RescueReserve',
  'RegionResting',
  'LimitReached',
  'Queued',
] as const satisfies readonly Objection[]

/** Registers everything with `registry`; once per registry. */
export function capacityMetrics(registry: Registry, outside: { market: () => Market; queue: () => Queue }): void {
  const registers = [registry]
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Gauge({ name, help, labelNames, registers })

  // First, since what is registered first is collected first: it fills the others.
  new Gauge({
    name: 'wasd_offering_available',
    help: '1 while a place is to be had by a session without wishes of its own',
    labelNames: PLACE,
    registers,
    collect() {
      const market = outside.market()
      for (const one of [this, price, evictions, left, resting, chance, kept, waiting]) one.reset()
      for (const { region, zone, size, priority, ...offering } of offerings(market)) {
        const where = whereIn(region, zone)
        this.set({ ...where, size, priority }, offering.verdict === 'Available' ? 1 : 0)
        if (offering.hourlyPriceUsd !== undefined) price.set({ ...where, size, priority }, offering.hourlyPriceUsd)
        const often = offering.evictions?.evictionsPerHour
        if (often !== undefined) evictions.set({ ...where, size }, often)
        for (const [quota, amount] of Object.entries(offering.quotaLeft)) left.set({ region, quota }, amount)
      }
      for (const { region, rest, zones, rescue } of regionOffers(market)) {
        for (const one of zones ?? [{ zone: undefined, rest }])
          resting.set(whereIn(region, one.zone), one.rest?.is === 'Resting' ? 1 : 0)
        chance.set({ region }, rescue.chance)
        kept.set({ region }, rescue.keptCores)
      }
      for (const reason of OBJECTIONS) waiting.set({ reason }, 0)
      for (const { ranking } of outside.queue().waiting) {
        for (const reason of new Set(ranking.ruledOut.map(ruled => ruled.reason))) waiting.inc({ reason })
      }
    },
  })
  const price = gauge('wasd_offering_usd_per_hour', 'Price of a place in US dollars per hour, by the price list', PLACE)
  const evictions = gauge('wasd_offering_evictions_per_hour', 'Evictions per spot machine and hour, as expected', [
    'region',
    'zone',
    'size',
  ])
  const left = gauge('wasd_quota_left', "What is left of a region's quota, by the name that Azure gives it", [
    'region',
    'quota',
  ])
  const resting = gauge('wasd_region_resting', '1 while a region, or a zone of it, rests after failures', [
    'region',
    'zone',
  ])
  const chance = gauge('wasd_rescue_chance', 'The chance that a rescue from an eviction succeeds, 0 to 1', ['region'])
  const kept = gauge('wasd_rescue_kept_cores', 'Cores of on-demand quota that are kept for rescues', ['region'])
  const waiting = gauge('wasd_sessions_waiting', 'Sessions that wait for capacity, by what stands against them', [
    'reason',
  ])
}

/** A region that is not used by zones has no label for one. */
function whereIn(region: string, zone: string | undefined): { region: string; zone?: string } {
  return zone === undefined ? { region } : { region, zone }
}
