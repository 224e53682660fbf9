// What everything about a machine's life needs: finding it, its provisioning state, its NICs.
import { computeId } from './disks.ts'
import { concurrentRequest, type Failure, resourceNotFound } from './errors.ts'
import type { Call } from './routes.ts'
import type { Machine, NetworkInterface, ProvisioningState, World } from './state.ts'
import { find } from './state.ts'

export const MACHINE_TYPE = 'Microsoft.Compute/virtualMachines'

export function machineNamed(world: World, call: Call): Machine {
  const { name = '', resourceGroupName = '' } = call.params
  const machine = find(world.machines, computeId(world, resourceGroupName, 'virtualMachines', name))
  if (machine === undefined) throw resourceNotFound(MACHINE_TYPE, name, resourceGroupName)
  return machine
}

export function setProvisioning(world: World, machine: Machine, state: ProvisioningState, failure?: Failure): void {
  machine.provisioningState = state
  machine.failure = failure
  machine.provisionedAt = world.now
  machine.revision += 1
}

/** Refuses while Azure or another request is at work on the machine. */
export function checkIdle(machine: Machine): void {
  if (machine.operationId !== undefined || machine.evicting) throw concurrentRequest()
}

export function interfacesOf(world: World, machine: Machine): readonly NetworkInterface[] {
  return world.networkInterfaces.by('machine', machine.id)
}
