// Availability zones, on the real API server and with Azure's rules about zones at the wire: a refusal in one zone leads to
// the next, and a rescue keeps disk, address and interface over a move from one to another.
import { expect, test } from 'vitest'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { events } from '../../lib/kube/core.ts'
import type { AzureState } from './support/azure.ts'
import { isPlayable, isReady, type Scene, SPEED, type World } from './support/world.ts'

const sizes = ['Standard_NV12ads_A10_v5', 'Standard_NC8as_T4_v3'] as const
const [SIZE] = sizes

interface Offer {
  zone: string
  size?: string
  priority?: 'Spot' | 'Regular'
  refusal?: string
}
type OnTestFinished = (end: () => Promise<void>) => void

const uidOf = ({ metadata }: GpuVm) => metadata.uid ?? ''
const zonesOf = ({ virtualMachines: [vm] }: AzureState) => vm?.zones
/** What a rescue keeps. */
const kept = ({ publicIPAddresses: [ip], networkInterfaces: [nic], disks }: AzureState) => ({
  address: ip?.properties.ipAddress,
  interface: nic?.id,
  disks: disks.map(disk => disk.properties.uniqueId),
})

export function zonesAreUsed(world: () => World): void {
  /** An evening in a region with zones, of its own. */
  async function evening(name: string, region: string, onTestFinished: OnTestFinished, speed = SPEED) {
    const { azure, kube } = world()
    const scene = await world().scene(name, onTestFinished)
    scene.operate({ sessions: true, speed })
    return {
      ...scene,
      /** Each by a player of its own. */
      wants: async (...sessions: string[]) =>
        await Promise.all(sessions.map(session => scene.play(session, { player: session, regions: [region] }))),
      runs: async (session: string) => await scene.session(session, 'runs', one => one.status?.phase === 'Running'),
      machineOf: async (session: string) =>
        await scene.machine(`${session}-${region}`, 'is playable', one => isReady(one) && isPlayable(one)),
      note: async (session: string, reason: string) => {
        const { items } = await kube.list(events, { namespace: name })
        return items.filter(one => one.regarding?.name === session && one.reason === reason).map(one => one.note)
      },
      /** What Azure has there: of all sizes and both priorities where nothing else is said. */
      offer: async (available: number | null, where: Offer) => {
        const { zone, size, priority, ...more } = where
        for (const one of size === undefined ? sizes : [size])
          for (const kind of priority === undefined ? ['Spot', 'Regular'] : [priority])
            await azure.capacity(available, { region, zone, size: one, priority: kind, ...more })
      },
      evict: async (zone: string) => await azure.control('POST', 'evict', { region, zone, noticeSeconds: 0 }),
      endsAll: async (...sessions: string[]) => {
        const { items } = await kube.list(gpuVms, { namespace: name })
        await Promise.all(sessions.map(session => scene.drop(session)))
        for (const { metadata } of items) await scene.gone(metadata.name)
        for (const { metadata } of items) expect(await azure.standing(metadata.uid)).toEqual([])
      },
    }
  }

  const putsOf = async (uid: string) =>
    (await world().azure.calls(0)).filter(({ kind, path }) => kind === 'PUT virtualMachines' && path.includes(uid))

  test.concurrent('who is refused in the first zone is served in the next; who comes later goes there at once; a region without zones is as ever', async ({
    onTestFinished,
  }) => {
    const region = 'northeurope'
    const { wants, runs, machineOf, note, offer, play, machine, endsAll } = await evening(
      'fleet',
      region,
      onTestFinished,
    )
    await offer(1, { zone: '1', size: SIZE, priority: 'Spot' })
    await wants('red', 'green', 'blue')
    for (const session of ['red', 'green', 'blue']) await runs(session)
    const fleet = await Promise.all(['red', 'green', 'blue'].map(machineOf))
    expect(fleet.map(({ status }) => status?.zone).toSorted()).toEqual(['1', '2', '2'])
    expect(fleet.map(({ spec }) => [spec.zone, spec.size, spec.priority])).toEqual(
      fleet.map(({ status }) => [status?.zone, SIZE, 'Spot']),
    )

    await wants('late')
    const late = await runs('late')
    expect(late.status?.placement).toMatchObject({ region, zone: '2', capacityType: 'Spot' })
    const uid = uidOf(await machineOf('late'))
    expect(await putsOf(uid)).toHaveLength(1)
    const seen = await world().azure.of(uid)
    expect(zonesOf(seen)).toEqual(['2'])
    expect(seen.publicIPAddresses.map(({ zones }) => zones)).toEqual([['1', '2', '3']])
    expect(seen.disks.map(({ zones, sku }) => [zones, sku.name])).toEqual([[undefined, 'StandardSSD_ZRS']])
    const [why] = await note('late', 'Placed')
    expect(why).toMatch(new RegExp(`^${SIZE} spot in zone 2 of ${region} at a price not known yet is asked for`))
    expect(why).toContain(
      `${SIZE} spot in zone 1 of ${region} was refused by Azure lately (OverconstrainedZonalAllocationRequest)`,
    )

    await play('elsewhere', { player: 'elsewhere' })
    const unzoned = await machine('elsewhere-westeurope', 'is playable', isPlayable)
    const there = await world().azure.of(uidOf(unzoned))
    expect(unzoned.status).not.toHaveProperty('zone')
    expect([zonesOf(there), there.publicIPAddresses[0]?.zones]).toEqual([undefined, undefined])
    expect(there.disks.map(({ zones, sku }) => [zones, sku.name])).toEqual([[undefined, 'StandardSSD_LRS']])
    await endsAll('red', 'green', 'blue', 'late', 'elsewhere')
  }, 120_000)

  test.concurrent.for([
    { refusal: 'ZonalAllocationFailed', when: 'late', region: 'francecentral' },
    { refusal: 'SkuNotAvailable', when: 'at once', region: 'swedencentral' },
  ])(
    'I1, I6: evicted in zone 1, whose on-demand Azure refuses $when ($refusal), it plays on in zone 2 from the same disk at the same address',
    async ({ refusal, when, region }, { onTestFinished }) => {
      const { wants, runs, machineOf, session, offer, evict, endsAll } = await evening(
        `rescue-${refusal.toLowerCase()}`,
        region,
        onTestFinished,
        // However busy the machine is, the session has led it elsewhere before its minute is over and it is asked for again.
        SPEED / 4,
      )
      await wants('evening')
      const before = await runs('evening')
      const uid = uidOf(await machineOf('evening'))
      const had = await world().azure.of(uid)
      expect(zonesOf(had)).toEqual(['1'])

      await offer(0, { zone: '1', priority: 'Regular', refusal })
      await evict('1')
      const after = await session('evening', 'plays on', ({ status }) => {
        return status?.phase === 'Running' && status.evictions === 1
      })
      expect(after.status).toMatchObject({
        placement: { region, zone: '2', size: SIZE, capacityType: 'OnDemand' },
        endpoint: { host: before.status?.endpoint?.host },
      })
      const rescued = await machineOf('evening')
      expect(rescued).toMatchObject({
        metadata: { uid },
        spec: { zone: '2', priority: 'Spot' }, // A resumed session may try spot again.
        status: { zone: '2', priority: 'Regular' },
      })
      const has = await world().azure.of(uid)
      expect(has.virtualMachines).toHaveLength(1)
      expect(zonesOf(has)).toEqual(['2'])
      expect(kept(has)).toEqual(kept(had))
      // On spot, once where it was refused, and where it plays on; the interface may be reserved for the refused one yet.
      const heard = (await putsOf(uid)).filter(({ code }) => code !== 'NicReservedForAnotherVm')
      expect(heard.map(({ code }) => code)).toEqual([undefined, when === 'late' ? undefined : refusal, undefined])
      await endsAll('evening')
    },
  )

  test.concurrent('I1, I6: a zone that goes dark is left by all who play there, is not tried by who comes next, and rests nobody else', async ({
    onTestFinished,
  }) => {
    const region = 'uksouth'
    const { wants, runs, machineOf, session, offer, evict, endsAll } = await evening('outage', region, onTestFinished)
    const dark = ['ada', 'bea', 'cleo', 'dora', 'edda', 'fay']
    await wants(...dark)
    for (const one of dark) await runs(one)
    await offer(0, { zone: '1' })
    await wants('zoe')
    expect((await runs('zoe')).status?.placement?.zone).toBe('2')
    const untouched = await machineOf('zoe')
    const had = await Promise.all(dark.map(async one => kept(await world().azure.of(uidOf(await machineOf(one))))))

    await evict('1')
    for (const one of dark) {
      const after = await session(
        one,
        'plays on',
        ({ status }) => status?.phase === 'Running' && status.evictions === 1,
      )
      expect(after.status?.placement, one).toMatchObject({ region, zone: '2', capacityType: 'OnDemand' })
    }
    const has = await Promise.all(dark.map(async one => kept(await world().azure.of(uidOf(await machineOf(one))))))
    expect(has).toEqual(had)
    await wants('gala')
    expect((await runs('gala')).status?.placement?.zone).toBe('2')
    expect(await putsOf(uidOf(await machineOf('gala')))).toHaveLength(1)
    expect((await machineOf('zoe')).status?.vmId).toBe(untouched.status?.vmId)
    await endsAll(...dark, 'zoe', 'gala')
  }, 120_000)

  test.concurrent('made by hand, a machine moves to the zone that its spec comes to name, with all it has; one on disks of one zone cannot', async ({
    onTestFinished,
  }) => {
    const region = 'eastus'
    const scene = await evening('by-hand', region, onTestFinished)
    const disks = { os: { sizeGiB: 64, sku: 'Premium_ZRS' } } as const
    const uid = await scene.apply('mover', { region, zone: '3', disks })
    await scene.machine('mover', 'is playable', isPlayable)
    const had = kept(await world().azure.of(uid))
    await scene.change('mover', { zone: '1' })
    const moved = await scene.machine('mover', 'has moved', one => one.status?.zone === '1' && isPlayable(one))
    expect(moved.status?.incarnation).toMatchObject({ number: 2, priority: 'Spot', reason: 'ZoneChanged' })
    const seen = await world().azure.of(uid)
    expect([kept(seen), zonesOf(seen)]).toEqual([had, ['1']])

    const pinnedUid = await scene.apply('pinned', { region, zone: '2' })
    await scene.machine('pinned', 'is playable', isPlayable)
    const pinned = await world().azure.of(pinnedUid)
    expect(pinned.disks.map(({ zones, sku }) => [zones, sku.name])).toEqual([[['2'], 'StandardSSD_LRS']])
    await expect(scene.change('pinned', { zone: '1' })).rejects.toThrow('zone stays 2, where the disks are')
    // On-demand, too, it is rebuilt where its disk is.
    await world().azure.evict(`gvm-${pinnedUid}-vm-1`)
    const after = await scene.machine(
      'pinned',
      'plays on',
      one => one.status?.priority === 'Regular' && isPlayable(one),
    )
    expect(after.status?.zone).toBe('2')
    for (const name of ['mover', 'pinned']) {
      await scene.delete(name)
      await scene.gone(name)
    }
    expect([await world().azure.standing(uid), await world().azure.standing(pinnedUid)]).toEqual([[], []])
  })

  test.concurrent('a disk that Azure finds in another zone leads a session to the next zone, and a machine made by hand to a person', async ({
    onTestFinished,
  }) => {
    const region = 'germanywestcentral'
    const scene: Scene = await evening('misfit', region, onTestFinished)
    const elsewhere = {
      status: 400,
      code: 'BadRequest',
      message: "Disk d cannot be attached to the VM because it is not in zone '1'.",
    }
    await world().azure.fault({ kind: 'PUT virtualMachines', resource: `wasd-${region}`, times: 2 }, elsewhere)
    await scene.play('led', { player: 'led', regions: [region] })
    const led = await scene.machine(`led-${region}`, 'is playable', isPlayable)
    expect(led.status?.zone).toBe('3')
    expect((await putsOf(uidOf(led))).map(({ status }) => status)).toEqual([400, 400, 201])

    await world().azure.fault({ kind: 'PUT virtualMachines', resource: `wasd-${region}`, times: null }, elsewhere)
    await scene.apply('alone', { region, zone: '1' })
    const alone = await scene.machine('alone', 'is stalled', one => one.status?.phase === 'Failed')
    expect(condition(alone.status?.conditions, 'Stalled')?.message).toContain(
      'Set spec.zone to the one that its disks are in',
    )
    expect(alone.spec.zone).toBe('1')
    // Refused in every zone, a session is left to a person too.
    await scene.play('lost', { player: 'lost', regions: [region] })
    const lost = await scene.session('lost', 'is stalled', ({ status }) => {
      return condition(status?.conditions, 'Stalled')?.reason === 'BadRequest'
    })
    const { uid: lostUid = '' } = (await scene.get(`lost-${region}`))?.metadata ?? {}
    expect(lost.status?.billing?.seconds).toBe(0)
    expect((await putsOf(lostUid)).map(({ status }) => status).slice(0, 3)).toEqual([400, 400, 400])
  })
}
