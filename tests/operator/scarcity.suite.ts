// What several parts have to do together when Azure is short of machines, of money's worth or of patience: the reserve and
// the rescue, another size and another region, a price that falls, and whose request goes first. Each test
// has regions of its own, so that none takes another's.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import type { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { GameSession } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { regionOffers } from '../../operator/capacity/offerings.ts'
import type { ArmCall } from './support/azure.ts'
import { isPlayable, OTHER_SIZE, SIZE, SPEED, type World } from './support/world.ts'

const runs = ({ status }: GameSession) => status?.phase === 'Running'
const reasonOf = ({ status }: GameSession) => condition(status?.conditions, 'Ready')?.reason
/** Pauses all of its method in the subscription, for no longer than a call waits in line. */
const PAUSE = { status: 429, code: 'SubscriptionRequestsThrottled', message: 'Later.', retryAfterSeconds: 3 }
const isVmChange = ({ kind }: ArmCall) => kind === 'DELETE virtualMachines' || kind === 'PUT virtualMachines'
/** How many calls of an urgency stand in line. */
const inLine = (registry: Registry) => async (urgency: string) => {
  const { values = [] } = (await registry.getSingleMetric('wasd_azure_requests_waiting')?.get()) ?? {}
  return values.find(({ labels }) => labels.urgency === urgency)?.value ?? 0
}

/** What operators of this process send, in that order: those that go at once by two connections may come in another. */
function sentToAzure() {
  const sent: Pick<ClientRequest, 'method' | 'path'>[] = []
  const note = (message: unknown) => {
    const { request } = message as { request: ClientRequest }
    sent.push({ method: request.method, path: request.path })
  }
  subscribe('http.client.request.start', note)
  return { sent, end: () => void unsubscribe('http.client.request.start', note) }
}

