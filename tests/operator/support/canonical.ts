// What stands in Azure, less what differs between two equal runs: times, and ids that Azure draws by lot. Of what Azure
// draws it still shows whether a thing is the one that stood there before: an address, a disk, a machine.
import type { AzureWorld } from './azure.ts'

/** Says nothing of the state. */
const noise = new Set(['etag', 'time', 'timeCreated', 'LastOwnershipUpdateTime', 'lastOwnershipUpdateTime'])
/** Drawn once when the resource is made: as long as these stay, it is the same one. */
const identity = new Set(['vmId', 'uniqueId', 'resourceGuid', 'ipAddress', 'privateIPAddress', 'macAddress'])
const kinds = [
  ...(['virtualMachines', 'networkInterfaces', 'publicIPAddresses'] as const),
  ...(['networkSecurityGroups', 'disks', 'snapshots'] as const),
]

/** By `resource/field`, what Azure drew. */
export type Identities = ReadonlyMap<string, string>

interface Owner {
  uid: string
  namespace: string
}

/**
 * The resources of the machine with this UID, as text to compare. What Azure drew is told by what it was `before`: the
 * same, another, or new where there was none.
 */
export async function canonical(azure: AzureWorld, owner: Owner, before: Identities = new Map()): Promise<string> {
  const told = (resource: string) => (key: string, value: unknown) => {
    if (noise.has(key)) return undefined
    if (!identity.has(key) || typeof value !== 'string') return value
    const known = before.get(`${resource}/${key}`)
    return known === undefined ? 'new' : known === value ? 'as before' : 'another'
  }
  const texts = (await resourcesOf(azure, owner.uid)).map(one => JSON.stringify(one, told(nameOf(one)), 1))
  return texts
    .join('\n')
    .replaceAll(owner.uid, 'UID')
    .replaceAll(owner.uid.toUpperCase(), 'UID')
    .replaceAll(owner.namespace, 'NS')
}

/** What Azure has drawn for the resources of the machine with this UID. */
export async function identities(azure: AzureWorld, uid: string): Promise<Identities> {
  const found = new Map<string, string>()
  for (const one of await resourcesOf(azure, uid))
    JSON.stringify(one, (key, value: unknown) => {
      if (identity.has(key) && typeof value === 'string') found.set(`${nameOf(one)}/${key}`, value)
      return value
    })
  return found
}

/** I6: what must outlive any machine that comes and goes. */
export function isToBeKept(drawn: string): boolean {
  return /\/(?:uniqueId|ipAddress)$/.test(drawn)
}

async function resourcesOf(azure: AzureWorld, uid: string): Promise<unknown[]> {
  const state = await azure.control('GET', 'state')
  return kinds.flatMap(kind => listIn(state, kind).filter(one => JSON.stringify(one).includes(uid)))
}

function nameOf(resource: unknown): string {
  const name: unknown = typeof resource === 'object' && resource !== null ? Reflect.get(resource, 'name') : undefined
  return typeof name === 'string' ? name : ''
}

function listIn(state: unknown, kind: string): unknown[] {
  const list: unknown = typeof state === 'object' && state !== null ? Reflect.get(state, kind) : undefined
  return Array.isArray(list) ? list : []
}
