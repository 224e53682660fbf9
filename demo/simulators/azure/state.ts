// The whole state of the simulated Azure, and its time: what is due is kept in one agenda and done in order of its hour,
// so that the same requests at the same times give the same Azure.
import type { Clock } from './clock.ts'
import type { Failure } from './errors.ts'
import type { Fault } from './faults.ts'
import type { GuestFeed } from './guests.ts'
import type { RequestLog } from './log.ts'
import type { Operation } from './operations.ts'
import type { Settings } from './options.ts'
import type { Random } from './random.ts'
import type { Annotation, EvictionRate } from './resource-graph.ts'
import type { Reply } from './routes.ts'
import type { Schemas } from './schemas.ts'
import type { DiskProperties, MachineProperties, SecurityRule } from './shapes.ts'
import { placeIn, type Table } from './table.ts'
import type { Bucket } from './throttling.ts'

export type ProvisioningState = 'Creating' | 'Updating' | 'Deleting' | 'Succeeded' | 'Failed'
export type PowerState = 'starting' | 'running' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated'
export type Priority = 'Spot' | 'Regular'

/** What every resource has. */
export interface Resource {
  /** In the case in which it was created. */
  id: string
  name: string
  location: string
  tags: Record<string, string> | undefined
  /** Raised at each change. */
  revision: number
  provisioningState: ProvisioningState
  /** The long-running operation that holds the resource now. */
  operationId: string | undefined
}

export interface Machine extends Resource {
  /** New at each creation. */
  vmId: string
  createdAt: number
  zones: readonly string[] | undefined
  /** As given, completed, and without secrets. */
  properties: MachineProperties
  customData: string | undefined
  /** Unknown while it is created, and for one that was never placed. */
  powerState: PowerState | undefined
  failure: Failure | undefined
  /** When provisioningState was reached. */
  provisionedAt: number
  /** When Azure takes it back; the machine has been told. */
  preemptAt: number | undefined
  /** Azure is taking it back now. */
  evicting: boolean
  /** Its host is broken: Azure calls it running, and nothing on it answers until it is moved to another. */
  hostFailed: boolean
  /** Its VM agent is not heard; until it boots again. */
  isAgentSilent: boolean
  /** What was running was told to the guests' feed. */
  guestRunning: boolean
  /** The hardware that it holds. */
  placement: Placement | undefined
}

export interface Placement {
  region: string
  /** Of a machine that stands in one. */
  zone?: string | undefined
  size: string
  priority: Priority
}

export interface Disk extends Resource {
  createdAt: number
  zones: readonly string[] | undefined
  sku: string
  properties: DiskProperties
  uniqueId: string
  /** The id of the machine that holds it. */
  managedBy: string | undefined
  /** Attached, unattached, deallocated or started: the last time. */
  ownershipChangedAt: number | undefined
}

export interface Snapshot extends Resource {
  createdAt: number
  sku: string
  properties: DiskProperties
  uniqueId: string
  /** When a copy from another region is whole; until then completionPercent grows. */
  completedAt: number
  /** When, and how far on, the copy stands still for good; `undefined` of one that comes, or came, to be whole. */
  copyFailure: { at: number; percent: number; message: string } | undefined
}

export interface PublicIp extends Resource {
  zones: readonly string[] | undefined
  sku: { name: string; tier: string }
  properties: Record<string, unknown>
  domainNameLabel: string | undefined
  /** From the end of its creation on. */
  ipAddress: string | undefined
  resourceGuid: string
}

export interface IpConfiguration {
  name: string
  id: string
  primary: boolean
  subnetId: string
  privateIPAddress: string
  privateIPAllocationMethod: string
  publicIpId: string | undefined
  publicIpDeleteOption: string | undefined
}

export interface NetworkInterface extends Resource {
  properties: Record<string, unknown>
  ipConfigurations: readonly IpConfiguration[]
  networkSecurityGroupId: string | undefined
  machineId: string | undefined
  macAddress: string
  resourceGuid: string
  /** After a failed creation of that machine. */
  reservation: { machineId: string; until: number } | undefined
}

export interface SecurityGroup extends Resource {
  rules: readonly SecurityRule[]
  resourceGuid: string
}

export interface Subnet {
  name: string
  properties: Record<string, unknown>
  addressPrefix: string
}

export interface VirtualNetwork extends Resource {
  addressPrefixes: readonly string[]
  properties: Record<string, unknown>
  subnets: readonly Subnet[]
  resourceGuid: string
}

export interface ResourceGroup {
  name: string
  location: string
  tags: Record<string, string> | undefined
}

