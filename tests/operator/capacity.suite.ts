// Who gets what of Azure's capacity, on the real API server, with Azure's quotas, refusals and rates simulated at the
// wire. Each test has a region of its own, so that none is refused what another has used up.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { GameSession } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { type Postgres, startPostgres } from '../../demo/stack/postgres.ts'
import { connect } from '../../lib/database/pool.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { events } from '../../lib/kube/core.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { listen } from '../../lib/process/server.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { capacityRoutes } from '../../operator/capacity/routes.ts'
import type { CapacitySettings } from '../../operator/capacity-side.ts'
import type { HistoryStore } from '../../operator/history/history.ts'
import { postgresHistory } from '../../operator/history/postgres.ts'
import { isPlayable, OTHER_SIZE, type Scene, SIZE, type World } from './support/world.ts'

const log = createLogger({ program: 'test', level: 'silent' })

type OnTestFinished = (end: () => Promise<void>) => void

/** Looks at the quotas of Azure several times in a second. */
const ATTENTIVE = { quotaSeconds: 0.15 }

const offeringsShape = z.object({
  offerings: z.array(
    z.looseObject({
      region: z.string(),
      size: z.string(),
      priority: z.string(),
      verdict: z.string(),
      hourlyPriceUsd: z.number().optional(),
      evictions: z.looseObject({ published: z.number().optional() }).optional(),
      quotaLeft: z.record(z.string(), z.number()),
    }),
  ),
  regions: z.array(z.looseObject({ region: z.string(), rest: z.looseObject({ is: z.string() }).optional() })),
})
const queueShape = z.object({
  waiting: z.number(),
  sessions: z.array(z.looseObject({ name: z.string(), place: z.number(), reasons: z.array(z.string()) })),
})

const readyOf = ({ status }: GameSession) => condition(status?.conditions, 'Ready')
const isIn = (phase: string) => (session: GameSession) => session.status?.phase === phase
const spotOnly = { capacity: { preference: 'SpotOnly' } } as const

function orderOf({ metadata }: GameSession): string {
  return `${metadata.creationTimestamp} ${metadata.uid}`
}

