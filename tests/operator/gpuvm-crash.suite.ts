// The operator is cut off right after each call that changes Azure, before it learns of the reply, and another one goes
// on. What then stands in Azure is what an undisturbed life leaves, and no VM was asked for twice.
import { beforeAll, expect, test } from 'vitest'
import { canonical, identities } from './support/canonical.ts'
import { isPlayable, isReady, type Scene, type World } from './support/world.ts'

/** An undisturbed life makes so many calls that change Azure: address, interface, three VMs, two of them removed
 * while it lives, one stop, and at the end the VM, interface, disk and address. */
const WRITES = 12
const PARALLEL = 6
/** The address and its resource's id, the disk's, and of the interface its id, its two addresses. */
const KEPT = 6

export function deathsMakeNoDifference(world: () => World): void {
  /** Lived at the same time as those that are compared with it. */
  let calm: ReturnType<typeof life>
  beforeAll(() => {
    calm = undisturbedLife()
    calm.catch(() => undefined) // Told to whoever compares.
  })

  /** Made, evicted onto on-demand, paused, resumed on spot: what stands in Azure then, and the VMs that were accepted. */
  async function life(scene: Scene, region = 'westeurope'): Promise<{ dump: string; accepted: string[] }> {
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

  async function undisturbedLife() {
    const scene = await world().scene('calm')
    scene.operate()
    const undisturbed = await life(scene)
    await scene.end()
    return undisturbed
  }

  test.concurrent('I1, I2: cut off after any call that changes Azure, the end is that of the undisturbed run', async ({
    onTestFinished,
  }) => {
    const cut: string[] = []
    const disturbed = async (write: number) => {
      const scene = await world().scene(`cut-after-${write}`, onTestFinished)
      const first = scene.operate({ cut: { after: write, counting: 'changes' } })
      void first.died.then(async call => {
        cut.push(call)
        await first.stop()
        scene.operate()
      })
      const { dump, accepted } = await life(scene)
      const undisturbed = await calm
      expect({ write, accepted }).toEqual({ write, accepted: undisturbed.accepted })
      expect(dump).toBe(undisturbed.dump)
      await scene.end()
    }
    const waiting = Array.from({ length: WRITES }, (_, index) => index + 1)
    const work = async () => {
      for (let write = waiting.shift(); write !== undefined; write = waiting.shift()) await disturbed(write)
    }
    await Promise.all(Array.from({ length: PARALLEL }, work))

    expect(cut).toHaveLength(WRITES)
  }, 120_000)

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
    const scene = await world().scene('unheard', onTestFinished)
    scene.operate()
    expect(await life(scene, 'francecentral')).toEqual(await calm)
  })
}
