// What stands in Azure, less what differs between two equal runs: times, addresses, ids that Azure draws by lot.
import type { AzureWorld } from './azure.ts'

const drawn = new Set([
  'etag',
  'vmId',
  'uniqueId',
  'resourceGuid',
  'ipAddress',
  'privateIPAddress',
  'macAddress',
  'time',
  'timeCreated',
  'LastOwnershipUpdateTime',
  'lastOwnershipUpdateTime',
])
const kinds = ['virtualMachines', 'networkInterfaces', 'publicIPAddresses', 'networkSecurityGroups', 'disks'] as const

/** The resources of the machine with this UID, as text to compare. */
export async function canonical(azure: AzureWorld, owner: { uid: string; namespace: string }): Promise<string> {
  const state = await azure.control('GET', 'state')
  const ofOwner = kinds.map(kind => listIn(state, kind).filter(one => JSON.stringify(one).includes(owner.uid)))
  const text = JSON.stringify(ofOwner, (key, value) => (drawn.has(key) ? undefined : value), 1)
  return text.replaceAll(owner.uid, 'UID').replaceAll(owner.uid.toUpperCase(), 'UID').replaceAll(owner.namespace, 'NS')
}

function listIn(state: unknown, kind: string): unknown[] {
  const list: unknown = typeof state === 'object' && state !== null ? Reflect.get(state, kind) : undefined
  return Array.isArray(list) ? list : []
}
