// A session's evening on the real API server.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { conditionOf, refusedBy } from '../../operator/gamesession/sights.fixture.ts'
import { isIn, playableSince, readyOf, type Stage, secondsAgo, silentSince, startStage } from './gamesession.stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await startStage()
})
afterAll(async () => await stage?.stop())

const MACHINE = 'evening-centralindia'

test('I1, I4, I6: an evening: played, evicted, recovered, paused, resumed, ended, settled', async () => {
  await stage.scene('evening')
  await stage.play('evening', { paidSeconds: 3600 })
  const machine = await stage.machine(MACHINE)
  expect(machine.spec).toMatchObject({
    region: 'centralindia',
    size: 'Standard_A',
    priority: 'Spot',
    onEviction: 'Regular',
  })
  expect(machine.metadata.labels).toMatchObject({ 'wasd.cloud/player': 'ada', 'wasd.cloud/session': 'evening' })
  expect(machine.metadata.ownerReferences).toMatchObject([{ kind: 'GameSession', name: 'evening', controller: true }])
  const taken = await stage.session('evening', 'is on its way', isIn('Provisioning'))
  expect(taken.metadata.finalizers).toContain('wasd.cloud/operator')
  expect(readyOf(taken)?.status).toBe('Unknown')

  const since = secondsAgo(60)
  await stage.azureSays(MACHINE, playableSince(since))
  const running = await stage.session('evening', 'runs', isIn('Running'))
  expect(running.status).toMatchObject({
    readyAt: since,
    billing: { seconds: 0, since },
    endpoint: { host: '127.64.0.7' },
  })
  expect(running.status?.paidUntil).toBe(new Date(new Date(since).getTime() + 3_600_000).toISOString())

  const lastAnsweredAt = secondsAgo(20)
  const detour = { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted' } as const
  await stage.azureSays(
    MACHINE,
    silentSince(lastAnsweredAt, { evictedAt: secondsAgo(18), evictions: 1, incarnation: detour }),
  )
  const recovering = await stage.session('evening', 'recovers', isIn('Recovering'))
  expect(recovering.status?.billing).toEqual({ seconds: 40 })
  expect(recovering.status).toMatchObject({ evictions: 1, endpoint: { host: '127.64.0.7' } })

  await stage.azureSays(MACHINE, { ...playableSince(secondsAgo(1)), priority: 'Regular', evictions: 1 })
  const recovered = await stage.session('evening', 'runs again', isIn('Running'))
  expect(recovered.status).toMatchObject({
    placement: { capacityType: 'OnDemand' },
    interruptions: [{ cause: 'Evicted', since: lastAnsweredAt, seconds: expect.any(Number) }],
  })

  await stage.want('evening', { desiredState: 'Paused' })
  await stage.until(
    'the machine is to rest',
    async () => (await stage.machine(MACHINE)).spec.powerState === 'Deallocated',
  )
  await stage.azureSays(MACHINE, {
    phase: 'Deallocated',
    powerState: 'Deallocated',
    conditions: [conditionOf('Ready', 'True', 'Deallocated'), conditionOf('Playable', 'False', 'MachineNotRunning')],
  })
  const paused = await stage.session('evening', 'is paused', isIn('Paused'))
  expect(readyOf(paused)).toMatchObject({ status: 'True', reason: 'Paused' })
  expect(paused.status?.billing?.since).toBeUndefined()

  await stage.want('evening', { desiredState: 'Running' })
  await stage.until('the machine is to run', async () => (await stage.machine(MACHINE)).spec.powerState === 'Running')
  await stage.azureSays(MACHINE, { ...playableSince(new Date().toISOString()), priority: 'Spot' })
  await stage.session('evening', 'runs once more', isIn('Running'))

  await stage.want('evening', { desiredState: 'Ended' })
  const ending = await stage.session('evening', 'ends', isIn('Ending'))
  expect(ending.status).toMatchObject({ endReason: 'PlayerEnded', billing: { final: true } })
  await stage.until(
    'the machine is to go',
    async () => (await stage.machine(MACHINE)).metadata.deletionTimestamp !== undefined,
  )
  expect(await stage.session('evening', 'still ends', () => true)).toSatisfy(isIn('Ending'))
  await stage.azureLetsGo(MACHINE)
  const ended = await stage.session('evening', 'has ended', isIn('Ended'))
  expect(readyOf(ended)).toMatchObject({ status: 'True', reason: 'Ended' })
  expect(ended.status?.billing).toEqual(ending.status?.billing)

  await stage.delete('evening')
  await stage.gone('evening')
  const told = [
    'Placed',
    'Playable',
    'Evicted',
    'Recovered',
    'Pausing',
    'Paused',
    'Resuming',
    'Resumed',
    'Ending',
    'Ended',
  ]
  await stage.until('every step is told', async () => {
    const reasons = await stage.eventsOf('evening')
    return told.every(reason => reasons.includes(reason))
  })
})

test('I3: when the paid seconds are played it ends by itself, and asks nobody', async () => {
  await stage.scene('paid', { paidGraceSeconds: 0 })
  await stage.play('evening', { paidSeconds: 61 })
  await stage.azureSays(MACHINE, playableSince(secondsAgo(60)))
  const ending = await stage.session('evening', 'ends', isIn('Ending'))
  expect(ending.status).toMatchObject({ endReason: 'PaidTimeUsed', billing: { final: true, seconds: 61 } })
  await stage.azureLetsGo(MACHINE)
  await stage.session('evening', 'has ended', isIn('Ended'))
})

test('I1: a second session of one player waits for the first, and then has its turn', async () => {
  await stage.scene('second')
  await stage.play('evening')
  await stage.machine(MACHINE)
  await stage.play('later')
  const waiting = await stage.session('later', 'waits', session => readyOf(session)?.reason === 'PlayerBusy')
  expect(waiting.status?.phase).toBe('Pending')
  expect(readyOf(waiting)?.message).toContain('second/evening')
  expect(await stage.machineNames()).toEqual([MACHINE])
  await stage.want('evening', { desiredState: 'Ended' })
  await stage.machine('later-centralindia')
})

test('I8: a game that the catalogue does not know is told, and costs nothing', async () => {
  await stage.scene('unknown')
  await stage.play('evening', { game: 'tetris' })
  const failed = await stage.session('evening', 'has failed', isIn('Failed'))
  expect(condition(failed.status?.conditions, 'Stalled')).toMatchObject({ status: 'True', reason: 'GameUnknown' })
  expect(readyOf(failed)?.message).toContain('it has: quake, doom')
  expect(await stage.machineNames()).toEqual([])
  await stage.delete('evening')
  await stage.gone('evening')
})

test('I2: a deletion overtakes a creation, and waits for Azure', async () => {
  await stage.scene('overtaken')
  await stage.play('evening')
  await stage.azureSays(MACHINE, { phase: 'Creating' })
  await stage.delete('evening')
  await stage.until(
    'the machine is to go',
    async () => (await stage.machine(MACHINE)).metadata.deletionTimestamp !== undefined,
  )
  const ending = await stage.session('evening', 'waits for Azure', isIn('Ending'))
  expect(ending.status).toMatchObject({ endReason: 'Deleted', billing: { seconds: 0, final: true } })
  await stage.azureLetsGo(MACHINE)
  await stage.gone('evening')
})

test('what Azure refuses in one region is looked for in the next, one machine at a time', async () => {
  await stage.scene('elsewhere')
  await stage.play('evening', { regions: ['centralindia', 'westeurope'], capacity: { preference: 'SpotOnly' } })
  await stage.azureSays(MACHINE, refusedBy('SkuNotAvailable', secondsAgo(2)))
  await stage.until('another size is tried', async () => (await stage.machine(MACHINE)).spec.size === 'Standard_B')
  await stage.azureSays(MACHINE, refusedBy('SkuNotAvailable', secondsAgo(1)))
  await stage.until(
    'the machine is given up',
    async () => (await stage.machine(MACHINE)).metadata.deletionTimestamp !== undefined,
  )
  expect(await stage.machineNames()).toEqual([MACHINE])
  await stage.azureLetsGo(MACHINE)
  const elsewhere = await stage.machine('evening-westeurope')
  expect(elsewhere.spec).toMatchObject({ region: 'westeurope', size: 'Standard_A', priority: 'Spot' })
  expect(await stage.machineNames()).toEqual(['evening-westeurope'])
})

test('a machine deleted under its session is replaced, and the gap is not billed', async () => {
  await stage.scene('bereft')
  await stage.play('evening')
  const first = await stage.machine(MACHINE)
  await stage.azureSays(MACHINE, playableSince(secondsAgo(30)))
  await stage.session('evening', 'runs', isIn('Running'))
  await stage.kube.delete(gpuVms, { namespace: 'bereft', name: MACHINE })
  await stage.azureSays(MACHINE, silentSince(secondsAgo(10)))
  await stage.session('evening', 'recovers', isIn('Recovering'))
  await stage.azureLetsGo(MACHINE)
  await stage.until('there is another', async () => (await stage.machine(MACHINE)).metadata.uid !== first.metadata.uid)
  const waiting = await stage.session('evening', 'has another', ({ status }) => status?.vm?.uid !== first.metadata.uid)
  expect(waiting.status).toMatchObject({ phase: 'Recovering', billing: { seconds: 20 } })
})

test('I7: an operator that starts anew over standing sessions writes nothing', async () => {
  await stage.scene('standing')
  await stage.play('evening')
  await stage.azureSays(MACHINE, playableSince(secondsAgo(5)))
  await stage.session('evening', 'runs', isIn('Running'))
  await stage.play('asked', { game: 'tetris', player: 'eve' })
  await stage.session('asked', 'has failed', isIn('Failed'))

  const versions = async () => {
    const { items } = await stage.kube.list(gameSessions, { namespace: 'standing' })
    return items.map(({ metadata }) => metadata.resourceVersion)
  }
  const before = await versions()
  await stage.operate()
  // A third session that comes after shows that the new operator has looked at what stands.
  await stage.play('marker', { game: 'tetris', player: 'bob' })
  await stage.session('marker', 'has failed', isIn('Failed'))
  const after = await versions()
  expect(after.filter(version => before.includes(version))).toEqual(before)
})

test('a status that somebody edits is written as it is', async () => {
  await stage.scene('edited')
  await stage.play('evening')
  await stage.azureSays(MACHINE, playableSince(secondsAgo(5)))
  await stage.session('evening', 'runs', isIn('Running'))
  await stage.kube.mergePatch(
    gameSessions,
    { namespace: 'edited', name: 'evening' },
    { status: { phase: 'Paused', endpoint: { host: '192.0.2.1' } } },
    { subresource: 'status' },
  )
  const mended = await stage.session(
    'evening',
    'is told as it is',
    ({ status }) => status?.endpoint?.host === '127.64.0.7',
  )
  expect(mended.status?.phase).toBe('Running')
})

test('several namespaces are one view, each watched by itself', async () => {
  const view = stage.reflect(['unknown', 'standing'])
  const stop = new AbortController()
  const running = view.parts.map(part => part.run(stop.signal))
  await view.view.synced
  await stage.scene('standing-by')
  const seen: string[] = []
  view.view.onChange(({ object }) => seen.push(object.metadata.name))
  await stage.kube.mergePatch(
    gameSessions,
    { namespace: 'standing', name: 'marker' },
    { metadata: { labels: { seen: 'yes' } } },
  )
  await stage.until('the change is seen', async () => seen.includes('marker'))
  expect(view.view.store.byIndex('player', 'bob').map(({ metadata }) => metadata.name)).toEqual(['marker'])
  expect(view.view.store.get({ namespace: 'standing', name: 'evening' })).toBeDefined()
  expect(view.view.store.get({ namespace: 'edited', name: 'evening' })).toBeUndefined()
  stop.abort()
  await Promise.all(running)
})
