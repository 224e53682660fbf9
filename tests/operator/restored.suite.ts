// Objects that come back from a backup under new UIDs.
import { expect, test } from 'vitest'
import { gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { isPlayable, isReady, REGION, type World } from './support/world.ts'

const labels = { 'wasd.cloud/player': 'kasparov' }
const disks = {
  os: { sizeGiB: 128, sku: 'StandardSSD_LRS' as const },
  data: [{ name: 'saves', lun: 0, sizeGiB: 64, sku: 'StandardSSD_LRS' as const }],
}
const ownerTags = (resources: { tags?: Record<string, string> | undefined }[]) =>
  new Set(resources.map(({ tags }) => tags?.['wasd-uid']))

export function restoredObjectsPlayOn(world: () => World): void {
  test.concurrent('I1, I2, I6: restored after the cluster was lost it finds its machine by its tags, plays on, and the sweeper sees whose it is', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('restored', onTestFinished)
    const first = scene.operate()
    const old = await scene.apply('solo', { disks, clientCIDRs: ['203.0.113.7/32'] }, { labels })
    await scene.machine('solo', 'is playable', isPlayable)
    await azure.evict(`gvm-${old}-vm-1`)
    const before = await scene.machine(
      'solo',
      'plays on-demand',
      m => m.status?.incarnation?.number === 2 && isPlayable(m),
    )
    await first.stop()
    await scene.lose('solo')

    const uid = await scene.apply('solo', { disks, clientCIDRs: ['203.0.113.7/32'] }, { labels })
    expect(uid).not.toBe(old)
    const mark = await azure.mark()
    scene.operate({ sweep: true })
    const after = await scene.machine('solo', 'is playable', m => isPlayable(m) && isReady(m))
    expect(after.status).toMatchObject({
      adoptedFrom: old,
      incarnation: { number: 2, priority: 'Regular', reason: 'Adopted' },
      publicIP: before.status?.publicIP,
      vmId: before.status?.vmId,
    })
    await scene.until('all of it bears the new UID', async () => {
      const { virtualMachines, disks: held, ...network } = await azure.of(old)
      const all = [...virtualMachines, ...held, ...network.networkInterfaces, ...network.publicIPAddresses]
      const tags = ownerTags([...all, ...network.networkSecurityGroups])
      return tags.size === 1 && tags.has(uid)
    })
    const puts = (await azure.calls(mark)).filter(
      ({ method, path }) => method === 'PUT' && (path.includes(old) || path.includes(uid)),
    )
    expect(puts).toEqual([])
    await scene.until('it is told', async () => (await scene.eventsOf('solo')).includes('Adopted'))

    // It is evicted, moved and given back like any other.
    await azure.evict(`gvm-${old}-vm-2`).catch(() => undefined)
    await scene.change('solo', { priority: 'Regular', size: 'Standard_NV6ads_A10_v5' })
    const moved = await scene.machine(
      'solo',
      'is playable in another size',
      m => m.status?.size === 'Standard_NV6ads_A10_v5' && isPlayable(m),
    )
    expect(moved.status?.publicIP).toBe(before.status?.publicIP)
    expect((await azure.of(old)).virtualMachines.map(({ name }) => name)).toEqual([`gvm-${old}-vm-3`])
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(old)).toEqual([])
    expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('with a status from the backup, older than what Azure holds, the highest incarnation found counts', async ({
    onTestFinished,
  }) => {
    const { azure, kube } = world()
    const scene = await world().scene('old-status', onTestFinished)
    const first = scene.operate()
    const old = await scene.apply('solo', {}, { labels })
    const backup = await scene.machine('solo', 'is playable', isPlayable)
    await azure.evict(`gvm-${old}-vm-1`)
    await scene.machine('solo', 'plays on-demand', m => m.status?.incarnation?.number === 2 && isPlayable(m))
    await first.stop()
    await scene.lose('solo')
    await scene.apply('solo', {}, { labels })
    const bare = await scene.machine('solo', 'is there', () => true)
    await kube.replaceStatus(gpuVms, { ...bare, ...(backup.status && { status: backup.status }) })
    scene.operate()
    const after = await scene.machine(
      'solo',
      'has adopted',
      m => m.status?.adoptedFrom === old && isReady(m) && isPlayable(m),
    )
    expect(after.status?.incarnation).toMatchObject({ number: 2, priority: 'Regular' })
    expect((await azure.of(old)).virtualMachines.map(({ name }) => name)).toEqual([`gvm-${old}-vm-2`])
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(old)).toEqual([])
  })

  test.concurrent('what was held for one player is not given to another: it is made anew, and the old is left to the sweeper', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('another', onTestFinished)
    const first = scene.operate()
    const old = await scene.apply('solo', {}, { labels })
    await scene.machine('solo', 'is playable', isPlayable)
    await first.stop()
    await scene.lose('solo')
    const uid = await scene.apply('solo', {}, { labels: { 'wasd.cloud/player': 'karpov' } })
    scene.operate()
    const made = await scene.machine('solo', 'is playable', isPlayable)
    expect(made.status?.adoptedFrom).toBeUndefined()
    expect((await azure.of(uid)).virtualMachines).toHaveLength(1)
    expect(ownerTags((await azure.of(old)).disks)).toEqual(new Set([old]))
    await scene.delete('solo')
    await scene.gone('solo')
  })

  test.concurrent('I1, I4, I6: a session and its machine come back without their statuses: it takes the machine over, plays on where it was, and only what is played from then on is counted', async ({
    onTestFinished,
  }) => {
    const { azure, kube } = world()
    const scene = await world().scene('evening', onTestFinished)
    const { namespace } = scene
    const first = scene.operate({ sessions: true })
    await scene.play('evening', { paidSeconds: 3600 })
    const before = await scene.session('evening', 'runs', s => s.status?.phase === 'Running')
    const machine = await scene.machine(`evening-${REGION}`, 'is playable', isPlayable)
    const old = machine.metadata.uid ?? ''
    await first.stop()
    await scene.lose(machine.metadata.name)
    await kube.mergePatch(gameSessions, { namespace, name: 'evening' }, { metadata: { finalizers: [] } })
    await kube.delete(gameSessions, { namespace, name: 'evening' })

    // As a backup has them: the machine names an owner that is nowhere any more.
    const { ownerReferences } = machine.metadata
    await scene.apply(machine.metadata.name, machine.spec, { labels: machine.metadata.labels, ownerReferences })
    const restored = await scene.play('evening', { paidSeconds: 3600 })
    expect(restored.metadata.uid).not.toBe(before.metadata.uid)
    scene.operate({ sessions: true, sweep: true })
    const after = await scene.session('evening', 'runs', s => s.status?.phase === 'Running')
    const adopted = await scene.machine(machine.metadata.name, 'is playable', isPlayable)
    expect(adopted.metadata.ownerReferences?.map(({ uid }) => uid)).toEqual([restored.metadata.uid])
    expect(adopted.status).toMatchObject({ adoptedFrom: old, vmId: machine.status?.vmId })
    expect(after.status?.endpoint?.host).toBe(before.status?.endpoint?.host)
    expect(Date.parse(after.status?.billing?.since ?? '')).toBeGreaterThan(
      Date.parse(restored.metadata.creationTimestamp ?? '') - 1000,
    )
    await scene.until('it is told', async () => (await scene.eventsOf('evening')).includes('TakenOver'))
    expect((await azure.of(old)).virtualMachines).toHaveLength(1)

    await scene.want('evening', { spec: { desiredState: 'Ended' } })
    await scene.session('evening', 'has ended', s => s.status?.phase === 'Ended')
    expect(await azure.standing(old)).toEqual([])
  })

  test.concurrent('I2, I6: a session of several regions comes back without its machine: it finds its disk in the region where that is, and leaves nothing behind', async ({
    onTestFinished,
  }) => {
    const { azure, kube } = world()
    const scene = await world().scene('several', onTestFinished)
    const { namespace } = scene
    const first = scene.operate({ sessions: true })
    await scene.play('evening', { regions: ['northeurope'] })
    const before = await scene.session('evening', 'runs', s => s.status?.phase === 'Running')
    const machine = await scene.machine('evening-northeurope', 'is playable', isPlayable)
    const old = machine.metadata.uid ?? ''
    await first.stop()
    await kube.mergePatch(gameSessions, { namespace, name: 'evening' }, { metadata: { finalizers: [] } })
    await kube.delete(gameSessions, { namespace, name: 'evening' })
    await scene.lose(machine.metadata.name)

    await scene.play('evening', { regions: [REGION, 'northeurope'] })
    scene.operate({ sessions: true, sweep: true })
    const after = await scene.session('evening', 'runs', s => s.status?.phase === 'Running')
    expect(after.status).toMatchObject({ placement: { region: 'northeurope' }, endpoint: before.status?.endpoint })
    const adopted = await scene.machine(machine.metadata.name, 'is playable', isPlayable)
    expect(adopted.status).toMatchObject({ adoptedFrom: old, publicIP: machine.status?.publicIP })

    await scene.want('evening', { spec: { desiredState: 'Ended' } })
    await scene.session('evening', 'has ended', s => s.status?.phase === 'Ended')
    expect(await azure.standing(old)).toEqual([])
  })
}
