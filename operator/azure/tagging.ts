// Our tags on what stands already. A PATCH replaces all tags of a resource, so that those of others are read before.
// https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
import type { SubscriptionClients } from './clients.ts'
import { submitted } from './operations.ts'
import type { Place, TaggedResource, Tags } from './provider.ts'

export async function retagged(
  clients: SubscriptionClients,
  what: { kind: TaggedResource['kind']; name: string; place: Place; tags: Tags; signal: AbortSignal },
): Promise<void> {
  const { kind, name, signal: abortSignal } = what
  const { resourceGroup } = what.place
  const { get, patch } = callsFor(clients, kind)
  const { tags: standing } = await get(resourceGroup, name, { abortSignal })
  await patch(resourceGroup, name, { tags: { ...standing, ...what.tags } }, { abortSignal })
}

interface Calls {
  get(group: string, name: string, options: { abortSignal: AbortSignal }): Promise<{ tags?: Tags }>
  patch(group: string, name: string, body: { tags: Tags }, options: { abortSignal: AbortSignal }): Promise<unknown>
}

function callsFor({ compute, network }: SubscriptionClients, kind: TaggedResource['kind']): Calls {
  switch (kind) {
    case 'virtualMachine': {
      const { get, update } = compute.virtualMachines
      return { get, patch: (...given) => submitted(update(...given)) }
    }
    case 'disk': {
      const { get, update } = compute.disks
      return { get, patch: (...given) => submitted(update(...given)) }
    }
    case 'snapshot': {
      const { get, update } = compute.snapshots
      return { get, patch: (...given) => submitted(update(...given)) }
    }
    case 'networkInterface': {
      const { get, updateTags: patch } = network.networkInterfaces
      return { get, patch }
    }
    case 'publicIPAddress': {
      const { get, updateTags: patch } = network.publicIPAddresses
      return { get, patch }
    }
    case 'networkSecurityGroup': {
      const { get, updateTags: patch } = network.networkSecurityGroups
      return { get, patch }
    }
    default:
      return kind satisfies never
  }
}
