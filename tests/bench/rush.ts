// Two thousand sessions asked for at once, under Azure's own limits, and then every machine of the region taken back in
// one second, half of them while somebody sits at them. The limits alone say how soon either can be done.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import { evictRegion, firstPlayed, inEarnest, type Stage } from './earnest.ts'
import type { Figure, Part } from './figures.ts'
import { type ArmCall, quantile } from './looks.ts'
import { forEach, NAMESPACE, progress, session, TAKES, until } from './world.ts'

/** How many times as fast as in life Azure and the operator's timers run. */
const SPEED = Number(process.env.BENCH_RUSH_SPEED ?? 4)
const SESSIONS = Number(process.env.BENCH_RUSH ?? 2000)

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
function secondsFor(limit: keyof typeof LIMITS, calls: number): number {
  const { burst, perSecond } = LIMITS[limit]
  return Math.max(0, (calls - burst) / perSecond)
}

export async function rush(folder: string): Promise<Part> {
  const figures = await inEarnest({ folder, speed: SPEED }, async stage => [
    ...(await everybodyAtOnce(stage)),
    ...(await massEviction(stage)),
  ])
  return {
    title: `${SESSIONS.toLocaleString('en')} sessions at once, then all evicted in a second, in Azure's seconds (Azure's time ${SPEED} times as fast)`,
    figures,
  }
}

const seconds = (milliseconds: number) => (milliseconds / 1000) * SPEED

/** What the operator used of its one core, and what Azure was asked meanwhile. */
async function watched({ looks, operator }: Stage, work: () => Promise<void>) {
  const [calls, processor, began] = [(await looks.all()).length, operator.processorSeconds(), Date.now()]
  const lags: number[] = []
  const timer = setInterval(
    () =>
      void operator.metric('nodejs_eventloop_lag_p99_seconds').then(
        lag => lags.push(lag),
        () => undefined,
      ),
    1000,
  )
  await work()
  clearInterval(timer)
  const tookMilliseconds = Date.now() - began
  const cpuShare = (operator.processorSeconds() - processor) / (tookMilliseconds / 1000)
  const asked = (await looks.all()).slice(calls)
  return { began, took: seconds(tookMilliseconds), asked, cpuShare, lag: quantile(lags, 0.5) }
}

async function everybodyAtOnce(stage: Stage): Promise<Figure[]> {
  const { world, seen } = stage
  progress(`asking for ${SESSIONS} sessions`)
  const playedAt = firstPlayed(seen)
  const { began, took, asked, ...load } = await watched(stage, async () => {
    await forEach(SESSIONS, 32, async index => await world.kube.create(gameSessions, session(index)))
    await allPlayed(seen, 'all are played')
  })
  const waits = [...playedAt.values()].map(at => seconds(at - began))
  const network = secondsFor('networkWrites', 2 * SESSIONS) + TAKES.nic
  const writes = secondsFor('writes', 3 * SESSIONS)
  const bound = Math.max(network, writes, secondsFor('vmWrites', SESSIONS)) + TAKES.vmCreate + TAKES.boot
  return [
    { what: 'all asked for at once are played after', value: took, unit: 's' },
    ...besideBound(took, { of: 'two network writes each, the last interface, machine and boot', bound }),
    { what: '  played after: the first', value: quantile(waits, 0), unit: 's' },
    { what: '  played after: p50', value: quantile(waits, 0.5), unit: 's' },
    ...askedFigures(asked, load),
  ]
}

