// A new world from the options.
import { placementKey, quotaKey } from './capacity.ts'
import type { Clock } from './clock.ts'
import { emptyLog } from './log.ts'
import type { Options } from './options.ts'
import { seededRandom } from './random.ts'
import { addResourceGroup } from './resource-groups.ts'
import { noResources } from './resources.ts'
import type { Schemas } from './schemas.ts'
import { newSecurityGroup } from './security-groups.ts'
import type { World } from './state.ts'
import { BUCKETS } from './throttling.ts'
import { newVirtualNetwork } from './virtual-networks.ts'

export function newWorld(options: Options, { clock, schemas }: { clock: Clock; schemas: Schemas }): World {
  const { settings } = options
  const world: World = {
    settings,
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
    nextFault: 0,
    log: emptyLog(),
    guests: { events: [], next: 1 },
    lastPublicHost: 0,
    privateHosts: new Map(),
  }
  for (const { name, location } of options.resourceGroups) addResourceGroup(world, { name, location, tags: undefined })
  for (const { resourceGroup, network, subnet, cidr } of options.subnets) {
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
  const base = `/subscriptions/${world.settings.subscription}/resourceGroups/${group?.name ?? resourceGroup}`
  return { id: `${base}/providers/Microsoft.Network/${type}/${name}`, name, location: group?.location ?? '' }
}
