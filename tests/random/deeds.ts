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
  /** Of the GpuVms that there are or were, the newest last. */
  uids: () => readonly string[]
}

export interface Deeds {
  act(deed: Deed): Promise<void>
  /** What Azure refuses or spoils is over. */
  calm(): Promise<void>
  /** How many evictions Azure carried out. */
  evictions(): number
}

const BOTH = ['Spot', 'Regular'] as const

export function deeds({ world: { azure, catalogue, during }, place, troupe, uids }: Ground): Deeds {
  const faults: string[] = []
  let evictions = 0

  async function capacity(available: number | null, priorities: readonly string[], refusal?: string): Promise<void> {
    for (const size of place.sizes)
      for (const priority of priorities)
        await azure.capacity(available, { region: place.region, size, priority, ...(refusal && { refusal }) })
  }

  /** Somebody does it past the operator; Azure may be busy with it: then nobody did. */
  async function deleteVirtualMachine(): Promise<void> {
    const [victim] = await running()
    if (victim === undefined) return
    const direct = createAzure(azure.settings)
    const signal = AbortSignal.timeout(10_000)
    await during(async () => await direct.deleteVirtualMachine(whereIs(victim.id), victim.name, signal)).catch(
      () => undefined,
    )
  }

  function whereIs(id: string) {
    for (const [region, { subscriptionId, resourceGroup }] of Object.entries(catalogue.regions))
      if (id.toLowerCase().includes(`/${resourceGroup}/`.toLowerCase()))
        return { region, subscriptionId, resourceGroup }
    throw new Error(`${id} is in no region of the catalogue.`)
  }

  async function running() {
    const states = await Promise.all(uids().map(async uid => await azure.of(uid)))
    return states.flatMap(({ virtualMachines }) =>
      virtualMachines.filter(({ simulator }) => simulator.powerState === 'running'),
    )
  }

  async function evict(): Promise<void> {
    const spot = (await running()).find(({ properties }) => properties.priority === 'Spot')
    if (spot === undefined) return
    const isDone = await azure.evict(spot.name).then(
      () => true,
      () => false, // It stops by itself just now.
    )
    if (isDone) evictions += 1
  }

  return {
    async act(deed) {
      switch (deed.do) {
        case 'Evict':
          return await evict()
        case 'RefuseCapacity':
          return await capacity(0, deed.priority === 'Any' ? BOTH : [deed.priority], deed.refusal)
        case 'GrantCapacity':
          return await capacity(null, BOTH)
        case 'Fault': {
          // An operation's address does not say whose it is: whoever asks next is hit.
          const its = deed.kind === 'GET operations' ? {} : { resource: uids().at(-1) ?? '' }
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
      await capacity(null, BOTH)
      for (const id of faults) await azure.faultless(id)
    },
    evictions: () => evictions,
  }
}
