// New tags on what stands: one PATCH a resource, which replaces them all.
import type { SubscriptionClients } from './clients.ts'
import { submitted } from './operations.ts'
import type { Place, TaggedResource, Tags } from './provider.ts'

export async function retagged(
  { compute, network }: SubscriptionClients,
  what: { kind: TaggedResource['kind']; name: string; place: Place; tags: Tags; signal: AbortSignal },
): Promise<void> {
  const { kind, name, tags, signal: abortSignal } = what
  const { resourceGroup } = what.place
  switch (kind) {
    case 'virtualMachine':
      return await submitted(compute.virtualMachines.update(resourceGroup, name, { tags }, { abortSignal }))
    case 'disk':
      return await submitted(compute.disks.update(resourceGroup, name, { tags }, { abortSignal }))
    case 'snapshot':
      return await submitted(compute.snapshots.update(resourceGroup, name, { tags }, { abortSignal }))
    case 'networkInterface':
      await network.networkInterfaces.updateTags(resourceGroup, name, { tags }, { abortSignal })
      return
    case 'publicIPAddress':
      await network.publicIPAddresses.updateTags(resourceGroup, name, { tags }, { abortSignal })
      return
    case 'networkSecurityGroup':
      await network.networkSecurityGroups.updateTags(resourceGroup, name, { tags }, { abortSignal })
      return
    default:
      return kind satisfies never
  }
}
