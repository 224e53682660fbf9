// A machine goes, and disks and NICs go along or are let go, as the deleteOption of each says.
// https://learn.microsoft.com/azure/virtual-machines/delete
import { release } from './capacity.ts'
import { computeId } from './disks.ts'
import { guestStops } from './guests.ts'
import { sameId } from './ids.ts'
import { interfacesOf, setProvisioning } from './machine-state.ts'
import { begin, operationHeaders } from './operations.ts'
import type { Call, Reply } from './routes.ts'
import type { Machine, World } from './state.ts'
import { find } from './state.ts'
import { releaseDisks } from './virtual-machine-disks.ts'

/** How much shorter a deletion with force is. */
const FORCED_SHARE = 0.3

export function remove(world: World, call: Call): Reply {
  const { name = '', resourceGroupName = '' } = call.params
  const machine = find(world.machines, computeId(world, resourceGroupName, 'virtualMachines', name))
  if (machine === undefined) return { status: 204 }
  const deleting =
    machine.provisioningState === 'Deleting' ? world.operations.get(machine.operationId ?? '') : undefined
  if (deleting !== undefined) return { status: 202, headers: operationHeaders(world, call, deleting) }
  guestStops(world, machine, 'deleted')
  setProvisioning(world, machine, 'Deleting')
  if (machine.powerState === 'running' || machine.powerState === 'starting') machine.powerState = 'stopping'
  machine.evicting = false
  const operation = begin(world, call, {
    service: 'compute',
    resource: machine,
    delay: 'vmDelete',
    share: call.query.get('forceDeletion') === 'true' ? FORCED_SHARE : 1,
    succeed: () => {
      release(world, machine.placement)
      vanish(world, machine)
    },
    fail: why => setProvisioning(world, machine, 'Failed', why),
  })
  return { status: 202, headers: operationHeaders(world, call, operation) }
}

/** Takes the machine out of Azure, with what goes with it. */
export function vanish(world: World, machine: Machine): void {
  world.machines.delete(machine.id)
  releaseDisks(world, machine)
  for (const nic of interfacesOf(world, machine)) {
    const reference = machine.properties.networkProfile?.networkInterfaces?.find(one => sameId(one.id, nic.id))
    nic.machineId = undefined
    world.networkInterfaces.changed(nic)
    nic.revision += 1
    if (reference?.properties?.deleteOption !== 'Delete') continue
    world.networkInterfaces.delete(nic.id)
    for (const { publicIpId, publicIpDeleteOption } of nic.ipConfigurations) {
      if (publicIpDeleteOption === 'Delete' && publicIpId !== undefined) world.publicIps.delete(publicIpId)
    }
  }
}
