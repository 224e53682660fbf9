// A DELETE that is long on its way does its work when nobody thinks of it any more. Whatever it was sent for, what stands by
// then is not hit: names carry a number that is raised, or the object's UID.
import { expect, test } from 'vitest'
import { identities } from './support/canonical.ts'
import { isPlayable, isReady, type Scene, type World } from './support/world.ts'

const HELD = { holdBack: true }
const NAME = 'solo'

/** Rescued onto on-demand capacity. */
async function isRescued(scene: Scene): Promise<void> {
  await scene.machine(NAME, 'is rescued', m => m.status?.priority === 'Regular' && isPlayable(m) && isReady(m))
}

export function lateDeletesHarmNobody(world: () => World): void {
  /** Plays on, and everything of it is what it was, and nothing more is deleted than was. */
  async function isUnharmed(scene: Scene, uid: string, before: ReadonlyMap<string, string>): Promise<void> {
    const { azure } = world()
    const deleting = (await azure.of(uid)).virtualMachines.filter(vm => vm.properties.provisioningState !== 'Succeeded')
    expect(deleting).toEqual([])
    await scene.machine(NAME, 'plays on', m => isPlayable(m) && isReady(m))
    expect(await identities(azure, uid)).toEqual(before)
  }

  test.concurrent('I1, I6: a DELETE of the evicted VM that arrives after the rescue finds another name', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('late-delete', onTestFinished)
    scene.operate()
    const uid = await scene.apply(NAME)
    await scene.machine(NAME, 'is playable', isPlayable)
    await azure.fault({ kind: 'DELETE virtualMachines', resource: uid }, HELD)
    await azure.evict(`gvm-${uid}-vm-1`)
    await isRescued(scene)
    const before = await identities(azure, uid)
    expect(await azure.arrive(uid)).toMatchObject([{ path: expect.stringMatching(/-vm-1/), status: 204 }])
    await isUnharmed(scene, uid, before)
  })

  test.concurrent('I1, I6: one that a dying operator sent, and its successor again, both late, harm nobody', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('twice', onTestFinished)
    const first = scene.operate()
    const uid = await scene.apply(NAME)
    await scene.machine(NAME, 'is playable', isPlayable)
    await first.stop()

    await azure.fault({ kind: 'DELETE virtualMachines', resource: uid, times: 2 }, HELD)
    const doomed = scene.operate({ cut: { after: 1, counting: 'changes' } })
    await azure.evict(`gvm-${uid}-vm-1`)
    expect(await doomed.died).toBe('deleteVirtualMachine')
    await doomed.stop()
    scene.operate()
    await isRescued(scene)
    const before = await identities(azure, uid)
    const late = { path: expect.stringMatching(/-vm-1/), status: 204 }
    expect(await azure.arrive(uid)).toMatchObject([late, late])
    await isUnharmed(scene, uid, before)
  })

  test.concurrent('I1, I6: DELETEs of address, interface and disk that arrive when their object is back under its name harm nobody', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('renamed', onTestFinished)
    scene.operate()
    const old = await scene.apply(NAME)
    await scene.machine(NAME, 'is playable', isPlayable)
    const kinds = ['virtualMachines', 'networkInterfaces', 'publicIPAddresses', 'disks']
    for (const kind of kinds) await azure.fault({ kind: `DELETE ${kind}`, resource: old }, HELD)
    await scene.delete(NAME)
    await scene.gone(NAME)
    const uid = await scene.apply(NAME)
    await scene.machine(NAME, 'is playable again', isPlayable)
    const before = await identities(azure, uid)
    const arrived = await azure.arrive(old)
    expect(arrived.map(({ kind }) => kind).sort()).toEqual(kinds.map(kind => `DELETE ${kind}`).sort())
    expect(arrived.map(({ status }) => status)).toEqual([204, 204, 204, 204])
    await isUnharmed(scene, uid, before)
  })

  test.concurrent('I6: those that were sent for an object whose restored copy lives on its resources are refused: they are in use', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('restored', onTestFinished)
    const first = scene.operate()
    const old = await scene.apply(NAME)
    await scene.machine(NAME, 'is playable', isPlayable)
    const kinds = ['networkInterfaces', 'publicIPAddresses', 'disks']
    const faults: string[] = []
    for (const kind of kinds)
      faults.push(await azure.fault({ kind: `DELETE ${kind}`, resource: old, times: null }, HELD))
    await scene.delete(NAME)
    // All that is asked for is on its way when the cluster loses the object.
    await scene.until('its interface is to be deleted', async () =>
      (await azure.calls(0)).some(
        ({ kind, path, status }) => kind === 'DELETE networkInterfaces' && path.includes(old) && status === 0,
      ),
    )
    await first.stop()
    for (const fault of faults) await azure.faultless(fault)
    await scene.lose(NAME)
    scene.operate()
    await scene.apply(NAME)
    await scene.machine(NAME, 'lives on what it had', m => m.status?.adoptedFrom === old && isPlayable(m) && isReady(m))
    const before = await identities(azure, old)
    for (const { status } of await azure.arrive(old)) expect(status).toBeGreaterThanOrEqual(400)
    await isUnharmed(scene, old, before)
  })
}
