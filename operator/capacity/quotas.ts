// Azure's quotas as the usages lists tell them, kept in memory and read anew on a timer. A list is a few minutes old by
// the time it is used, so it is corrected by our own machines: what others use is what Azure counted less what we had
// made by then; the rest is ours, as it stands now. A list that is too old is no reason to refuse anybody anything: then
// nothing is known, and Azure itself says no.
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { Usage } from '../azure/provider.ts'

/** Older lists are not believed. Karpenter for Azure fails open after as long (`pkg/controllers/quota`). */
const STALE_SECONDS = 900
/** Regions asked about at once. */
const CONCURRENCY = 4
/** After a refusal that names no time. */
const RETRY_SECONDS = 60

export interface Quota {
  /** What there is for us: Azure's limit less what others use. */
  limit: number
  /** Azure's own limit. */
  azureLimit: number
  /** What others use. */
  others: number
}

/** By the name of Azure's usages list. */
export type Quotas = ReadonlyMap<string, Quota>

export interface QuotaWatch extends Runnable {
  /** `undefined` while nothing is known that may be believed. */
  of(region: string): Quotas | undefined
  /** Seconds since the list was read; `undefined` when it never was. */
  ageSeconds(region: string): number | undefined
}

export function quotaWatch(options: {
  clock: Clock
  log: Logger
  refreshSeconds: number
  staleSeconds?: number
  regions: () => readonly { region: string; subscriptionId: string }[]
  read: (place: { region: string; subscriptionId: string }, signal: AbortSignal) => Promise<Usage[]>
  /** What we have made there by now and Azure counts, by quota. */
  made: (region: string) => ReadonlyMap<string, number>
  /** Some quota is another one than before. */
  onChange: (region: string) => void
}): QuotaWatch {
  const { clock, log, refreshSeconds, staleSeconds = STALE_SECONDS, read, made, onChange } = options
  const known = new Map<string, { quotas: Quotas; at: number }>()
  const notBefore = new Map<string, number>()
  const failing = new Set<string>()
  /** Regions whose list was fresh when it was last looked at. */
  const believed = new Set<string>()

  const ageSeconds = (region: string) => {
    const at = known.get(region)?.at
    return at === undefined ? undefined : (clock.monotonic() - at) / 1000
  }
  const isFresh = (region: string) => (ageSeconds(region) ?? staleSeconds) < staleSeconds

  async function refresh(place: { region: string; subscriptionId: string }, signal: AbortSignal): Promise<void> {
    const { region } = place
    if ((notBefore.get(region) ?? 0) > clock.monotonic()) return
    try {
      const ours = made(region) // Before the list: what is made while it is read is counted twice rather than never.
      const quotas = quotasOf(await read(place, signal), ours)
      const isSame = believed.has(region) && sameQuotas(known.get(region)?.quotas, quotas)
      known.set(region, { quotas, at: clock.monotonic() })
      believed.add(region)
      if (failing.delete(region)) log.info({ region }, 'The quotas can be read again')
      if (!isSame) onChange(region)
    } catch (error) {
      if (signal.aborted) return
      notBefore.set(region, clock.monotonic() + pauseSeconds(error) * 1000)
      if (!failing.has(region)) log.warn({ region, error }, 'The quotas cannot be read; soon nothing is known of them')
      failing.add(region)
    }
  }

  /** What has grown too old holds nobody back any more. */
  function disbelieve(): void {
    for (const region of believed) {
      if (isFresh(region)) continue
      believed.delete(region)
      onChange(region)
    }
  }

  function pauseSeconds(error: unknown): number {
    const asked = error instanceof Error && 'retryAfterSeconds' in error ? error.retryAfterSeconds : undefined
    return typeof asked === 'number' ? asked : Math.min(RETRY_SECONDS, refreshSeconds)
  }

  return {
    name: 'quotas',
    of: region => (isFresh(region) ? known.get(region)?.quotas : undefined),
    ageSeconds,
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        const places = [...options.regions()]
        while (places.length > 0) await Promise.all(places.splice(0, CONCURRENCY).map(place => refresh(place, stop)))
        disbelieve()
        await clock.sleep(refreshSeconds * 1000, stop).catch(() => undefined)
      }
    },
  }
}

/** `ours` may be more than Azure counts already; then nobody else uses any. */
export function quotasOf(usages: readonly Usage[], ours: ReadonlyMap<string, number>): Map<string, Quota> {
  return new Map(
    usages.map(({ name, used, limit }) => {
      const others = Math.max(0, used - (ours.get(name) ?? 0))
      return [name, { limit: limit - others, azureLimit: limit, others }]
    }),
  )
}

function sameQuotas(one: Quotas | undefined, other: Quotas): boolean {
  if (one?.size !== other.size) return false
  return [...other].every(([name, { limit }]) => one.get(name)?.limit === limit)
}
