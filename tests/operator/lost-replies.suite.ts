// Azure does what the operator asks for, and no reply comes of it. What then stands in Azure is what an undisturbed life
// leaves, and no VM was asked for twice. That it is cut off after any call is tests/proof/lives.test.ts's.
import { expect, test } from 'vitest'
import { canonical, identities } from './support/canonical.ts'
import { isPlayable, isReady, type Scene, type World } from './support/world.ts'

/** The address and its resource's id, the disk's, and of the interface its id, its two addresses. */
const KEPT = 6

export function lostRepliesMakeNoDifference(world: () => World): void {
  /** Made, evicted onto on-demand, paused, resumed on spot: what stands in Azure then, and the VMs that were accepted. */
  async function life(scene: Scene, region: string): Promise<{ dump: string; accepted: string[] }> {
    const { azure } = world()
    const uid = await scene.apply('solo', { region })
    await scene.machine('solo', 'is playable', isPlayable)
    const first = await identities(azure, uid)
    await azure.evict(`gvm-${uid}-vm-1`)
    await scene.machine('solo', 'is playable on demand', m => m.status?.priority === 'Regular' && isPlayable(m))
    await scene.change('solo', { powerState: 'Deallocated' })
    await scene.machine('solo', 'is deallocated', m => isReady(m) && m.status?.phase === 'Deallocated')
    await scene.change('solo', { powerState: 'Running' })
    await scene.machine(
      'solo',
      'is playable on spot',
      m => m.status?.priority === 'Spot' && isPlayable(m) && isReady(m),
    )
    const dump = (await canonical(azure, { uid, namespace: scene.namespace }, first)).replaceAll(
      new RegExp(region, 'gi'),
      'REGION',
    )
    // Address, disk and interface; all else is the third machine's.
    expect(dump.match(/as before/g)).toHaveLength(KEPT)
    expect(dump).not.toContain('another')
    await scene.delete('solo')
    await scene.gone('solo')

    const calls = (await azure.calls(0)).filter(
      ({ path, kind }) => kind === 'PUT virtualMachines' && path.includes(uid),
    )
    const accepted = calls.filter(({ status }) => status < 300).map(({ path }) => path.replace(/^.*(vm-\d+).*$/, '$1'))
    expect(await azure.standing(uid)).toEqual([])
    return { dump, accepted }
  }

  test.concurrent('I1, I2: when Azure does what it is asked but each first reply is lost, the end is the same', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const kinds = ['PUT publicIPAddresses', 'PUT networkInterfaces', 'PUT virtualMachines', 'DELETE virtualMachines']
    const more = [
      'POST virtualMachines/deallocate',
      'DELETE networkInterfaces',
      'DELETE publicIPAddresses',
      'DELETE disks',
    ]
    for (const kind of [...kinds, ...more])
      await azure.fault({ kind, resource: 'wasd-francecentral' }, { loseReply: true })
    const livedIn = async (namespace: string, region: string) => {
      const scene = await world().scene(namespace, onTestFinished)
      scene.operate()
      return await life(scene, region)
    }
    const [calm, unheard] = await Promise.all([livedIn('calm', 'westeurope'), livedIn('unheard', 'francecentral')])
    expect(unheard).toEqual(calm)
  })
}
