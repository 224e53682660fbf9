// Our tags on what stands already. A PATCH replaces all tags of a resource, so that those of others are read before.
// https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
import type { SubscriptionClients } from './clients.ts'
import { submitted } from './operations.ts'
import type { Accepted, Place, TaggedResource, Tags } from './provider.ts'

export async function retagged(
  clients: SubscriptionClients,
  what: { kind: TaggedResource['kind']; name: string; place: Place; tags: Tags; signal: AbortSignal },
): Promise<Accepted> {
  const { kind, name, signal: abortSignal } = what
  const { resourceGroup } = what.place
  const { get, patch } = callsFor(clients, kind)
  const { tags: standing } = await get(resourceGroup, name, { abortSignal })
  return await patch(resourceGroup, name, { tags: { ...standing, ...what.tags } }, { abortSignal })
}

interface Calls {
  get(group: string, name: string, options: { abortSignal: AbortSignal }): Promise<{ tags?: Tags }>
  patch(group: string, name: string, body: { tags: Tags }, options: { abortSignal: AbortSignal }): Promise<Accepted>
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
      const { get, updateTags } = network.networkInterfaces
      return { get, patch: (...given) => done(updateTags(...given)) }
    }
    case 'publicIPAddress': {
      const { get, updateTags } = network.publicIPAddresses
      return { get, patch: (...given) => done(updateTags(...given)) }
    }
    case 'networkSecurityGroup': {
      const { get, updateTags } = network.networkSecurityGroups
      return { get, patch: (...given) => done(updateTags(...given)) }
    }
    default:
      return kind satisfies never
  }
}

/** The network's is over with the reply. */
async function done(call: Promise<unknown>): Promise<Accepted> {
  await call
  return undefined
}
