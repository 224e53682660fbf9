// Azure's prices, kept in memory and read anew on a timer. They are a help, never a need: without them the order falls
// back to the catalogue's, and only who sets a price cap has to wait until they are known.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { Price } from './price-list.ts'
import type { BilledOs, PriceOf } from './rank.ts'

/** Spot prices change by the day at most. */
const REFRESH_SECONDS = 3600
/** After a failure, sooner. */
const RETRY_SECONDS = 60
/** Lists asked for at once. */
const CONCURRENCY = 4

export interface Prices extends Runnable {
  /** US dollars per hour; `undefined` when not known. The last price known stands until a newer one is. */
  priceOf: PriceOf
}

export function prices(options: {
  clock: Clock
  log: Logger
  catalogue: () => Catalogue
  /** Seconds between two looks; an hour where not given. */
  refreshSeconds?: number
  fetch: (place: { region: string; size: string }, signal: AbortSignal) => Promise<Price[]>
  /** Some price is another one than before: who waited for one may look again. */
  onChange: () => void
}): Prices {
  const { clock, log, catalogue, refreshSeconds = REFRESH_SECONDS, onChange } = options
  const known = new Map<string, number>()
  let isFailing = false

  /** True when anything changed. */
  async function refreshOne(place: { region: string; size: string }, signal: AbortSignal): Promise<boolean> {
    let changed = false
    for (const { priority, os, usdPerHour } of await options.fetch(place, signal)) {
      const key = keyOf({ ...place, priority }, os)
      changed ||= known.get(key) !== usdPerHour
      known.set(key, usdPerHour)
    }
    return changed
  }

  /** Seconds until the next refresh. What fails is left as it was. */
  async function refresh(signal: AbortSignal): Promise<number> {
    const places = placesOf(catalogue())
    const results = await inBatches(places, place => refreshOne(place, signal))
    if (signal.aborted) return RETRY_SECONDS
    if (results.some(result => result.status === 'fulfilled' && result.value)) onChange()

    const failure = results.find(result => result.status === 'rejected')
    if (failure && !isFailing) log.warn({ error: failure.reason }, 'Azure prices cannot be read; the last ones stand')
    if (!failure && isFailing) log.info({}, 'Azure prices can be read again')
    isFailing = failure !== undefined
    return isFailing ? RETRY_SECONDS : refreshSeconds
  }

  return {
    name: 'prices',
    priceOf: (place, os) => known.get(keyOf(place, os)),
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        const waitSeconds = await refresh(stop)
        await clock.sleep(waitSeconds * 1000, stop).catch(() => undefined)
      }
    },
  }
}

function keyOf({ region, size, priority }: { region: string; size: string; priority: string }, os: BilledOs): string {
  return `${region}/${size}/${priority}/${os}`
}

/** Bounded by the catalogue. */
function placesOf({ regions, tiers }: Catalogue): { region: string; size: string }[] {
  const sizes = [...new Set(Object.values(tiers).flatMap(tier => tier.sizes))]
  return Object.keys(regions).flatMap(region => sizes.map(size => ({ region, size })))
}

async function inBatches<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const results: PromiseSettledResult<Result>[] = []
  for (let start = 0; start < items.length; start += CONCURRENCY) {
    results.push(...(await Promise.allSettled(items.slice(start, start + CONCURRENCY).map(work))))
  }
  return results
}
