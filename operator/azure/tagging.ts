// Our tags on what stands already, beside those of others. A PATCH of a resource replaces all that it bears, so that what
// somebody sets between a look and the PATCH would be lost; ARM's own operation on tags leaves other names alone.
// https://learn.microsoft.com/rest/api/resources/tags/update-at-scope
import type { SubscriptionClients } from './clients.ts'
import { submitted } from './operations.ts'
import type { Accepted, Place, TaggedResource, Tags } from './provider.ts'

export async function retagged(
  { resources }: Pick<SubscriptionClients, 'resources'>,
  what: { kind: TaggedResource['kind']; name: string; place: Place; tags: Tags; signal: AbortSignal },
): Promise<Accepted> {
  const { tags, signal: abortSignal } = what
  const { subscriptionId, resourceGroup } = what.place
  const scope = `subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${types[what.kind]}/${what.name}`
  const merge = { operation: 'Merge', properties: { tags } }
  return await submitted(resources.tagsOperations.updateAtScope(scope, merge, { abortSignal }))
}

const types = {
  virtualMachine: 'Microsoft.Compute/virtualMachines',
  disk: 'Microsoft.Compute/disks',
  snapshot: 'Microsoft.Compute/snapshots',
  networkInterface: 'Microsoft.Network/networkInterfaces',
  publicIPAddress: 'Microsoft.Network/publicIPAddresses',
  networkSecurityGroup: 'Microsoft.Network/networkSecurityGroups',
} as const satisfies Record<TaggedResource['kind'], string>
