// Whole-subscription lists: their cost grows with pages, not with machines.
import type { SubscriptionClients } from './clients.ts'
import { INSTALLATION_TAG } from './names.ts'
import type { FleetMachine, TaggedQuery, TaggedResource, Tags } from './provider.ts'
import { powerState } from './virtual-machines.ts'

/** `statusOnly` gives power states, 200 machines a page, at one List call each. */
export async function listFleet({ compute }: SubscriptionClients, abortSignal: AbortSignal): Promise<FleetMachine[]> {
  const machines: FleetMachine[] = []
  for await (const machine of compute.virtualMachines.listAll({ statusOnly: 'true', abortSignal })) {
    if (!machine.id || !machine.name) continue
    machines.push({
      id: machine.id.toLowerCase(),
      name: machine.name,
      powerState: powerState(machine.instanceView?.statuses ?? []),
    })
  }
  return machines
}

interface Listed {
  id?: string
  name?: string
  tags?: Tags
  timeCreated?: Date
  location?: string
}

export async function listTagged(
  { compute, network }: SubscriptionClients,
  { installationId, isWanted = () => true }: TaggedQuery,
  abortSignal: AbortSignal,
): Promise<TaggedResource[]> {
  const found: TaggedResource[] = []
  const gather = async (kind: TaggedResource['kind'], list: AsyncIterable<Listed>) => {
    for await (const { id, name, tags, timeCreated, location } of list) {
      if (!id || !name || tags?.[INSTALLATION_TAG] !== installationId) continue
      const resourceGroup = /\/resourceGroups\/([^/]+)\//i.exec(id)?.[1] ?? ''
      const resource: TaggedResource = {
        id: id.toLowerCase(),
        kind,
        name,
        resourceGroup,
        region: location ?? '',
        tags,
        createdAt: timeCreated,
      }
      if (isWanted(resource)) found.push(resource)
    }
  }
  await gather('virtualMachine', compute.virtualMachines.listAll({ abortSignal }))
  await gather('networkInterface', network.networkInterfaces.listAll({ abortSignal }))
  await gather('publicIPAddress', network.publicIPAddresses.listAll({ abortSignal }))
  await gather('networkSecurityGroup', network.networkSecurityGroups.listAll({ abortSignal }))
  await gather('disk', compute.disks.list({ abortSignal }))
  await gather('snapshot', compute.snapshots.list({ abortSignal }))
  return found
}