export function capacityIsShared(world: () => World): void {
  let folder: string
  let postgres: Postgres
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capacity-test-'))
    postgres = await startPostgres({ folder })
  })
  afterAll(async () => {
    await postgres?.stop()
    await rm(folder, { recursive: true, force: true })
  })
  const historyStore = () => postgresHistory({ url: postgres.url('wasd_operator'), log })

  /** An evening in one region, with an operator that answers on a port. */
  async function evening(
    name: string,
    options: {
      region: string
      capacity?: Partial<CapacitySettings> & { prices?: boolean; store?: HistoryStore }
      onTestFinished: OnTestFinished
    },
  ) {
    const { region, capacity = {}, onTestFinished } = options
    const scene = await world().scene(name, onTestFinished)
    const operator = scene.operate({ sessions: true, capacity: { ...ATTENTIVE, ...capacity } })
    const application = capacityRoutes(operator.capacity.see)
    const server = await listen({ application, name: 'hints', port: 0, host: '127.0.0.1', clock, log })
    onTestFinished(() => server.close(0))
    const ask = async (path: string): Promise<unknown> =>
      await (await fetch(`http://127.0.0.1:${server.port}/v1/${path}`)).json()

    return {
      ...scene,
      offerings: async () => offeringsShape.parse(await ask(`offerings?region=${region}`)),
      queue: async () => queueShape.parse(await ask('queue')),
      inQueue: (session: string) => ask(`queue/${name}/${session}`),
      /** Each by a player of its own. */
      wants: async (session: string, spec: Parameters<Scene['play']>[1] = {}) =>
        await scene.play(session, { player: session, regions: [region], ...spec }),
      waits: async (session: string, reason: string) =>
        await scene.session(session, `waits for ${reason}`, one => readyOf(one)?.reason === reason),
      machines: async () => {
        const { items } = await world().kube.list(gpuVms, { namespace: name })
        return items.map(({ metadata, spec }) => ({ session: metadata.labels?.['wasd.cloud/session'], ...spec }))
      },
    }
  }

  async function quota(region: string, limit: number): Promise<void> {
    await world().azure.control('POST', 'quota', { region, name: 'lowPriorityCores', limit })
  }

  test.concurrent('with no quota left sessions wait in line; as it rises and as machines go, the head is served, and nobody is refused', async ({
    onTestFinished,
  }) => {
    const region = 'centralindia'
    await quota(region, 0)
    const mark = await world().azure.mark()
    const { until, queue, offerings, inQueue, machines, wants, waits, want, session } = await evening('line', {
      region,
      onTestFinished,
    })
    await until('the quota is known', async () => (await offerings()).offerings[0]?.quotaLeft.lowPriorityCores === 0)
    const made = await Promise.all(['red', 'green', 'blue'].map(name => wants(name, spotOnly)))
    const line = made
      .toSorted((one, other) => orderOf(one).localeCompare(orderOf(other)))
      .map(({ metadata }) => metadata.name)
    const [first = '', second = '', third = ''] = line

    await Promise.all(line.map(name => waits(name, 'NoCapacity')))
    expect(await queue()).toMatchObject({
      waiting: 3,
      sessions: [
        { name: first, place: 1, reasons: ['QuotaUsed'] },
        { name: second, place: 2 },
        { name: third, place: 3 },
      ],
    })
    expect(await inQueue(third)).toMatchObject({ place: 3, evidence: { servedLastHour: 0 } })
    expect(await machines()).toEqual([])

    await quota(region, 12) // One machine of the better size.
    await session(first, 'is served', isIn('Running'))
    expect((await machines()).map(machine => machine.session)).toEqual([first])
    expect(await inQueue(first)).toMatchObject({ code: 'NotWaiting' })
    expect(await inQueue(second)).toMatchObject({ place: 1 })

    await want(first, { spec: { desiredState: 'Ended' } })
    await session(second, 'is served in its turn', isIn('Running'))
    expect((await queue()).sessions.map(({ name, place }) => [name, place])).toEqual([[third, 1]])
    const puts = (await world().azure.calls(mark)).filter(
      ({ kind, path }) => kind === 'PUT virtualMachines' && path.includes(`wasd-${region}`),
    )
    expect(puts.map(({ status }) => status)).toEqual([201, 201])
  })

  test.concurrent('quotas that cannot be read hold nobody up: Azure itself is asked then', async ({
    onTestFinished,
  }) => {
    const region = 'francecentral'
    await quota(region, 0)
    const { until, offerings, wants, waits, session } = await evening('throttled', {
      region,
      capacity: { quotaStaleSeconds: 1 },
      onTestFinished,
    })
    await until('the quota is known', async () => (await offerings()).offerings[0]?.quotaLeft.lowPriorityCores === 0)
    await wants('patient', spotOnly)
    await waits('patient', 'NoCapacity')

    await world().azure.fault(
      { kind: 'computeUsages', resource: region, times: null },
      { throttle: { retryAfterSeconds: 60 } },
    )
    await quota(region, 12) // Which nobody can see.
    await session('patient', 'is served all the same', isIn('Running'))
    expect((await offerings()).offerings[0]?.quotaLeft).toEqual({})
  })

  test.concurrent('a paused session counts for no limit, and asks again when it is to go on', async ({
    onTestFinished,
  }) => {
    const { wants, waits, want, session, machines, inQueue } = await evening('limited', {
      region: 'westeurope',
      capacity: { limits: { namespaces: { limited: { machines: 1 } }, regions: {} } },
      onTestFinished,
    })
    await wants('first')
    await session('first', 'is let in', isIn('Running'))
    await wants('second')
    await waits('second', 'LimitReached')
    expect(await inQueue('second')).toMatchObject({ place: 1, reasons: ['LimitReached'] })
    expect(await machines()).toHaveLength(1)

    // A stopped machine counts no more; to start it again is to ask again.
    await want('first', { spec: { desiredState: 'Paused' } })
    await session('second', 'is let in', isIn('Running'))
    await want('first', { spec: { desiredState: 'Running' } })
    await waits('first', 'LimitReached')
    await want('second', { spec: { desiredState: 'Ended' } })
    await session('first', 'goes on', isIn('Running'))
  })

  test.concurrent('an event tells why this place was taken and why the others were not; the offerings show the rates that Azure publishes', async ({
    onTestFinished,
  }) => {
    const region = 'westeurope'
    const [dear, cheap] = [SIZE, OTHER_SIZE]
    await world().azure.control('POST', 'eviction-rate', { region, size: cheap, rate: '20+' })
    for (const [size, usdPerHour] of [
      [dear, 0.24],
      [cheap, 0.2],
    ] as const) {
      await world().azure.control('POST', 'price', { region, size, priority: 'Spot', usdPerHour })
    }
    const { until, offerings, wants, session } = await evening('explained', {
      region,
      capacity: { prices: true },
      onTestFinished,
    })
    const spot = async (size: string) =>
      (await offerings()).offerings.find(one => one.size === size && one.priority === 'Spot')
    await until('rates and prices are known', async () => {
      const one = await spot(cheap)
      return one?.evictions?.published === 0.25 && one.hourlyPriceUsd === 0.2
    })

    await wants('evening')
    await session('evening', 'has its place', ({ status }) => status?.placement !== undefined)
    const note = await until('the placement is told', async () => {
      const { items } = await world().kube.list(events, { namespace: 'explained' })
      return items.find(({ reason, regarding }) => reason === 'Placed' && regarding?.name === 'evening')?.note
    })
    // The cheaper one is taken back so often that it comes dearer.
    expect(note).toMatch(/^Standard_NV12ads_A10_v5 spot in westeurope at 0\.24 USD per hour \(\d\.\d+ with likely/)
    expect(note).toMatch(/Next would be Standard_NC8as_T4_v3 spot in westeurope at 0\.2 USD .* \(it is dearer\)/)
    expect(note).toContain('(spot goes first)')
  })

  test.concurrent('a region in which creations fail is rested: who may goes elsewhere, and comes back when one has succeeded', async ({
    onTestFinished,
  }) => {
    const region = 'germanywestcentral'
    const regions = [region, 'westeurope']
    const { until, offerings, wants, session } = await evening('rested', { region, onTestFinished })
    const fault = await world().azure.fault(
      { kind: 'PUT virtualMachines', resource: `wasd-${region}`, times: null },
      { failLate: { code: 'InternalExecutionError', message: 'The host did not come up.' } },
    )
    const unlucky = ['una', 'dos', 'tres', 'cuatro', 'cinco']
    await Promise.all(unlucky.map(name => wants(name)))
    const rest = async () => (await offerings()).regions[0]?.rest?.is
    await until('the region rests', async () => (await rest()) === 'Resting')
    await wants('clever', { regions })
    const clever = await session('clever', 'has its place', ({ status }) => status?.placement !== undefined)
    expect(clever.status?.placement?.region).toBe('westeurope')

    await world().azure.faultless(fault)
    await Promise.all(unlucky.map(name => session(name, 'is lucky in the end', isIn('Running'))))
    expect(await rest()).toBeUndefined()
    await wants('late', { regions })
    const late = await session('late', 'has its place', ({ status }) => status?.placement !== undefined)
    expect(late.status?.placement?.region).toBe(region)
  })

  test.concurrent('a new operator with a history asks for nothing that was refused to the one before it; without one it asks once', async ({
    onTestFinished,
  }) => {
    const region = 'eastus'
    await quota(region, 500)
    await world().azure.capacity(0, { region, size: SIZE, priority: 'Spot', refusal: 'SkuNotAvailable' })
    const scene = await world().scene('remembered', onTestFinished)
    /** Where a session comes to play under a new operator, and what Azure answered on the way. */
    const playsUnder = async (session: string, keeps: 'History' | 'Nothing') => {
      const capacity = keeps === 'History' ? { store: historyStore() } : {}
      const mark = await world().azure.mark()
      scene.operate({ sessions: true, capacity })
      await scene.play(session, { player: session, regions: [region], ...spotOnly })
      const { status } = await scene.session(session, 'is played', isIn('Running'))
      await scene.end()
      const puts = (await world().azure.calls(mark)).filter(
        ({ kind, path }) => kind === 'PUT virtualMachines' && path.includes(`wasd-${region}`),
      )
      return { size: status?.placement?.size, answers: puts.map(put => put.code ?? put.status) }
    }
    const size = OTHER_SIZE
    expect(await playsUnder('first', 'History')).toEqual({ size, answers: ['SkuNotAvailable', 201] })
    expect(await playsUnder('second', 'History')).toEqual({ size, answers: [201] })
    expect(await playsUnder('third', 'Nothing')).toEqual({ size, answers: ['SkuNotAvailable', 201] })
  })

  test.concurrent('what is asked, refused, granted, evicted and given back comes into the database in its order, each at its price', async ({
    onTestFinished,
  }) => {
    const region = 'uksouth'
    const list = { [SIZE]: { Spot: 0.21, Regular: 0.91 }, [OTHER_SIZE]: { Spot: 0.22, Regular: 0.82 } }
    for (const [size, by] of Object.entries(list)) {
      for (const [priority, usdPerHour] of Object.entries(by))
        await world().azure.control('POST', 'price', { region, size, priority, usdPerHour })
    }
    const refusal = { region, size: SIZE, priority: 'Spot', refusal: 'AllocationFailed' } // Told late.
    await world().azure.capacity(0, refusal)
    const { until, offerings, wants, session, machine, want, gone, end } = await evening('noted', {
      region,
      capacity: { prices: true, store: historyStore() },
      onTestFinished,
    })
    await until('all prices are known', async () => {
      const known = new Set((await offerings()).offerings.map(({ hourlyPriceUsd }) => hourlyPriceUsd))
      return Object.values(list).every(({ Spot, Regular }) => known.has(Spot) && known.has(Regular))
    })
    await wants('evening')
    await session('evening', 'runs', isIn('Running'))
    const { metadata, status } = await machine(`evening-${region}`, 'is playable', isPlayable)
    await world().azure.evict(`gvm-${metadata.uid}-vm-${status?.incarnation?.number}`)
    await session('evening', 'plays on', one => isIn('Running')(one) && one.status?.evictions === 1)
    await want('evening', { spec: { desiredState: 'Ended' } })
    await gone(`evening-${region}`)
    await end()

    const database = connect(postgres.url('wasd_operator'), { max: 1, applicationName: 'test' })
    // After a creation that failed late Azure keeps the interface a while, and says so as often as it is asked.
    const rows = await database`
    select kind, size, priority, code, hourly_price_usd::float as price from capacity_events
    where gpu_vm_uid = ${metadata.uid ?? ''} and code is distinct from 'NicReservedForAnotherVm' order by id`
    await database.end()
    const onSpot = { size: OTHER_SIZE, priority: 'Spot', code: null, price: 0.22 }
    const onDemand = { size: OTHER_SIZE, priority: 'Regular', code: null, price: 0.82 }
    expect(rows.map(row => ({ ...row }))).toEqual([
      { kind: 'Asked', size: SIZE, priority: 'Spot', code: null, price: 0.21 },
      { kind: 'Refused', size: SIZE, priority: 'Spot', code: 'AllocationFailed', price: 0.21 },
      { kind: 'Asked', ...onSpot },
      { kind: 'Granted', ...onSpot },
      { kind: 'Evicted', ...onSpot },
      { kind: 'Asked', ...onDemand },
      { kind: 'Granted', ...onDemand },
      { kind: 'Released', ...onDemand },
    ])
  })
}
