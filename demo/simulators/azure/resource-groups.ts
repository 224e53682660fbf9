// The subscription, its locations, and resource groups.
import { ArmError, resourceGroupNotFound } from './errors.ts'
import { type Call, page, type Reply, type Route } from './routes.ts'
import { tagsBody } from './shapes.ts'
import { regionNamed, regions } from './sizes.ts'
import type { ResourceGroup, World } from './state.ts'

/** The region that a body names; throws ARM's refusal of a place that does not exist. */
export function locationOf(location: string | undefined, type: string): string {
  if (location === undefined) {
    throw new ArmError(400, 'LocationRequired', 'The location property is required for this definition.')
  }
  const region = regionNamed(location)
  if (region !== undefined) return region.name
  const list = regions.map(one => one.name).join(',')
  const message = `The provided location '${location}' is not available for resource type '${type}'. List of available regions for the resource type is '${list}'.`
  throw new ArmError(400, 'LocationNotAvailableForResourceType', message)
}

/** Refuses a resource in a place other than where it already is. */
export function checkSameLocation(
  existing: { name: string; location: string } | undefined,
  location: string,
  resourceGroup: string,
): void {
  if (existing === undefined || existing.location === location) return
  const message = `The resource '${existing.name}' already exists in location '${existing.location}' in resource group '${resourceGroup}'. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`
  throw new ArmError(409, 'InvalidResourceLocation', message)
}

export function addResourceGroup(world: World, group: ResourceGroup): ResourceGroup {
  world.resourceGroups.set(group.name.toLowerCase(), group)
  return group
}

function rendered(world: World, group: ResourceGroup) {
  return {
    id: `/subscriptions/${world.subscription.id}/resourceGroups/${group.name}`,
    name: group.name,
    type: 'Microsoft.Resources/resourceGroups',
    location: group.location,
    ...(group.tags === undefined ? {} : { tags: group.tags }),
    properties: { provisioningState: 'Succeeded' },
  }
}

function named(world: World, call: Call): ResourceGroup {
  const name = call.params.resourceGroupName ?? ''
  const group = world.resourceGroups.get(name.toLowerCase())
  if (group === undefined) throw resourceGroupNotFound(name)
  return group
}

function putResourceGroup(world: World, call: Call): Reply {
  const name = call.params.resourceGroupName ?? ''
  const body = tagsBody.parse(call.body)
  const location = locationOf(body.location, 'Microsoft.Resources/resourceGroups')
  const existing = world.resourceGroups.get(name.toLowerCase())
  if (existing !== undefined && existing.location !== location) {
    const message = `Invalid resource group location '${location}'. The Resource group already exists in location '${existing.location}'.`
    throw new ArmError(409, 'InvalidResourceGroupLocation', message)
  }
  const group = addResourceGroup(world, { name: existing?.name ?? name, location, tags: body.tags })
  return { status: existing === undefined ? 201 : 200, body: rendered(world, group) }
}

function subscription(world: World): Reply {
  const id = world.subscription.id
  const body = {
    id: `/subscriptions/${id}`,
    subscriptionId: id,
    tenantId: world.settings.tenant,
    displayName: 'Simulated subscription',
    state: world.subscription.state,
    authorizationSource: 'RoleBased',
  }
  return { status: 200, body }
}

function locations(world: World): Reply {
  const prefix = `/subscriptions/${world.subscription.id}/locations/`
  const value = regions.map(({ name, displayName }) => ({ id: prefix + name, name, type: 'Region', displayName }))
  return { status: 200, body: { value } }
}

const path = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}'

export const resourceGroupRoutes: readonly Route[] = [
  { method: 'GET', path: '/subscriptions/{subscriptionId}', kind: 'subscriptions', handle: subscription },
  {
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/locations',
    kind: 'locations',
    lists: true,
    handle: locations,
  },
  {
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/resourceGroups',
    kind: 'resourceGroups',
    lists: true,
    handle: (world, call) => page(world, call, [...world.resourceGroups.values()], group => rendered(world, group)),
  },
  {
    method: 'GET',
    path,
    kind: 'resourceGroups',
    handle: (world, call) => ({ status: 200, body: rendered(world, named(world, call)) }),
  },
  {
    method: 'HEAD',
    path,
    kind: 'resourceGroups',
    handle: (world, call) => {
      const exists = world.resourceGroups.has((call.params.resourceGroupName ?? '').toLowerCase())
      return { status: exists ? 204 : 404 }
    },
  },
  { method: 'PUT', path, kind: 'resourceGroups', handle: putResourceGroup },
]
