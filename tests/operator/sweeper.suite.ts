// What nobody owns goes, and what somebody owns stays, even when the cluster seems to be empty.
import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { createClients } from '../../operator/azure/clients.ts'
import type { Azure } from '../../operator/azure/provider.ts'
import { isPlayable, REGION, type World } from './support/world.ts'

export function orphansAreSwept(world: () => World): void {
  test.concurrent('I2: what an abandoned object left is swept, and its neighbour plays on', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('swept', onTestFinished)
    const first = scene.operate()
    const left = await scene.apply('left', { clientCIDRs: ['203.0.113.7/32'] })
    const kept = await scene.apply('kept')
    await scene.machine('left', 'is playable', isPlayable)
    await scene.machine('kept', 'is playable', isPlayable)

    const refusal = { status: 403, code: 'AuthorizationFailed', message: 'The client does not have authorization.' }
    const fault = await azure.fault({ method: 'DELETE', resource: left, times: null }, refusal)
    await scene.delete('left')
    const stuck = await scene.machine('left', 'is stuck', m => condition(m.status?.conditions, 'Stalled') !== undefined)
    expect(stuck.status?.phase).toBe('Deleting')
    expect(condition(stuck.status?.conditions, 'Stalled')?.message).toContain("Grant the operator's identity the role")
    await scene.annotate('left', { 'wasd.cloud/abandon': '' })
    await scene.gone('left')
    await scene.until('it is told what was left', async () => (await scene.eventsOf('left')).includes('Abandoned'))
    expect(await azure.standing(left)).toHaveLength(5)

    await first.stop()
    await azure.faultless(fault)
    const dry = scene.operate({ sweep: true, isSweepDryRun: true })
    const orphans = async () => (await dry.registry.getSingleMetric('wasd_sweeper_orphans')?.get())?.values[0]?.value
    await scene.until('the orphans are seen', async () => (await orphans()) === 5)
    await dry.stop()
    expect(await azure.standing(left)).toHaveLength(5)
    scene.operate({ sweep: true })
    await scene.until('the orphans are swept', async () => (await azure.standing(left)).length === 0)
    expect(await azure.standing(kept)).toHaveLength(4)
    await scene.delete('kept')
    await scene.gone('kept')
    expect(await azure.standing(kept)).toEqual([])
  })

  test.concurrent('I2: a cluster that shows no object of ours, though another installation’s, stops the sweep, loudly; once one stands there it goes on', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('lost', onTestFinished)
    const first = scene.operate()
    const uids = [await scene.apply('one'), await scene.apply('two')]
    const standing = async () => (await Promise.all(uids.map(async uid => await azure.standing(uid)))).flat()
    for (const name of ['one', 'two']) await scene.machine(name, 'is playable', isPlayable)
    await first.stop()
    for (const name of ['one', 'two']) await scene.lose(name)
    const before = await standing()
    const annotations = { 'wasd.cloud/installation': 'another' }
    await scene.apply('theirs', {}, { annotations })
    await scene.play('theirs', {}, { annotations })

    const { registry } = scene.operate({ sweep: true, sessions: true })
    const halted = async () => (await registry.getSingleMetric('wasd_sweeper_halted')?.get())?.values[0]?.value
    await scene.until('the sweep is halted', async () => (await halted()) === 1)
    expect(await standing()).toEqual(before)
    await scene.apply('next', { region: 'atlantis' }) // Which holds nothing in Azure.
    await scene.until('the orphans are swept', async () => (await standing()).length === 0)
    expect(await halted()).toBe(0)
  })

  test.concurrent("a player's own disk outlives its machine: restored, deleted, swept and made anew under its name, nobody touches it; one that the restored object does not name any more goes", async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('kept', onTestFinished)
    const labels = { 'wasd.cloud/player': 'kasparov' }
    const os = { sizeGiB: 128, sku: 'StandardSSD_LRS' as const }
    const data = ['saves', 'cache'].map((name, lun) => ({ ...os, name, lun, sizeGiB: 64 }))
    scene.operate()
    const old = await scene.apply('solo', { disks: { os, data } }, { labels })
    await scene.machine('solo', 'is playable', isPlayable)
    const names = ['os', 'data-saves', 'data-cache'].map(name => `gvm-${old}-${name}`)
    const [osDisk = '', saves = '', cache = ''] = names
    for (const disk of [osDisk, saves]) await tag(disk, { 'wasd-keep': '', 'cost-centre': '42' })

    // As from a backup in which the object has one disk less.
    await scene.end()
    await scene.lose('solo')
    const uid = await scene.apply('solo', { disks: { os, data: data.slice(0, 1) } }, { labels })
    scene.operate({ sweep: true })
    const adopted = await scene.machine('solo', 'has adopted', m => m.status?.adoptedFrom === old && isPlayable(m))
    const tagsOf = async (disk: string) => (await azure.of(old)).disks.find(({ name }) => name === disk)?.tags
    for (const disk of [osDisk, saves]) {
      await scene.until(`${disk} bears the new UID`, async () => (await tagsOf(disk))?.['wasd-uid'] === uid)
      expect(await tagsOf(disk)).toMatchObject({ 'wasd-keep': '', 'cost-centre': '42', 'wasd-player': 'kasparov' })
    }
    expect((await azure.of(old)).disks.map(({ name }) => name).toSorted()).toEqual(names.toSorted())

    await scene.delete('solo')
    await scene.gone('solo')
    await scene.until('what was kept is told', async () => (await scene.eventsOf('solo')).includes('DiskKept'))
    await scene.until('the other disk is swept', async () => !(await azure.standing(old)).includes(cache))
    expect((await azure.standing(old)).toSorted()).toEqual([osDisk, saves].toSorted())

    // One of the same name begins anew, and goes on with what the disk holds only where it is told so.
    await scene.end()
    const copyOf = adopted.status?.resources?.osDisk ?? ''
    const next = await scene.apply('solo', { disks: { os: { ...os, copyOf } } }, { labels })
    scene.operate({ sweep: true })
    const made = await scene.machine('solo', 'is playable', isPlayable)
    expect(made.status?.adoptedFrom).toBeUndefined()
    expect((await azure.of(next)).disks).toHaveLength(1)
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(next)).toEqual([])
    expect((await azure.standing(old)).toSorted()).toEqual([osDisk, saves].toSorted())
  })

  test.concurrent('I2: what is made while Azure is listed is nobody’s orphan, however short the grace: the cluster is asked after Azure', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('between', onTestFinished)
    let uid = ''
    let sweeps = 0
    /** In the first sweep a machine comes to stand after it has begun, and before Azure has answered. */
    const plant = (real: Azure): Azure => ({
      ...real,
      async tagged(subscription, asked, signal) {
        if (asked.isWanted !== undefined) sweeps += 1
        if (asked.isWanted !== undefined && sweeps === 1) {
          uid = await scene.apply('solo')
          await scene.machine('solo', 'is playable', isPlayable)
        }
        return await real.tagged(subscription, asked, signal)
      },
    })
    const { registry } = scene.operate({ sweep: true, sweepGraceSeconds: 0, plant: { azure: plant } })
    await scene.until('it was swept twice', async () => sweeps > 2)
    const deleted = await registry.getSingleMetric('wasd_sweeper_deleted_total')?.get()
    expect(deleted?.values).toEqual([])
    expect(await azure.standing(uid)).toHaveLength(4)
  })

  /** As a person does in Azure's portal: beside the tags that are there. */
  async function tag(disk: string, more: Record<string, string>): Promise<void> {
    const { subscriptionId = '', resourceGroup = '' } = world().catalogue.regions[REGION] ?? {}
    const { disks } = createClients(world().azure.settings)(subscriptionId).compute
    const { tags } = await disks.get(resourceGroup, disk)
    await disks.update(resourceGroup, disk, { tags: { ...tags, ...more } })
  }
}
