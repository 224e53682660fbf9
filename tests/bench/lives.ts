// Many sessions live at once: create, running, evicted, running, ended. Before them, a small fleet stands for ten
// minutes of Azure's and the operator's time.

import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import { type Asked, askedBy, endOfLog, writesIn } from './audit.ts'
import type { Figure, Part } from './figures.ts'
import { follow } from './following.ts'
import { forEach, NAMESPACE, OPERATOR, pause, session, startWorld, until, type World } from './world.ts'

const LIVES = Number(process.env.BENCH_LIVES ?? 1000)
const STANDING = Math.min(100, LIVES)
const STANDING_MINUTES = 10
/** The operator's polls and probes in the standing fleet. */
const STANDING_SPEED = 20
/** What a life may cost, Events apart. */
const WRITES_PER_LIFE = 24

export async function lives(folder: string): Promise<Part> {
  const world = await startWorld(folder)
  const following = follow(world.kube, gameSessions)
  const { seen } = following
  try {
    const figures = [...(await standing(world, seen)), ...(await manyLives(world, seen))]
    return { title: `${LIVES} sessions live at once: create, running, evicted, running, ended`, figures }
  } finally {
    await following.end()
    await world.stop()
  }
}

async function standing(world: World, seen: Reflector<GameSession>): Promise<Figure[]> {
  const operator = await world.startOperator(fast(STANDING_SPEED))
  await forEach(STANDING, 16, async index => await world.kube.create(gameSessions, session(index)))
  await inPhase(seen, { count: STANDING, phase: 'Running' })
  await pause(5) // Whatever is still to be written about becoming playable is written.
  const offset = endOfLog(world.cluster.auditLog)
  await pause((STANDING_MINUTES * 60) / STANDING_SPEED)
  const writes = writesIn(await askedBy(OPERATOR, { path: world.cluster.auditLog, offset }))
  await endAll(world, seen)
  await operator.stop()
  return [
    {
      what: `${STANDING} sessions standing for ${STANDING_MINUTES} minutes: Kubernetes writes`,
      value: writes.length,
      target: { atMost: 0 },
    },
  ]
}

async function manyLives(world: World, seen: Reflector<GameSession>): Promise<Figure[]> {
  const operator = await world.startOperator(fast(STANDING_SPEED))
  const offset = endOfLog(world.cluster.auditLog)
  const processor = operator.processorSeconds()
  const reconciles = () => reconciled(operator)
  const before = await reconciles()
  const began = performance.now()
  const sinceBegin = () => (performance.now() - began) / 1000
  const lags: number[] = []
  const sampling = sample(async () => void lags.push(await operator.metric('nodejs_eventloop_lag_p99_seconds')))

  await forEach(LIVES, 32, async index => await world.kube.create(gameSessions, session(index)))
  await inPhase(seen, { count: LIVES, phase: 'Running' })
  const running = sinceBegin()
  const vms = (await world.azure.standing()).filter(name => /-vm-1$/.test(name))
  await forEach(vms.length, 16, async index => await world.azure.evict(vms[index] ?? ''))
  await until('every session has recovered', async () =>
    seen.store.list().every(({ status }) => status?.phase === 'Running' && (status.evictions ?? 0) === 1),
  )
  const recovered = sinceBegin()
  await endAll(world, seen)
  const makespan = sinceBegin()
  await sampling.stop()

  const looks = (await reconciles()) - before
  const processorSeconds = operator.processorSeconds() - processor
  const resident = operator.residentMiB()
  await operator.stop()
  const asked = await askedBy(OPERATOR, { path: world.cluster.auditLog, offset })
  return [
    { what: 'all running after', value: running, unit: 's' },
    { what: 'all recovered from eviction after', value: recovered, unit: 's' },
    { what: 'makespan', value: makespan, unit: 's' },
    ...requestsPerLife(asked),
    { what: 'event loop lag, p99 of the worst ten seconds', value: Math.max(...lags) * 1000, unit: 'ms' },
    { what: 'reconciles', value: looks },
    { what: 'processor per 1,000 reconciles', value: (processorSeconds / looks) * 1000, unit: 's' },
    { what: 'resident memory at the end', value: resident, unit: 'MiB' },
  ]
}

function requestsPerLife(asked: readonly Asked[]): Figure[] {
  const counted = asked.filter(({ resource }) => resource !== 'leases')
  const kinds = new Map<string, number>()
  for (const { verb, resource } of counted)
    kinds.set(`${verb} ${resource}`, (kinds.get(`${verb} ${resource}`) ?? 0) + 1)
  const each = [...kinds]
    .toSorted(([, left], [, right]) => right - left)
    .map(([kind, count]) => ({ what: `requests a life: ${kind}`, value: count / LIVES }))
  const writes = writesIn(counted)
  return [
    ...each,
    { what: 'refused with a conflict, of all writes', value: writes.filter(({ code }) => code === 409).length },
    { what: 'writes a life, Events apart', value: writes.length / LIVES, target: { atMost: WRITES_PER_LIFE } },
  ]
}

/** Everything ends as a player ends it, and then is deleted. */
async function endAll(world: World, seen: Reflector<GameSession>): Promise<void> {
  const names = seen.store.list().map(({ metadata }) => metadata.name)
  await forEach(names.length, 32, async index => {
    const reference = { namespace: NAMESPACE, name: names[index] ?? '' }
    await world.kube.mergePatch(gameSessions, reference, { spec: { desiredState: 'Ended' } })
  })
  await inPhase(seen, { count: names.length, phase: 'Ended' })
  await forEach(names.length, 32, async index => {
    await world.kube.delete(gameSessions, { namespace: NAMESPACE, name: names[index] ?? '' })
  })
  await until('every object is gone', async () => seen.store.size === 0)
}

async function inPhase(seen: Reflector<GameSession>, wanted: { count: number; phase: string }): Promise<void> {
  await until(`${wanted.count} sessions are ${wanted.phase}`, async () => {
    return seen.store.list().filter(({ status }) => status?.phase === wanted.phase).length === wanted.count
  })
}

async function reconciled(operator: { metric(line: string): Promise<number> }): Promise<number> {
  let sum = 0
  for (const controller of ['gpuvm.lifecycle', 'gamesession.lifecycle'])
    for (const result of ['success', 'error', 'requeue', 'requeue_after'])
      sum += await operator.metric(`controller_runtime_reconcile_total{controller="${controller}",result="${result}"}`)
  return sum
}

function fast(speed: number): Record<string, string> {
  return {
    OPERATION_POLL_SECONDS: '0.05', // Also how much faster than in life Azure's limits are taken to refill: 80 times.
    FLEET_POLL_SECONDS: String(5 / speed),
    PROBE_SECONDS: String(15 / speed),
    SWEEP_SECONDS: String(120 / speed),
  }
}

/** Looks once a second. */
function sample(look: () => Promise<void>): { stop(): Promise<void> } {
  let isOver = false
  const looking = (async () => {
    while (!isOver) {
      await look().catch(() => undefined) // It has no time to answer: the next look sees how long that was.
      await pause(1)
    }
  })()
  return {
    async stop() {
      isOver = true
      await looking
    },
  }
}
