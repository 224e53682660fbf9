// A machine's life on a real API server and Azure's real SDKs: made by hand, evicted, paused, refused, given back.
import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { read } from '../../operator/recorder/record.ts'
import { replay, story } from '../../operator/recorder/story.ts'
import { patientFor } from '../until.ts'
import { isPlayable, isReady, isRefused, REGION, readyReason, type World } from './support/world.ts'

/** Capacity and faults are Azure's, for everybody: a scenario that plays with them has a size or a region to itself. */
const scarce = { pause: 'Standard_NC8as_T4_v3', refused: 'Standard_NC16as_T4_v3', late: 'Standard_NV36ads_A10_v5' }
const isList = ({ path }: { path: string }) => path.includes('statusOnly=true')
const isPut = ({ kind }: { kind: string }) => kind === 'PUT virtualMachines'

export function machinesLive(world: () => World): void {
  test.concurrent('I6: evicted, it is playable again on on-demand with the same address and the same disk, after exactly two VM PUTs', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('eviction', onTestFinished)
    const operator = scene.operate()
    const uid = await scene.apply('solo')
    const before = await scene.machine('solo', 'is playable', isPlayable)
    const diskBefore = (await azure.of(uid)).disks.map(({ id, properties }) => ({ id, properties }))
    expect(before.status).toMatchObject({
      phase: 'Running',
      priority: 'Spot',
      incarnation: { number: 1, priority: 'Spot' },
    })
    expect(isReady(before)).toBe(true)

    await azure.evict(`gvm-${uid}-vm-1`)
    const after = await scene.machine(
      'solo',
      'is playable again',
      m => m.status?.incarnation?.number === 2 && isPlayable(m),
    )
    expect(after.status).toMatchObject({
      phase: 'Running',
      priority: 'Regular',
      evictions: 1,
      publicIP: before.status?.publicIP,
    })
    expect(after.status?.evictedAt).toBeDefined()
    const { disks, virtualMachines } = await azure.of(uid)
    expect(disks.map(({ id }) => id)).toEqual(diskBefore.map(({ id }) => id))
    expect(disks[0]?.properties.uniqueId).toBe(diskBefore[0]?.properties.uniqueId)
    expect(virtualMachines.map(({ name, properties }) => [name, properties.priority])).toEqual([
      [`gvm-${uid}-vm-2`, 'Regular'],
    ])
    const calls = (await azure.calls(0)).filter(({ path }) => path.includes(uid))
    expect(calls.filter(isPut).map(({ status }) => status)).toEqual([201, 201])

    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])

    const decisions = operator.recorded.of({ namespace: scene.namespace, name: 'solo' }).map(read)
    expect(decisions.filter(decision => !replay(decision).isSame)).toEqual([])
    const done = decisions.flatMap(({ verdict }) => verdict.step?.do ?? [])
    expect(done.filter(step => step === 'CreateVirtualMachine')).toHaveLength(2)
    expect(story(decisions)).toContain('BeginIncarnation Regular, Evicted (eviction)')
    await scene.until('its events', async () => {
      const told = await scene.eventsOf('solo')
      return ['Creating', 'MachineRunning', 'Playable', 'Evicted'].every(reason => told.includes(reason))
    })
  })

  test.concurrent('paused it is deallocated, resumed after an eviction it is on spot again', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('pause', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo', { size: scarce.pause })
    await scene.machine('solo', 'is playable', isPlayable)
    await azure.evict(`gvm-${uid}-vm-1`)
    await scene.machine('solo', 'is playable on demand', m => m.status?.priority === 'Regular' && isPlayable(m))

    await scene.change('solo', { powerState: 'Deallocated' })
    const paused = await scene.machine('solo', 'is deallocated', m => isReady(m) && m.status?.phase === 'Deallocated')
    expect(paused.status).toMatchObject({ powerState: 'Deallocated', evictions: 1, stream: { answering: false } })
    expect((await azure.of(uid)).virtualMachines[0]?.simulator.powerState).toBe('deallocated')

    await scene.change('solo', { powerState: 'Running' })
    const resumed = await scene.machine(
      'solo',
      'is playable on spot',
      m => m.status?.priority === 'Spot' && isPlayable(m),
    )
    expect(resumed.status).toMatchObject({ evictions: 1, incarnation: { number: 3, reason: 'Restarted' } })

    // No spot to start it on: where somebody has played already, on-demand is the next best.
    await scene.change('solo', { powerState: 'Deallocated' })
    await scene.machine('solo', 'is deallocated', m => isReady(m) && m.status?.phase === 'Deallocated')
    await azure.capacity(0, { size: scarce.pause, priority: 'Spot', refusal: 'SkuNotAvailable' })
    await scene.change('solo', { powerState: 'Running' })
    await scene.machine('solo', 'is playable on demand', m => m.status?.priority === 'Regular' && isPlayable(m))
    await azure.capacity(null, { size: scarce.pause, priority: 'Spot' })

    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('refused capacity it waits with words, asks seldom, and is served when there is some', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('refused', onTestFinished)
    const operator = scene.operate()
    await azure.capacity(0, { size: scarce.refused, priority: 'Spot', refusal: 'SkuNotAvailable' })
    const uid = await scene.apply('solo', { size: scarce.refused })
    const refused = await scene.machine('solo', 'is refused', isRefused)
    expect(refused.status).toMatchObject({ phase: 'Waiting', lastError: { code: 'SkuNotAvailable', retryable: true } })
    expect(condition(refused.status?.conditions, 'Ready')?.message).toContain('not available in location')
    await scene.until('the refusal is told of', async () => operator.refusals.includes('SkuNotAvailable'))

    const asked = async () => (await azure.calls(0)).filter(call => isPut(call) && call.path.includes(uid)).length
    await scene.until('it is asked for again', async () => (await asked()) >= 2)
    await azure.capacity(null, { size: scarce.refused, priority: 'Spot' })
    const served = await scene.machine('solo', 'is playable', isPlayable)
    expect(served.status?.lastError).toBeUndefined()
    expect(served.status?.incarnation?.number).toBe(1)
    expect(await asked()).toBeLessThan(6)
    await scene.delete('solo')
    await scene.gone('solo')
  })

  test.concurrent('a creation that fails late leaves nothing behind, and says why', async ({ onTestFinished }) => {
    const { azure } = world()
    const scene = await world().scene('late', onTestFinished)
    const operator = scene.operate()
    await azure.capacity(0, { size: scarce.late, priority: 'Spot', refusal: 'AllocationFailed' })
    const uid = await scene.apply('solo', { size: scarce.late })
    const refused = await scene.machine('solo', 'is refused', isRefused)
    expect(refused.status?.lastError).toMatchObject({ code: 'AllocationFailed', retryable: true })
    await scene.until('the refusal is told of', async () => operator.refusals.includes('AllocationFailed'))
    await scene.until('the failed VM is gone', async () => {
      const { virtualMachines } = await azure.of(uid)
      return virtualMachines.every(({ name }) => name !== `gvm-${uid}-vm-1`)
    })
    await azure.capacity(null, { size: scarce.late, priority: 'Spot' })
    await scene.machine('solo', 'is playable', isPlayable)
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('I2: deleted at any moment, it leaves nothing in Azure', async ({ onTestFinished }) => {
    const { azure } = world()
    const scene = await world().scene('deleted', onTestFinished)
    scene.operate()
    const callsOf = async (uid: string) =>
      (await azure.calls(0)).filter(({ path, method }) => path.includes(uid) && method !== 'GET').length

    // At once, and after so many calls that change Azure: address, interface, VM.
    const uids: string[] = []
    const moments = [0, 1, 2, 3].map(async calls => {
      const name = `after-${calls}`
      const uid = await scene.apply(name)
      uids.push(uid)
      if (calls > 0) await scene.until(`${calls} calls for ${name}`, async () => (await callsOf(uid)) >= calls)
      await scene.delete(name)
      await scene.gone(name)
    })
    const evicted = async () => {
      const uid = await scene.apply('evicted')
      uids.push(uid)
      await scene.machine('evicted', 'is playable', isPlayable)
      await azure.evict(`gvm-${uid}-vm-1`)
      await scene.machine('evicted', 'is replaced', m => m.status?.incarnation?.number === 2)
      await scene.delete('evicted')
      await scene.gone('evicted')
    }
    const pausing = async () => {
      uids.push(await scene.apply('pausing'))
      await scene.machine('pausing', 'runs', m => m.status?.powerState === 'Running')
      await scene.change('pausing', { powerState: 'Deallocated' })
      await scene.machine('pausing', 'is stopped', m => m.status?.operation?.kind === 'Deallocate')
      await scene.delete('pausing')
      await scene.gone('pausing')
    }
    await Promise.all([...moments, evicted(), pausing()])
    for (const uid of uids) expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('paused while it is being made, it comes to rest deallocated', async ({ onTestFinished }) => {
    const scene = await world().scene('early-pause', onTestFinished)
    scene.operate()
    await scene.apply('solo')
    await scene.machine('solo', 'is created', m => m.status?.operation?.kind === 'Create')
    await scene.change('solo', { powerState: 'Deallocated' })
    const paused = await scene.machine('solo', 'is at rest', m => isReady(m) && m.status?.phase === 'Deallocated')
    expect(paused.status).toMatchObject({ powerState: 'Deallocated' })
    expect(paused.status?.evictions).toBeUndefined()
    await scene.delete('solo')
    await scene.gone('solo')
  })

  test.concurrent('a change of size keeps address and disk', async ({ onTestFinished }) => {
    const { azure } = world()
    const scene = await world().scene('resize', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo', {
      disks: {
        os: { sizeGiB: 128, sku: 'StandardSSD_LRS' },
        data: [{ name: 'saves', lun: 0, sizeGiB: 64, sku: 'StandardSSD_LRS' }],
      },
    })
    const before = await scene.machine('solo', 'is playable', isPlayable)
    await scene.change('solo', { size: 'Standard_NV6ads_A10_v5' })
    const after = await scene.machine(
      'solo',
      'is playable',
      m => m.status?.size === 'Standard_NV6ads_A10_v5' && isPlayable(m),
    )
    expect(after.status?.publicIP).toBe(before.status?.publicIP)
    expect(after.status?.incarnation).toMatchObject({ number: 2, priority: 'Spot', reason: 'SizeChanged' })
    expect((await azure.of(uid)).disks.map(({ name }) => name).sort()).toEqual([
      `gvm-${uid}-data-saves`,
      `gvm-${uid}-os`,
    ])
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('throttled, it comes back when Azure says so and not before', async ({ onTestFinished }) => {
    const { azure } = world()
    const scene = await world().scene('throttled', onTestFinished)
    await azure.fault(
      { kind: 'PUT publicIPAddresses', resource: 'wasd-swedencentral' },
      { throttle: { retryAfterSeconds: 1 } },
    )
    scene.operate()
    const uid = await scene.apply('solo', { region: 'swedencentral' })
    await scene.machine('solo', 'is playable', isPlayable)
    const puts = (await azure.calls(0)).filter(
      ({ kind, path }) => kind === 'PUT publicIPAddresses' && path.includes(uid),
    )
    expect(puts.map(({ status }) => status)).toEqual([429, 201])
    await scene.delete('solo')
    await scene.gone('solo')
  })

  test.concurrent('I7: made by kubectl alone and standing, it costs no writes and no calls but list pages, over a restart too', async ({
    onTestFinished,
  }) => {
    const { azure, kubectl } = world()
    const scene = await world().scene('idle', onTestFinished)
    const first = scene.operate()
    await kubectl('apply', '--namespace', scene.namespace, '--filename', 'manifests/samples/gpuvm.yaml')
    const name = 'bare-machine'
    const standing = await scene.machine(name, 'is playable and ready', m => isPlayable(m) && isReady(m))
    const uid = standing.metadata.uid ?? ''
    await first.stop()
    const mark = await azure.mark()
    scene.operate()
    const since = async () => await azure.calls(mark)
    await scene.until('the fleet is listed often', async () => (await since()).filter(isList).length > 40)
    expect((await since()).filter(({ path }) => path.includes(uid))).toEqual([])
    expect((await scene.get(name))?.metadata.resourceVersion).toBe(standing.metadata.resourceVersion)
    await scene.delete(name)
    await scene.gone(name)
    expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('an image that Azure does not know stalls with a remedy and one call; a region that the catalogue has not, with none', async ({
    onTestFinished,
  }) => {
    const { azure, catalogue } = world()
    const scene = await world().scene('stalled', onTestFinished)
    const linux = catalogue.images['linux-nvidia']
    if (!linux) throw new Error('The sample catalogue has lost its Linux image.')
    const ghost = { ...linux, id: linux.id.replace('1.0.0', '9.9.9') }
    scene.operate({ catalogue: { ...catalogue, images: { ...catalogue.images, ghost } } })
    const uid = await scene.apply('imageless', { image: 'ghost' })
    const stalled = await scene.machine('imageless', 'is stalled', m => m.status?.phase === 'Failed')
    expect(condition(stalled.status?.conditions, 'Stalled')).toMatchObject({
      reason: 'GalleryImageNotFound',
      status: 'True',
    })
    expect(condition(stalled.status?.conditions, 'Stalled')?.message).toContain('Check the id of spec.image')
    expect((await azure.calls(0)).filter(call => isPut(call) && call.path.includes(uid))).toHaveLength(1)
    const nowhere = await scene.apply('nowhere', { region: 'atlantis' })
    const lost = await scene.machine('nowhere', 'is stalled', m => m.status?.phase === 'Failed')
    expect(readyReason(lost)).toBe('RegionUnknown')
    expect((await azure.calls(0)).filter(({ path }) => path.includes(nowhere))).toEqual([])
    for (const name of ['imageless', 'nowhere']) {
      await scene.delete(name)
      await scene.gone(name)
    }
    expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('suspended, it is looked at and nothing is done; freed, it goes on', async ({ onTestFinished }) => {
    const { azure } = world()
    const scene = await world().scene('suspended', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo', {}, { annotations: { 'wasd.cloud/suspend': '' } })
    const held = await scene.machine('solo', 'is held back', m => readyReason(m) === 'Suspended')
    expect(held.status?.phase).toBe('Pending')
    expect((await azure.calls(0)).filter(({ method, path }) => method !== 'GET' && path.includes(uid))).toEqual([])
    await scene.annotate('solo', { 'wasd.cloud/suspend': null })
    await scene.machine('solo', 'is playable', isPlayable)
    await scene.delete('solo')
    await scene.gone('solo')
  })

  test.concurrent('a machine that stands lets in the probes from where the catalogue has come to send them', async ({
    onTestFinished,
  }) => {
    const { azure, catalogue } = world()
    const scene = await world().scene('probed', onTestFinished)
    const first = scene.operate()
    const uid = await scene.apply('solo', { clientCIDRs: ['203.0.113.7/32'] })
    const before = await scene.machine('solo', 'is playable', isPlayable)
    await first.stop()

    const region = catalogue.regions[REGION]
    if (!region) throw new Error('The sample catalogue has lost its region.')
    const moved = { ...region, probeCIDRs: ['198.51.100.77/32'] }
    scene.operate({ catalogue: { ...catalogue, regions: { ...catalogue.regions, [REGION]: moved } } })
    const groups = async () => JSON.stringify((await azure.of(uid)).networkSecurityGroups)
    await patientFor(60)('the group lets the new probes in', async () => (await groups()).includes('198.51.100.77/32'))
    expect(await groups()).not.toContain('203.0.113.10/32')
    const after = await scene.machine('solo', 'is ready', isReady)
    expect(after.status?.vmId).toBe(before.status?.vmId)
  })

  test.concurrent('clientCIDRs become a group of its own, which follows them under the playing machine', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('guarded', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo', { clientCIDRs: ['203.0.113.7/32'] })
    const before = await scene.machine('solo', 'is playable', isPlayable)
    const letsIn = async (source: string) =>
      JSON.stringify((await azure.of(uid)).networkSecurityGroups).includes(source)
    expect(await letsIn('203.0.113.7/32')).toBe(true)
    expect(await letsIn('203.0.113.10/32'), 'the probes').toBe(true)

    await scene.change('solo', { clientCIDRs: ['198.51.100.0/24', '2001:db8::/64'] })
    const after = await scene.machine('solo', 'has settled', m => isReady(m) && m.metadata.generation === 2)
    expect(await letsIn('2001:db8::/64')).toBe(true)
    expect(await letsIn('203.0.113.7/32')).toBe(false)
    expect(after.status?.vmId).toBe(before.status?.vmId)
    const puts = (await azure.calls(0)).filter(
      ({ kind, path }) => kind === 'PUT networkSecurityGroups' && path.includes(uid),
    )
    expect(puts).toHaveLength(2)
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])
  })
}
