// What Azure does to a machine, and how the operator fares: the same whoever asked for the machine.
import { createAzure } from '../../operator/azure/sdk.ts'
import type { World } from '../operator/support/world.ts'
import type { Place } from './place.ts'
import type { Deed } from './scenario.ts'
import type { Troupe } from './troupe.ts'

export interface Ground {
  world: World
  place: Place
  troupe: Troupe
  /** Of the machine's GpuVm. */
  uid: string
}

export interface Deeds {
  act(deed: Deed): Promise<void>
  /** What Azure refuses or spoils is over. */
  calm(): Promise<void>
}

export function deeds({ world: { azure }, place, troupe, uid }: Ground): Deeds {
  const faults: string[] = []

  async function capacity(available: number | null, priorities: string[], refusal?: string): Promise<void> {
    for (const size of place.sizes)
      for (const priority of priorities)
        await azure.capacity(available, { region: place.region, size, priority, ...(refusal && { refusal }) })
  }

  /** Somebody does it past the operator; Azure may be busy with it: then nobody did. */
  async function deleteVirtualMachine(): Promise<void> {
    const { virtualMachines } = await azure.of(uid)
    const victim = virtualMachines.find(({ simulator }) => simulator.powerState === 'running')
    const { subscriptionId, resourceGroup, region } = place
    if (victim === undefined) return
    await createAzure(azure.settings)
      .deleteVirtualMachine({ subscriptionId, resourceGroup, region }, victim.name, AbortSignal.timeout(10_000))
      .catch(() => undefined)
  }

  async function evict(): Promise<void> {
    const { virtualMachines } = await azure.of(uid)
    const spot = virtualMachines.find(
      ({ properties, simulator }) => properties.priority === 'Spot' && simulator.powerState === 'running',
    )
    if (spot) await azure.evict(spot.name).catch(() => undefined) // It stops by itself just now.
  }

  return {
    async act(deed) {
      switch (deed.do) {
        case 'Evict':
          return await evict()
        case 'RefuseCapacity':
          return await capacity(0, [deed.priority], deed.refusal)
        case 'GrantCapacity':
          return await capacity(null, ['Spot', 'Regular'])
        case 'Fault': {
          // An operation's address does not say whose it is: whoever asks next is hit.
          const its = deed.kind === 'GET operations' ? {} : { resource: uid }
          faults.push(await azure.fault({ kind: deed.kind, ...its }, deed.fault))
          return
        }
        case 'StaleLists':
          faults.push(await azure.fault({ kind: 'LIST virtualMachines', times: deed.times }, { stale: true }))
          return
        case 'RestartOperator':
          return await troupe.replace()
        case 'KillOperator':
          return await troupe.doom(deed.afterWrites)
        case 'DeleteVirtualMachine':
          return await deleteVirtualMachine()
        default:
          return deed satisfies never
      }
    },
    async calm() {
      await capacity(null, ['Spot', 'Regular'])
      for (const id of faults) await azure.faultless(id)
    },
  }
}