export function shortageIsBorne(world: () => World): void {
  const control = async (what: string, body: object) => await world().azure.control('POST', what, body)

  test.concurrent('the last on-demand machine is kept for whoever is evicted, with the chance of it told: who is new waits, and is served as the quota rises', async ({
    onTestFinished,
  }) => {
    const region = 'southindia'
    const limit = async (cores: number) => {
      for (const name of ['cores', 'StandardNVADSA10v5Family']) await control('quota', { region, name, limit: cores })
    }
    await limit(12) // One machine of the better size, and none of the other.
    await control('quota', { region, name: 'Standard NCASv3_T4 Family', limit: 0 })
    const scene = await world().scene('reserve', onTestFinished)
    const { capacity } = scene.operate({
      sessions: true,
      capacity: { quotaSeconds: 0.15, rescueReserve: { share: 1, minimum: 1 } },
    })
    const rescue = () => regionOffers(capacity.see.market()).find(one => one.region === region)?.rescue
    await scene.until('the quota is known', async () => capacity.see.market().stock.left(region, 'cores') === 12)
    await scene.play('gamer', { player: 'gamer', regions: [region] })
    const before = await scene.session('gamer', 'runs on spot', runs)
    expect(before.status?.placement).toMatchObject({ size: SIZE, capacityType: 'Spot' })
    expect(rescue()).toEqual({ spotMachines: 1, keptMachines: 1, keptCores: 12, freeMachines: 1, chance: 1 })

    await scene.play('buyer', { player: 'buyer', regions: [region], capacity: { preference: 'OnDemandOnly' } })
    await scene.session('buyer', 'waits', one => reasonOf(one) === 'NoCapacity')
    const [waiting] = capacity.see.queue().waiting
    expect(waiting?.ranking.ruledOut).toContainEqual(expect.objectContaining({ size: SIZE, reason: 'RescueReserve' }))

    const { metadata } = await scene.machine(`gamer-${region}`, 'is playable', isPlayable)
    await world().azure.evict(`gvm-${metadata.uid}-vm-1`)
    const after = await scene.session('gamer', 'plays on', one => runs(one) && one.status?.evictions === 1)
    expect(after.status).toMatchObject({
      placement: { size: SIZE, capacityType: 'OnDemand' },
      endpoint: before.status?.endpoint,
    })
    expect(reasonOf(await scene.session('buyer', 'is there', () => true))).toBe('NoCapacity')
    await limit(24)
    await scene.session('buyer', 'is served', runs)
  })

  test.concurrent('I6: refused on demand it plays on in another size, from the same disk at the same address; resumed with no size left, in another region from a copy', async ({
    onTestFinished,
  }) => {
    const [home, away] = ['swedencentral', 'westeurope']
    const available = async (count: number | null, size: string, priority: 'Spot' | 'Regular') =>
      await world().azure.capacity(count, { region: home, size, priority })
    const everything = [SIZE, OTHER_SIZE].flatMap(size =>
      (['Spot', 'Regular'] as const).map(kind => [size, kind] as const),
    )
    const scene = await world().scene('sizes', onTestFinished)
    scene.operate({ sessions: true })
    await scene.play('evening', { regions: [home, away] })
    const before = await scene.session('evening', 'runs', runs)
    expect(before.status?.placement).toMatchObject({ region: home, size: SIZE })
    const { metadata } = await scene.machine(`evening-${home}`, 'is playable', isPlayable)
    const uid = metadata.uid ?? ''
    const [disk] = (await world().azure.of(uid)).disks

    await available(0, SIZE, 'Regular')
    await world().azure.evict(`gvm-${uid}-vm-1`)
    const smaller = await scene.session('evening', 'plays on', one => runs(one) && one.status?.evictions === 1)
    expect(smaller.status).toMatchObject({
      placement: { region: home, size: OTHER_SIZE },
      endpoint: before.status?.endpoint,
    })
    const held = await world().azure.of(uid)
    expect(held.disks.map(({ properties }) => properties.uniqueId)).toEqual([disk?.properties.uniqueId])
    expect(held.virtualMachines.map(({ properties }) => properties.hardwareProfile.vmSize)).toEqual([OTHER_SIZE])

    await scene.want('evening', { spec: { desiredState: 'Paused' } })
    await scene.session('evening', 'is paused', ({ status }) => status?.phase === 'Paused')
    for (const [size, kind] of everything) await available(0, size, kind)
    await scene.want('evening', { spec: { desiredState: 'Running' } })
    const moved = await scene.session(
      'evening',
      'plays on elsewhere',
      one => runs(one) && one.status?.placement?.region === away,
    )
    expect(moved.status?.evictions).toBe(1)
    const copy = await scene.machine(`evening-${away}`, 'is playable', isPlayable)
    expect(copy.spec.disks.os.copyOf).toContain(`gvm-${uid}-os`)
    await scene.gone(`evening-${home}`)
    expect(await world().azure.standing(uid)).toEqual([])
  })

  test.concurrent('a price that falls to what a player will pay serves the session that waits for it', async ({
    onTestFinished,
  }) => {
    const region = 'northeurope'
    const price = async (size: string, usdPerHour: number) =>
      await control('price', { region, size, priority: 'Spot', usdPerHour })
    for (const size of [SIZE, OTHER_SIZE]) await price(size, 0.9)
    const scene = await world().scene('prices', onTestFinished)
    const { capacity } = scene.operate({ sessions: true, capacity: { prices: true, priceSeconds: 0.2 } })
    await scene.play('evening', {
      regions: [region],
      capacity: { preference: 'SpotOnly', maxHourlyPriceUsd: '0.5' },
    })
    await scene.session('evening', 'waits', one => reasonOf(one) === 'PriceCap')
    await scene.until('it waits for the price', async () =>
      capacity.see.queue().waiting[0]?.ranking.ruledOut.every(({ reason }) => reason === 'AbovePriceCap'),
    )
    await price(SIZE, 0.3)
    const served = await scene.session('evening', 'is served', runs)
    expect(served.status?.placement).toMatchObject({ size: SIZE, hourlyPriceUsd: '0.3' })
  })

  test.concurrent('a rescue and a creation stand in one line for Azure’s limits, each by its urgency', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('urgency', onTestFinished)
    const { registry } = scene.operate({ isBudgeted: true })
    const uid = await scene.apply('played')
    await scene.machine('played', 'is playable', isPlayable)

    const refused = await scene.apply('refused', {}, { annotations: { 'wasd.cloud/suspend': '' } })
    await world().azure.fault({ kind: 'PUT publicIPAddresses', resource: refused }, PAUSE)
    await scene.annotate('refused', { 'wasd.cloud/suspend': null })
    await scene.until('Azure has said so', async () =>
      (await world().azure.calls(0)).some(({ path, status }) => status === 429 && path.includes(refused)),
    )
    await world().azure.evict(`gvm-${uid}-vm-1`)
    await scene.apply('new')
    const waiting = inLine(registry)
    await scene.until(
      'both stand in line',
      async () => (await waiting('Rescue')) === 1 && (await waiting('Creation')) >= 1,
    )
    for (const name of ['played', 'refused', 'new']) await scene.machine(name, 'is playable', isPlayable)
  })

  test.concurrent('of two that are evicted together whoever was playing goes first, with the removal and with the new machine, though it is the younger', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('players', onTestFinished)
    const waiting = inLine(scene.operate({ isBudgeted: true }).registry)
    const stands = async (name: string) => {
      const uid = await scene.apply(name)
      await scene.machine(name, 'is playable', isPlayable)
      return uid
    }
    const [idle, played, leaving] = [await stands('a-idle'), await stands('b-played'), await stands('leaving')]
    const coming = await scene.apply('coming', {}, { annotations: { 'wasd.cloud/suspend': '' } })
    await scene.edit(gpuVms, 'a-idle', { guest: { incarnation: 1, connected: false } })
    const since = await azure.mark()
    const isPaused = async (uid: string) =>
      (await azure.calls(since)).some(({ path, status }) => path.includes(uid) && status === 429)
    const whose = (path: string) => (path.includes(played) ? 'played' : path.includes(idle) ? 'idle' : undefined)
    const changes = async () => (await azure.calls(since)).filter(call => isVmChange(call) && whose(call.path))
    const { sent, end } = sentToAzure()
    onTestFinished(end)
    const bothStandInLine = async () => (await waiting('Rescue')) === 1 && (await waiting('Standing')) === 1

    await azure.fault({ method: 'DELETE', resource: leaving }, PAUSE)
    await scene.delete('leaving')
    await scene.until('deletions are paused', async () => await isPaused(leaving))
    for (const uid of [idle, played]) {
      await azure.fault({ kind: 'DELETE virtualMachines', resource: uid }, { workSeconds: 2 * SPEED })
      await azure.evict(`gvm-${uid}-vm-1`)
    }
    await scene.until('both stand in line to be removed', bothStandInLine)

    await azure.fault({ method: 'PUT', resource: coming }, PAUSE)
    await scene.until('both are being removed', async () => (await changes()).length === 2)
    await scene.annotate('coming', { 'wasd.cloud/suspend': null })
    await scene.until('writes are paused', async () => await isPaused(coming))
    await scene.until('both stand in line to be made', bothStandInLine)
    for (const name of ['a-idle', 'b-played'])
      await scene.machine(name, 'plays on', m => m.status?.incarnation?.number === 2 && isPlayable(m))
    const changesSent = sent.filter(({ method, path }) => method !== 'GET' && /\/virtualMachines\/[^/]+\?/.test(path))
    const inOrder = changesSent.flatMap(({ method, path }) => (whose(path) ? [`${method} ${whose(path)}`] : []))
    expect(inOrder).toEqual(['DELETE played', 'DELETE idle', 'PUT played', 'PUT idle'])
    expect((await changes()).map(({ status }) => status)).toEqual([202, 202, 201, 201])
  })
}