export interface Resources {
  resourceGroups: Map<string, ResourceGroup>
  machines: Table<Machine, 'name' | 'region' | 'kind'>
  disks: Table<Disk, 'holder'>
  snapshots: Table<Snapshot>
  publicIps: Table<PublicIp, 'region' | 'label' | 'address'>
  networkInterfaces: Table<
    NetworkInterface,
    'region' | 'machine' | 'publicIp' | 'subnet' | 'privateAddress' | 'securityGroup'
  >
  securityGroups: Table<SecurityGroup, 'region'>
  virtualNetworks: Table<VirtualNetwork, 'region'>
}

export interface Capacity {
  /** How many more; `undefined` is without limit. */
  available: number | undefined
  /** The code given at 0. */
  refusal: string | undefined
}

/** What a subscription has for itself, beside its resources. */
export interface Subscription {
  id: string
  /** The client ids that have a role in it. */
  clients: readonly string[]
  /** https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states */
  state: 'Enabled' | 'Disabled'
}

/** A request that has not arrived yet, although whoever sent it has given up. */
export interface HeldRequest {
  kind: string
  path: string
  /** As if it came just now. */
  arrive(): { status: number }
}

/**
 * Azure as one subscription sees it: its own resources, quotas and limits, and what is common to all. Each subscription's
 * is a view of one and the same world.
 */
export interface World extends Resources {
  readonly settings: Settings
  readonly subscription: Subscription
  /** All of them, this one too, by their ids in lower case; the first is the one that the options name first. */
  readonly subscriptions: Map<string, World>
  readonly clock: Clock
  readonly random: Random
  /** A stream of its own, so that how often somebody polls does not change what is made. */
  readonly requestIds: Random
  readonly schemas: Schemas
  /** The moment that is being simulated, in milliseconds since 1970; moved by `advance` alone. */
  now: number
  /** By its hour; what is due at the same moment in the order in which it was put there. */
  agenda: { at: number; act: () => void }[]
  operations: Map<string, Operation>
  /** By `region/size/priority` or `region/zone/size/priority`, in lower case. */
  capacity: Map<string, Capacity>
  /** By `region/name`, in lower case; `*` for every region. */
  quotas: Map<string, number>
  /** By `region/size/priority`, in lower case: US dollars per hour. */
  prices: Map<string, number>
  tokens: Map<string, { clientId: string; expiresAt: number }>
  buckets: Map<string, Bucket>
  /** How many buckets there may be before the full ones are dropped. */
  bucketLimit: number
  /** By `region/size/spot`, in lower case; where none is set, one is invented. */
  evictionRates: Map<string, EvictionRate>
  annotations: Annotation[]
  /** The last answer to a list, by path and query, for the fault that gives it again. */
  lists: Map<string, Reply>
  faults: Fault[]
  /** On their way still, the first sent first. */
  held: HeldRequest[]
  nextFault: number
  log: RequestLog
  guests: GuestFeed
  /** The last host number given out of the public range. */
  lastPublicHost: number
  /** By subnet: no host below is free while no more private addresses were given back. */
  privateHosts: Map<string, { departures: number; lowest: number }>
}

/** Later, at that moment, unless the world is asked first. */
export function schedule(world: World, at: number, act: () => void): void {
  const place = placeIn(world.agenda, other => other.at <= at)
  world.agenda.splice(place, 0, { at, act })
}

/** Does all that is due until `now`, each at its own hour. */
export function advance(world: World, now: number): void {
  for (let next = world.agenda[0]; next !== undefined && next.at <= now; next = world.agenda[0]) {
    world.agenda.shift()
    world.now = Math.max(world.now, next.at)
    next.act()
  }
  world.now = Math.max(world.now, now)
}

/** What belongs to one subscription alone. */
export type Own = Resources & Pick<World, 'subscription' | 'quotas' | 'buckets'>

/** Another subscription's view: its own in place of the world's, and all the rest is the world's. */
export function viewOf(world: World, own: Own): World {
  return new Proxy(world, { get: (target, name) => Reflect.get(name in own ? own : target, name) })
}

/** The view of the subscription that an id names; where it names none that there is, the asker's own. */
export function viewOfId(world: World, id: string): World {
  const [, subscription = ''] = /^\/subscriptions\/([^/]+)/i.exec(id) ?? []
  return world.subscriptions.get(subscription.toLowerCase()) ?? world
}

export function find<R>(table: { get(id: string): R | undefined }, id: string | undefined): R | undefined {
  return id === undefined ? undefined : table.get(id)
}

export function etag(resource: Resource): string {
  return `"${resource.revision}"`
}
