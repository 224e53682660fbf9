// A new world from the options.
import { placementKey, quotaKey } from './capacity.ts'
import type { Clock } from './clock.ts'
import { key } from './ids.ts'
import { emptyLog } from './log.ts'
import type { Options } from './options.ts'
import { seededRandom } from './random.ts'
import { addResourceGroup } from './resource-groups.ts'
import { noResources } from './resources.ts'
import type { Schemas } from './schemas.ts'
import { newSecurityGroup } from './security-groups.ts'
import { viewOf, type World } from './state.ts'
import { BUCKETS } from './throttling.ts'
import { newVirtualNetwork } from './virtual-networks.ts'

export function newWorld(options: Options, { clock, schemas }: { clock: Clock; schemas: Schemas }): World {
  const { settings } = options
  const [first, ...others] = options.subscriptions
  const world: World = {
    settings,
    subscription: { id: first.id, clients: first.clients ?? settings.clients, state: 'Enabled' },
    subscriptions: new Map(),
    clock,
    schemas,
    random: seededRandom(settings.seed),
    requestIds: seededRandom(settings.seed ^ 0x5eed),
    now: clock.now(),
    agenda: [],
    ...noResources(),
    operations: new Map(),
    capacity: new Map(
      options.capacity.map(one => [placementKey(one), { available: one.available, refusal: undefined }]),
    ),
    quotas: new Map(options.quotas.map(({ region, name, limit }) => [quotaKey(region, name), limit])),
    prices: new Map(options.prices.map(one => [placementKey(one), one.usdPerHour])),
    evictionRates: new Map(),
    annotations: [],
    lists: new Map(),
    tokens: new Map(),
    buckets: new Map(),
    bucketLimit: BUCKETS,
    faults: [],
    held: [],
    nextFault: 0,
    log: emptyLog(),
    guests: { events: [], next: 1 },
    lastPublicHost: 0,
    privateHosts: new Map(),
  }
  world.subscriptions.set(key(first.id), world)
  for (const { id, clients = settings.clients } of others) {
    const subscription = { id, clients, state: 'Enabled' as const }
    const own = { ...noResources(), subscription, quotas: new Map(world.quotas), buckets: new Map() }
    world.subscriptions.set(key(id), viewOf(world, own))
  }
  const view = (id: string | undefined) => world.subscriptions.get(key(id ?? first.id)) ?? world
  for (const { subscription, name, location } of options.resourceGroups)
    addResourceGroup(view(subscription), { name, location, tags: undefined })
  for (const { subscription, resourceGroup, network, subnet, cidr } of options.subnets) {
    const world = view(subscription)
    const what = { ...placeOf(world, resourceGroup, 'virtualNetworks', network), addressPrefixes: [] }
    const existing = world.virtualNetworks.get(what.id) ?? newVirtualNetwork(world, what)
    existing.addressPrefixes = [...existing.addressPrefixes, cidr]
    existing.subnets = [...existing.subnets, { name: subnet, properties: {}, addressPrefix: cidr }]
  }
  for (const { resourceGroup, name } of options.securityGroups) {
    newSecurityGroup(world, placeOf(world, resourceGroup, 'networkSecurityGroups', name))
  }
  return world
}

function placeOf(world: World, resourceGroup: string, type: string, name: string) {
  const group = world.resourceGroups.get(resourceGroup.toLowerCase())
  const base = `/subscriptions/${world.subscription.id}/resourceGroups/${group?.name ?? resourceGroup}`
  return { id: `${base}/providers/Microsoft.Network/${type}/${name}`, name, location: group?.location ?? '' }
}
