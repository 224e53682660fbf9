// What befalls a machine that is no eviction and no refusal: a sick host, Azure's own work on one, a person with the portal
// open.
import { expect, test } from 'vitest'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { createAzure } from '../../operator/azure/sdk.ts'
import type { Maintenance } from './support/guests.ts'
import { isPlayable, type Scene, type World } from './support/world.ts'

export function troublesAreOvercome(world: () => World): void {
  test.concurrent('I6: on a host that Azure knows to be sick it is moved once, and plays on at the same address from the same disk', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('sick', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo')
    const before = await scene.machine('solo', 'is playable', isPlayable)
    await azure.control('POST', 'host-failure', { vm: `gvm-${uid}-vm-1` })
    await scene.machine('solo', 'is silent', m => !isPlayable(m) && m.status?.powerState === 'Running')
    const after = await scene.machine(
      'solo',
      'is playable again',
      m => m.status?.redeployedAt !== undefined && isPlayable(m),
    )
    expect(after.status).toMatchObject({
      publicIP: before.status?.publicIP,
      vmId: before.status?.vmId,
      incarnation: { number: 1, priority: 'Spot' },
    })
    expect(after.status?.evictions).toBeUndefined()
    const calls = (await azure.calls(0)).filter(({ path, method }) => path.includes(uid) && method === 'POST')
    expect(calls.map(({ kind }) => kind)).toEqual(['POST virtualMachines/redeploy'])
    await scene.until('it is told', async () => (await scene.eventsOf('solo')).includes('HostSick'))
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])
  })

  /**
   * Two machines that play, then fall silent, agent and all: Azure has announced it to the one, and its agent has told; of the
   * other nobody has told anything. When this is over the other was moved and plays, and the one has been silent for longer.
   */
  async function silentTwins(scene: Scene, event: Maintenance) {
    const { azure, guests, kube } = world()
    scene.operate()
    const plays = async (name: string) => {
      const uid = await scene.apply(name)
      return { name, uid, vm: `gvm-${uid}-vm-1`, before: await scene.machine(name, 'is playable', isPlayable) }
    }
    const [told, untold] = await Promise.all([plays('told'), plays('untold')])
    // So far ahead that nothing but the report and its withdrawal makes a difference here; what is approved begins sooner.
    await guests.announce(told.vm, event, 3600)
    expect(await guests.report(kube, { machine: told.before, vm: told.vm })).toMatchObject({ outcome: 'Written' })
    const mark = await azure.mark()
    for (const { vm } of [told, untold]) {
      await guests.hang(vm)
      await azure.control('POST', 'agent', { vm, ready: false })
    }
    await scene.machine('told', 'is silent', m => !isPlayable(m))
    const moved = await scene.machine(
      'untold',
      'is playable again',
      m => m.status?.redeployedAt !== undefined && isPlayable(m),
    )
    const silent = await scene.get('told')
    const guest = { maintenance: { event } }
    expect(silent?.status).toMatchObject({ powerState: 'Running', stream: { answering: false }, guest })
    return {
      told,
      untold,
      moved,
      /** What was asked of Azure since, but for looks. */
      asked: async (uid: string) =>
        (await azure.calls(mark))
          .filter(({ method, path }) => method !== 'GET' && path.includes(uid))
          .map(({ kind }) => kind),
      /** As they were, for all that befell them. */
      areTheSame(...pairs: { before: GpuVm; after: GpuVm }[]) {
        for (const { before, after } of pairs) {
          const { publicIP, vmId } = before.status ?? {}
          expect(after.status).toMatchObject({ publicIP, vmId, incarnation: { number: 1, priority: 'Spot' } })
          expect(after.status?.evictions).toBeUndefined()
        }
      },
      async go() {
        for (const { name } of [told, untold]) await scene.delete(name)
        for (const { name, uid } of [told, untold]) {
          await scene.gone(name)
          expect(await azure.standing(uid)).toEqual([])
        }
      },
    }
  }

  test.concurrent.for(['Freeze', 'Reboot', 'Redeploy'] as const)(
    'I6: a silence that the agent has told Azure’s %s of is waited for; the same silence untold is a sick host’s, and moved once',
    async (event, { onTestFinished }) => {
      const { azure, guests, kube } = world()
      const scene = await world().scene(`told-${event.toLowerCase()}`, onTestFinished)
      const { told, untold, moved, asked, areTheSame, go } = await silentTwins(scene, event)
      expect(await asked(untold.uid)).toEqual(['POST virtualMachines/redeploy'])
      await scene.until('it is told', async () => (await scene.eventsOf('untold')).includes('HostSick'))

      await azure.control('POST', 'agent', { vm: told.vm, ready: true })
      await guests.resume(told.vm)
      await guests.withdraw(told.vm, event)
      const after = await scene.machine('told', 'is playable again', isPlayable)
      expect(await guests.report(kube, { machine: after, vm: told.vm })).toMatchObject({ outcome: 'Written' })
      expect((await scene.get('told'))?.status?.guest?.maintenance).toBeUndefined()
      expect(await asked(told.uid)).toEqual([])
      expect(after.status?.redeployedAt).toBeUndefined()
      expect(await scene.eventsOf('told')).not.toContain('HostSick')
      areTheSame({ ...told, after }, { ...untold, after: moved })
      await go()
    },
  )

  test.concurrent('what Azure has called off explains a silence no longer: the machine is moved at once', async ({
    onTestFinished,
  }) => {
    const { guests, kube } = world()
    const scene = await world().scene('called-off', onTestFinished)
    const { told, asked, areTheSame, go } = await silentTwins(scene, 'Reboot')
    expect(await asked(told.uid)).toEqual([])
    await guests.withdraw(told.vm, 'Reboot')
    await guests.report(kube, { machine: told.before, vm: told.vm })
    const after = await scene.machine(
      'told',
      'is playable again',
      m => m.status?.redeployedAt !== undefined && isPlayable(m),
    )
    expect(await asked(told.uid)).toEqual(['POST virtualMachines/redeploy'])
    areTheSame({ ...told, after })
    await go()
  })

  test.concurrent('deallocated by a person it was not evicted: it is started again as it was, and the person is told how to stop it', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('by-hand', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo')
    const before = await scene.machine('solo', 'is playable', isPlayable)
    const { subscriptionId = '', resourceGroup = '' } = world().catalogue.regions.westeurope ?? {}
    const place = { subscriptionId, resourceGroup, region: 'westeurope' }
    await createAzure(azure.settings).deallocateVirtualMachine(place, `gvm-${uid}-vm-1`, AbortSignal.timeout(5000))
    const down = await scene.machine('solo', 'is down', m => !isPlayable(m))
    expect(down.status?.evictions).toBeUndefined()
    const after = await scene.machine('solo', 'is playable again', isPlayable)
    expect(after.status).toMatchObject({ priority: 'Spot', vmId: before.status?.vmId, incarnation: { number: 1 } })
    expect(after.status?.evictions).toBeUndefined()
    await scene.until('it is told', async () => (await scene.eventsOf('solo')).includes('StoppedByOthers'))
    expect(await scene.eventsOf('solo')).not.toContain('Evicted')
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('I6: an interface that somebody deletes in the midst of a rescue is made anew: what Azure has now overrules what was seen', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('nic-by-hand', onTestFinished)
    scene.operate()
    const uid = await scene.apply('solo')
    const before = await scene.machine('solo', 'is playable', isPlayable)
    // Azure answers late, so that there is time to hold the operator before it makes the successor.
    await azure.fault({ kind: 'DELETE virtualMachines', resource: uid }, { delaySeconds: 100 })
    await azure.evict(`gvm-${uid}-vm-1`)
    await scene.until('the evicted VM is gone', async () => (await azure.of(uid)).virtualMachines.length === 0)
    await scene.annotate('solo', { 'wasd.cloud/suspend': '' })
    await scene.machine('solo', 'is held', m => condition(m.status?.conditions, 'Suspended')?.status === 'True')
    const { subscriptionId = '', resourceGroup = '' } = world().catalogue.regions.westeurope ?? {}
    const place = { subscriptionId, resourceGroup, region: 'westeurope' }
    await createAzure(azure.settings).deleteNetworkInterface(place, `gvm-${uid}-nic`, AbortSignal.timeout(5000))
    await scene.until('the interface is gone', async () => (await azure.of(uid)).networkInterfaces.length === 0)
    const mark = await azure.mark()
    await scene.annotate('solo', { 'wasd.cloud/suspend': null })
    const after = await scene.machine(
      'solo',
      'is playable again',
      m => m.status?.priority === 'Regular' && isPlayable(m),
    )
    expect(after.status).toMatchObject({ publicIP: before.status?.publicIP, incarnation: { number: 2 } })
    const puts = (await azure.calls(mark)).filter(({ method, path }) => method === 'PUT' && path.includes(uid))
    expect(puts.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
      'PUT virtualMachines 400',
      'PUT networkInterfaces 201',
      'PUT virtualMachines 201',
    ])
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])
  })

  test.concurrent('I6: evicted while nobody looked, and touched by somebody since, so that the times say a person stopped it: Azure’s own note says eviction', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('noted', onTestFinished)
    const first = scene.operate()
    const uid = await scene.apply('solo')
    const before = await scene.machine('solo', 'is playable', isPlayable)
    await first.stop()
    const vm = `gvm-${uid}-vm-1`
    await azure.evict(vm)
    const { subscriptionId = '', resourceGroup = '' } = world().catalogue.regions.westeurope ?? {}
    const place = { subscriptionId, resourceGroup, region: 'westeurope' }
    const person = createAzure(azure.settings)
    const signal = AbortSignal.timeout(20_000)
    const look = async () => await person.virtualMachine(place, vm, signal)
    await scene.until('it stands still', async () => (await look())?.powerState === 'Deallocated')
    const tags = (await azure.of(uid)).virtualMachines[0]?.tags ?? {}
    await person.retag(place, { kind: 'virtualMachine', name: vm }, { ...tags, note: 'looked at' }, signal)
    await scene.until('its time has moved', async () => {
      const provisionedAt = (await look())?.provisionedAt
      return provisionedAt !== undefined && provisionedAt > new Date(before.status?.provisionedAt ?? 0)
    })
    const machineIds = [before.status?.resources?.virtualMachine ?? '']
    await scene.until('Azure has noted it', async () => {
      const noted = await person.annotations({ subscriptionId, machineIds }, signal)
      return noted.some(({ name }) => name === 'VirtualMachinePreempted')
    })
    scene.operate()
    const after = await scene.machine('solo', 'is on demand', m => m.status?.incarnation?.number === 2 && isPlayable(m))
    expect(after.status).toMatchObject({ evictions: 1, publicIP: before.status?.publicIP, priority: 'Regular' })
    expect(await scene.eventsOf('solo')).not.toContain('StoppedByOthers')
    await scene.delete('solo')
    await scene.gone('solo')
    expect(await azure.standing(uid)).toEqual([])
  })
}
