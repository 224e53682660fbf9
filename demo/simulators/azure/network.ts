// What the resources of Microsoft.Network share: their lock, their long-running replies, their addresses.
import { retryAfter } from './clock.ts'
import { ArmError, resourceNotFound } from './errors.ts'
import { nameOf, sameId } from './ids.ts'
import { begin, type DelayKind, operationHeaders } from './operations.ts'
import { type Call, page, type Reply } from './routes.ts'
import { tagsBody } from './shapes.ts'
import type { IpConfiguration, NetworkInterface, Resource, Subnet, VirtualNetwork, World } from './state.ts'
import { etag, find } from './state.ts'
import type { Table } from './table.ts'

export function networkId(world: World, call: Call, type: string, name: string): string {
  const { id: subscription } = world.subscription
  return `/subscriptions/${subscription}/resourceGroups/${call.params.resourceGroupName}/providers/Microsoft.Network/${type}/${name}`
}

/** Refuses to touch a resource that another operation holds: it is a lock, not a limit, though it answers 429. */
export function checkUnlocked(world: World, resource: Resource | undefined): void {
  if (resource?.operationId === undefined) return
  const operation = world.operations.get(resource.operationId)
  const message = `Cannot proceed with operation since resource ${resource.id} is being used by another operation '${operation?.kind}' (${resource.operationId}). Please retry later.`
  const headers = { 'retry-after': retryAfter(world.clock, 10) }
  throw new ArmError(429, 'RetryableErrorDueToAnotherOperation', message, { headers })
}

/** Refuses a reference to what is still being made. */
export function checkProvisioned(referenced: Resource, by: string): void {
  if (referenced.provisioningState === 'Succeeded') return
  const message = `Cannot proceed with operation because resource ${referenced.id} used by resource ${by} is not in Succeeded state. Resource is in ${referenced.provisioningState} state and the last operation that updated/is updating the resource is still in progress.`
  throw new ArmError(409, 'ReferencedResourceNotProvisioned', message)
}

interface Writing<R extends Resource> {
  resource: R
  isNew: boolean
  delay: DelayKind
  render: (resource: R) => unknown
  succeed?: () => void
}

/** Starts the operation behind a PUT and answers as Network does: 201 for what is new, 200 for a change. */
export function written<R extends Resource>(world: World, call: Call, work: Writing<R>): Reply {
  const { resource } = work
  resource.provisioningState = 'Updating'
  const operation = begin(world, call, {
    service: 'network',
    resource,
    delay: work.delay,
    succeed: () => {
      resource.provisioningState = 'Succeeded'
      work.succeed?.()
    },
    fail: () => {
      resource.provisioningState = 'Failed'
    },
  })
  const headers = operationHeaders(world, call, operation)
  return { status: work.isNew ? 201 : 200, headers, body: work.render(resource) }
}

type Removable<R extends Resource> = Pick<Table<R>, 'get' | 'delete'>

/** Starts a deletion, or answers 204 when there is nothing to delete. */
export function removed<R extends Resource>(
  world: World,
  call: Call,
  { table, id, check }: { table: Removable<R>; id: string; check: (resource: R) => void },
): Reply {
  const resource = table.get(id)
  if (resource === undefined) return { status: 204 }
  checkUnlocked(world, resource)
  check(resource)
  resource.provisioningState = 'Deleting'
  const operation = begin(world, call, {
    service: 'network',
    resource,
    delay: 'networkDelete',
    succeed: () => table.delete(resource.id),
    fail: () => {
      resource.provisioningState = 'Failed'
    },
  })
  return { status: 202, headers: operationHeaders(world, call, operation) }
}

interface Reading<R extends Resource> {
  table: Pick<Table<R>, 'get' | 'under'>
  /** As ids have it, such as `publicIPAddresses`. */
  type: string
  render: (resource: R) => unknown
}

export function got<R extends Resource>(world: World, call: Call, { table, type, render }: Reading<R>): Reply {
  const resource = named(world, call, { table, type })
  return { status: 200, headers: { etag: `W/${etag(resource)}` }, body: render(resource) }
}

export function listed<R extends Resource>(world: World, call: Call, { table, render }: Reading<R>): Reply {
  const prefix = call.params.resourceGroupName === undefined ? '' : networkId(world, call, '', '').replace(/\/+$/, '/')
  return page(world, call, table.under(prefix), render)
}

/** PATCH of Network changes tags alone, at once. */
export function retagged<R extends Resource>(world: World, call: Call, { table, type, render }: Reading<R>): Reply {
  const resource = named(world, call, { table, type })
  resource.tags = tagsBody.parse(call.body).tags
  resource.revision += 1
  return { status: 200, body: render(resource) }
}

function named<R extends Resource>(
  world: World,
  call: Call,
  { table, type }: { table: Pick<Table<R>, 'get'>; type: string },
): R {
  const name = call.params.name ?? ''
  const resource = table.get(networkId(world, call, type, name))
  if (resource === undefined) {
    throw resourceNotFound(`Microsoft.Network/${type}`, name, call.params.resourceGroupName ?? '')
  }
  return resource
}

/** The NIC's configuration that holds a public address. */
export function holderOf(world: World, publicIpId: string): IpConfiguration | undefined {
  const [nic] = world.networkInterfaces.by('publicIp', publicIpId)
  return nic?.ipConfigurations.find(one => sameId(one.publicIpId, publicIpId))
}

export function subnetOf(world: World, id: string): { network: VirtualNetwork; subnet: Subnet } | undefined {
  const network = find(world.virtualNetworks, id.replace(/\/subnets\/[^/]+$/i, ''))
  const subnet = network?.subnets.find(one => sameId(one.name, nameOf(id)))
  return network === undefined || subnet === undefined ? undefined : { network, subnet }
}

export function interfacesIn(world: World, subnetId: string): readonly NetworkInterface[] {
  return world.networkInterfaces.by('subnet', subnetId)
}

/** An IPv4 range: the number of its first address and how many it has; `undefined` when it is none. */
export function ipRange(cidr: string): { first: number; size: number } | undefined {
  const [, a, b, c, d, bits] = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr) ?? []
  const numbers = [a, b, c, d].map(Number)
  const prefix = Number(bits)
  if (bits === undefined || prefix > 32 || numbers.some(number => number > 255)) return undefined
  const size = 2 ** (32 - prefix)
  const address = numbers.reduce((sum, number) => sum * 256 + number, 0)
  return { first: Math.floor(address / size) * size, size }
}

export function ipText(address: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')
}
