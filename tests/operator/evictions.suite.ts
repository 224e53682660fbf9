// An eviction may come at any moment of a machine's life: each ends well, with one machine or none, and is counted once.
import { expect, test } from 'vitest'
import { isPlayable, isReady, type Scene, type World } from './support/world.ts'

const isOnDemand = (machine: Parameters<typeof isPlayable>[0]) =>
  machine.status?.priority === 'Regular' && isPlayable(machine)

export function evictionsEndWell(world: () => World): void {
  /** In the very moment in which Azure has it running, before anybody else can know. */
  async function evictAsSoonAsItRuns(scene: Scene, vm: string): Promise<void> {
    await scene.until(`${vm} is evicted`, async () =>
      world()
        .azure.evict(vm)
        .then(
          () => true,
          () => false,
        ),
    )
  }

  async function hasOneMachine(uid: string): Promise<void> {
    expect((await world().azure.of(uid)).virtualMachines).toHaveLength(1)
  }

  async function ends(scene: Scene, uid: string): Promise<void> {
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await world().azure.standing(uid)).toEqual([])
  }

  test.concurrent('I1, I6: while it is created', async ({ onTestFinished }) => {
    const scene = await world().scene('while-created', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo')
    await evictAsSoonAsItRuns(scene, `gvm-${uid}-vm-1`)
    const after = await scene.machine('solo', 'is playable on demand', isOnDemand)
    expect(after.status).toMatchObject({ evictions: 1, incarnation: { number: 2, reason: 'Evicted' } })
    await hasOneMachine(uid)
    await ends(scene, uid)
  })

  test.concurrent('I1, I6: while it is started again after a pause', async ({ onTestFinished }) => {
    const scene = await world().scene('while-started', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo')
    const before = await scene.machine('solo', 'is playable', isPlayable)
    await scene.change('solo', { powerState: 'Deallocated' })
    await scene.machine('solo', 'rests', m => isReady(m) && m.status?.powerState === 'Deallocated')
    await scene.change('solo', { powerState: 'Running' })
    await evictAsSoonAsItRuns(scene, `gvm-${uid}-vm-1`)
    const after = await scene.machine('solo', 'is playable on demand', isOnDemand)
    expect(after.status).toMatchObject({ publicIP: before.status?.publicIP, incarnation: { number: 2 } })
    await hasOneMachine(uid)
    await ends(scene, uid)
  })

  test.concurrent('while it is paused it comes to rest, and is rebuilt by nobody', async ({ onTestFinished }) => {
    const scene = await world().scene('while-paused', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo')
    await scene.machine('solo', 'is playable', isPlayable)
    await Promise.all([world().azure.evict(`gvm-${uid}-vm-1`), scene.change('solo', { powerState: 'Deallocated' })])
    const rests = await scene.machine('solo', 'rests', m => isReady(m) && m.status?.phase === 'Deallocated')
    expect(rests.status?.incarnation?.number).toBeLessThanOrEqual(2)
    expect((await world().azure.of(uid)).virtualMachines.length).toBeLessThanOrEqual(1)
    await scene.change('solo', { powerState: 'Running' })
    await scene.machine('solo', 'is playable again', isPlayable)
    await ends(scene, uid)
  })

  test.concurrent('I2: while it is given back', async ({ onTestFinished }) => {
    const scene = await world().scene('while-ended', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo')
    await scene.machine('solo', 'is playable', isPlayable)
    await Promise.all([world().azure.evict(`gvm-${uid}-vm-1`), scene.delete('solo')])
    await scene.gone('solo')
    expect(await world().azure.standing(uid)).toEqual([])
  })

  test.concurrent('I2: given back while it recovers', async ({ onTestFinished }) => {
    const scene = await world().scene('while-recovering', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo')
    await scene.machine('solo', 'is playable', isPlayable)
    await world().azure.evict(`gvm-${uid}-vm-1`)
    await scene.machine('solo', 'recovers', m => m.status?.incarnation?.number === 2)
    await ends(scene, uid)
  })

  test.concurrent('onEviction Wait: it waits for spot with the same machine, is evicted again while it starts, and is served in the end', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const size = 'Standard_NC4as_T4_v3'
    const scene = await world().scene('waits', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo', { onEviction: 'Wait', size })
    const before = await scene.machine('solo', 'is playable', isPlayable)
    await azure.capacity(0, { size, priority: 'Spot' })
    await azure.evict(`gvm-${uid}-vm-1`)
    const waits = await scene.machine('solo', 'waits', m => m.status?.phase === 'Waiting')
    expect(waits.status).toMatchObject({ evictions: 1, incarnation: { number: 1, priority: 'Spot' } })
    await azure.capacity(null, { size, priority: 'Spot' })
    await evictAsSoonAsItRuns(scene, `gvm-${uid}-vm-1`)
    const after = await scene.machine('solo', 'is playable again', m => isPlayable(m) && m.status?.evictions === 2)
    expect(after.status).toMatchObject({
      priority: 'Spot',
      vmId: before.status?.vmId,
      publicIP: before.status?.publicIP,
    })
    await ends(scene, uid)
  })
}
