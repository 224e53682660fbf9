// Reads what Azure publishes of evictions on a timer. A help, never a need: without it our own experience stands alone.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { SpotRate } from '../azure/provider.ts'
import { type EvictionRates, rateOfRange } from './eviction-rates.ts'

/** They are made of the last 28 days, and change by the day. */
const REFRESH_SECONDS = 3600
const RETRY_SECONDS = 300

export interface RatesAsked {
  subscriptionId: string
  regions: string[]
  sizes: string[]
}

export function publishedRates(options: {
  clock: Clock
  log: Logger
  catalogue: () => Catalogue
  read: (asked: RatesAsked, signal: AbortSignal) => Promise<SpotRate[]>
  rates: Pick<EvictionRates, 'publish'>
  onChange: () => void
}): Runnable {
  const { clock, log, catalogue, read, rates, onChange } = options
  let isFailing = false

  /** Seconds until the next attempt. What was published before stands until then. */
  async function refresh(signal: AbortSignal): Promise<number> {
    try {
      const found = await Promise.all(askedOf(catalogue()).map(asked => read(asked, signal)))
      rates.publish(
        found.flat().flatMap(({ region, size, range }) => {
          const rate = rateOfRange(range)
          return rate === undefined ? [] : [{ region, size, rate }]
        }),
      )
      onChange()
      if (isFailing) log.info({}, 'Published eviction rates can be read again')
      isFailing = false
      return REFRESH_SECONDS
    } catch (error) {
      if (!isFailing && !signal.aborted)
        log.warn({ error }, 'Published eviction rates cannot be read; the last ones stand')
      isFailing = true
      return RETRY_SECONDS
    }
  }

  return {
    name: 'published-rates',
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        const waitSeconds = await refresh(stop)
        await clock.sleep(waitSeconds * 1000, stop).catch(() => undefined)
      }
    },
  }
}

/** One question to each subscription. */
function askedOf({ regions, sizes }: Catalogue): RatesAsked[] {
  const bySubscription = new Map<string, string[]>()
  for (const [region, { subscriptionId }] of Object.entries(regions)) {
    bySubscription.set(subscriptionId, [...(bySubscription.get(subscriptionId) ?? []), region])
  }
  return [...bySubscription].map(([subscriptionId, named]) => ({
    subscriptionId,
    regions: named,
    sizes: Object.keys(sizes),
  }))
}
