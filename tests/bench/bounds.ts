// What Azure's limits alone permit for many sessions at once, and what is measured beside it.
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import type { Stage } from './earnest.ts'
import type { Figure } from './figures.ts'
import { type ArmCall, quantile } from './looks.ts'
import { until } from './world.ts'

const SAMPLE_MILLISECONDS = 10_000
/** The chart's limit for the operator's pod. */
const MEMORY_MIB = 512

/**
 * Azure's own, of one principal in one subscription and region: calls at once, and from then on a second. The sources are
 * named in operator/azure/limits.ts, which stays a little below the network's.
 */
const LIMITS = {
  writes: { burst: 200, perSecond: 10 },
  deletes: { burst: 200, perSecond: 10 },
  networkWrites: { burst: 1000, perSecond: 1000 / 300 },
  vmWrites: { burst: 1500, perSecond: 500 / 60 },
} as const

/** Azure's seconds until so many calls of a kind are let through. */
export function secondsFor(limit: keyof typeof LIMITS, calls: number): number {
  const { burst, perSecond } = LIMITS[limit]
  return Math.max(0, (calls - burst) / perSecond)
}

export interface Watched {
  /** When it began, in milliseconds of the epoch. */
  began: number
  /** Azure's seconds. */
  took: number
  /** What Azure was asked meanwhile. */
  asked: ArmCall[]
  cpuShare: number
  lagSeconds: number
  mostMiB: number
}

/** How long the work took, and what the operator used meanwhile of its one core and of memory. */
export async function watched(
  { looks, operator }: Pick<Stage, 'looks' | 'operator'>,
  speed: number,
  work: () => Promise<void>,
): Promise<Watched> {
  const [calls, processor, began] = [(await looks.all()).length, operator.processorSeconds(), Date.now()]
  const lags: number[] = []
  const residentMiB = [operator.residentMiB()]
  const sample = async () => {
    residentMiB.push(operator.residentMiB())
    lags.push(await operator.metric('nodejs_eventloop_lag_p99_seconds'))
  }
  // Being asked for its metrics is work for it as well: it is no more often than a scraper asks.
  const timer = setInterval(() => void sample().catch(() => undefined), SAMPLE_MILLISECONDS)
  await work()
  clearInterval(timer)
  const milliseconds = Date.now() - began
  const cpuShare = (operator.processorSeconds() - processor) / (milliseconds / 1000)
  return {
    began,
    took: (milliseconds / 1000) * speed,
    asked: (await looks.all()).slice(calls),
    cpuShare,
    lagSeconds: quantile(lags, 0.5),
    mostMiB: Math.max(...residentMiB),
  }
}

export function besideBound(took: number, { of, bound }: { of: string; bound: number }): Figure[] {
  return [
    { what: `  the limits alone: ${of}`, value: bound, unit: 's' },
    { what: '  times as long', value: took / bound, target: { atMost: 1.2 } },
  ]
}

export function askedFigures({ asked, cpuShare, lagSeconds, mostMiB }: Watched, sessions: number): Figure[] {
  const refused = asked.filter(({ status }) => status === 429).length
  const reads = asked.filter(({ kind }) => kind.startsWith('GET ')).length
  return [
    { what: '  429s received', value: refused, target: { atMost: 0 } },
    { what: '  reads of single resources and operations, a session', value: reads / sessions },
    { what: "  operator's processor, of one core", value: cpuShare * 100, unit: '%' },
    { what: "  operator's event loop lag, p99 of a usual ten seconds", value: lagSeconds * 1000, unit: 'ms' },
    { what: "  operator's resident memory at most", value: mostMiB, unit: 'MiB', target: { atMost: MEMORY_MIB } },
  ]
}

/** All of so many. */
export async function allPlayed(
  seen: Reflector<GameSession>,
  { what, count, is = () => true }: { what: string; count: number; is?: (session: GameSession) => boolean },
): Promise<void> {
  const isPlayed = (one: GameSession) => one.status?.phase === 'Running' && is(one)
  await until(what, async () => seen.store.size === count && seen.store.list().every(isPlayed), {
    patienceSeconds: 500,
  })
}