async function massEviction(stage: Stage): Promise<Figure[]> {
  const { world, seen, looks } = stage
  const machines = looks.machines.store.list()
  const vacant = new Set(machines.filter((_, index) => index % 2 === 0).map(({ metadata: { uid = '' } }) => uid))
  progress('half of the players leave')
  await forEach(machines.length, 32, async index => {
    const { metadata, status } = machines[index] ?? {}
    if (metadata === undefined || !vacant.has(metadata.uid ?? '')) return
    const guest = { incarnation: status?.incarnation?.number, connected: false, idleSince: new Date().toISOString() }
    const reference = { namespace: NAMESPACE, name: metadata.name }
    await world.kube.mergePatch(gpuVms, reference, { status: { guest } }, { subresource: 'status' })
  })
  progress('evicting all of them')
  let evictedAt = 0
  const { took, asked, ...load } = await watched(stage, async () => {
    evictedAt = await evictRegion(world)
    await allPlayed(seen, 'all have recovered', ({ status }) => status?.evictions === 1)
  })
  const order = (kind: string, suffix: string) =>
    asked.flatMap(call => {
      const [, uid] = call.kind === kind && call.status < 300 ? (/gvm-([0-9a-f-]{36})-vm-/.exec(call.path) ?? []) : []
      return uid !== undefined && call.path.includes(suffix) ? [{ uid, at: call.at, isPlaying: !vacant.has(uid) }] : []
    })
  const [deletes, puts] = [order('DELETE virtualMachines', '-vm-1'), order('PUT virtualMachines', '-vm-2')]
  const playing = SESSIONS - vacant.size
  const bound =
    TAKES.evict +
    TAKES.vmDelete +
    TAKES.vmCreate +
    TAKES.boot +
    Math.max(secondsFor('deletes', SESSIONS), secondsFor('writes', SESSIONS))
  const after = (isPlaying: boolean, share: number) =>
    quantile(
      puts.filter(put => put.isPlaying === isPlaying).map(({ at }) => seconds(at - evictedAt)),
      share,
    )
  return [
    { what: 'all evicted in one second are played again after', value: took, unit: 's' },
    ...besideBound(took, { of: 'a delete and a write each, eviction, deletion, machine and boot', bound }),
    { what: '  from the eviction to PUT on demand, somebody plays: p50', value: after(true, 0.5), unit: 's' },
    { what: '  from the eviction to PUT on demand, nobody does: p50', value: after(false, 0.5), unit: 's' },
    firstOnes('deleted', deletes, playing),
    firstOnes('made anew', puts, playing),
    { what: '  machines made anew', value: new Set(puts.map(({ uid }) => uid)).size, target: { atLeast: SESSIONS } },
    ...askedFigures(asked, load),
  ]
}

function besideBound(took: number, { of, bound }: { of: string; bound: number }): Figure[] {
  return [
    { what: `  the limits alone: ${of}`, value: bound, unit: 's' },
    { what: '  times as long', value: took / bound, target: { atMost: 1.2 } },
  ]
}

/** Whose turn it was, as long as there were any of those who play. */
function firstOnes(what: string, order: readonly { isPlaying: boolean }[], playing: number): Figure {
  const first = order.slice(0, playing).filter(({ isPlaying }) => isPlaying).length
  return {
    what: `  of the first ${playing.toLocaleString('en')} that are ${what}, those of players`,
    value: (first / playing) * 100,
    unit: '%',
    target: { atLeast: 95 },
  }
}

function askedFigures(asked: readonly ArmCall[], { cpuShare, lag }: { cpuShare: number; lag: number }): Figure[] {
  const refused = asked.filter(({ status }) => status === 429).length
  const reads = asked.filter(({ kind }) => kind.startsWith('GET ')).length
  return [
    { what: '  429s received', value: refused, target: { atMost: 0 } },
    { what: '  reads of single resources and operations, a session', value: reads / SESSIONS },
    { what: "  operator's processor, of one core", value: cpuShare * 100, unit: '%' },
    { what: "  operator's event loop lag, p99 of a usual ten seconds", value: lag * 1000, unit: 'ms' },
  ]
}

async function allPlayed(
  seen: Reflector<GameSession>,
  what: string,
  is: (session: GameSession) => boolean = () => true,
): Promise<void> {
  const isPlayed = (one: GameSession) => one.status?.phase === 'Running' && is(one)
  await until(what, async () => seen.store.size === SESSIONS && seen.store.list().every(isPlayed), {
    patienceSeconds: 500,
  })
}
