// Virtual networks and their subnets: what a network interface has to stand in.
import { ArmError, resourceNotFound } from './errors.ts'
import { sameId } from './ids.ts'
import { checkUnlocked, got, interfacesIn, ipRange, listed, networkId, removed, retagged, written } from './network.ts'
import { checkSameLocation, locationOf } from './resource-groups.ts'
import { type Call, page, type Reply, type Route } from './routes.ts'
import { subnetBody, virtualNetworkBody } from './shapes.ts'
import type { Subnet, VirtualNetwork, World } from './state.ts'
import { etag, find } from './state.ts'

const TYPE = 'virtualNetworks'

export function renderVirtualNetwork(world: World, network: VirtualNetwork) {
  return {
    name: network.name,
    id: network.id,
    etag: `W/${etag(network)}`,
    type: `Microsoft.Network/${TYPE}`,
    location: network.location,
    ...(network.tags === undefined ? {} : { tags: network.tags }),
    properties: {
      enableDdosProtection: false,
      ...network.properties,
      provisioningState: network.provisioningState,
      resourceGuid: network.resourceGuid,
      addressSpace: { addressPrefixes: network.addressPrefixes },
      subnets: network.subnets.map(subnet => renderSubnet(world, network, subnet)),
      virtualNetworkPeerings: [],
    },
  }
}

function renderSubnet(world: World, network: VirtualNetwork, subnet: Subnet) {
  const id = `${network.id}/subnets/${subnet.name}`
  const held = interfacesIn(world, id).flatMap(nic => nic.ipConfigurations.map(one => ({ id: one.id })))
  return {
    name: subnet.name,
    id,
    etag: `W/${etag(network)}`,
    type: `Microsoft.Network/${TYPE}/subnets`,
    properties: {
      ...subnet.properties,
      addressPrefix: subnet.addressPrefix,
      provisioningState: network.provisioningState,
      ...(held.length === 0 ? {} : { ipConfigurations: held }),
    },
  }
}

export function newVirtualNetwork(
  world: World,
  what: { id: string; name: string; location: string; addressPrefixes: readonly string[] },
): VirtualNetwork {
  return world.virtualNetworks.add({
    ...what,
    tags: undefined,
    revision: 0,
    provisioningState: 'Succeeded',
    operationId: undefined,
    properties: {},
    subnets: [],
    resourceGuid: world.random.uuid(),
  })
}

function put(world: World, call: Call): Reply {
  const name = call.params.name ?? ''
  const id = networkId(world, call, TYPE, name)
  const body = virtualNetworkBody.parse(call.body)
  const location = locationOf(body.location, `Microsoft.Network/${TYPE}`)
  const existing = find(world.virtualNetworks, id)
  checkSameLocation(existing, location, call.params.resourceGroupName ?? '')
  checkUnlocked(world, existing)
  const { addressSpace, subnets = [], virtualNetworkPeerings: _ignored, ...properties } = body.properties ?? {}
  const addressPrefixes = addressSpace?.addressPrefixes ?? []
  if (addressPrefixes.length === 0) {
    throw new ArmError(400, 'AddressSpaceRequired', `Virtual network ${id} must have at least one address prefix.`)
  }
  const next = subnets.map(subnet => subnetOfBody(subnet, subnet.name))
  for (const gone of existing?.subnets ?? []) {
    if (!next.some(one => sameId(one.name, gone.name))) checkEmpty(world, `${id}/subnets/${gone.name}`)
  }
  const network = existing ?? newVirtualNetwork(world, { id, name, location, addressPrefixes })
  network.tags = body.tags
  network.addressPrefixes = addressPrefixes
  network.properties = properties
  network.subnets = next
  const render = (one: VirtualNetwork) => renderVirtualNetwork(world, one)
  return written(world, call, { resource: network, isNew: existing === undefined, delay: 'network', render })
}

function subnetOfBody(body: ReturnType<typeof subnetBody.parse>, name: string | undefined): Subnet {
  const { addressPrefix, addressPrefixes, ...properties } = body.properties ?? {}
  const prefix = addressPrefix ?? addressPrefixes?.[0]
  if (name === undefined || prefix === undefined || ipRange(prefix) === undefined) {
    const message = `The address prefix ${prefix} of subnet ${name} is not a valid IPv4 range such as 10.1.0.0/16.`
    throw new ArmError(400, 'InvalidAddressPrefixFormat', message)
  }
  return { name, properties, addressPrefix: prefix }
}

function checkEmpty(world: World, subnetId: string): void {
  const [nic] = interfacesIn(world, subnetId)
  if (nic === undefined) return
  const message = `Subnet ${subnetId} is in use by ${nic.ipConfigurations[0]?.id ?? nic.id} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.`
  throw new ArmError(400, 'InUseSubnetCannotBeDeleted', message)
}

function networkOf(world: World, call: Call): VirtualNetwork {
  const name = call.params.name ?? ''
  const network = find(world.virtualNetworks, networkId(world, call, TYPE, name))
  if (network === undefined)
    throw resourceNotFound(`Microsoft.Network/${TYPE}`, name, call.params.resourceGroupName ?? '')
  return network
}

function putSubnet(world: World, call: Call): Reply {
  const network = networkOf(world, call)
  checkUnlocked(world, network)
  const subnet = subnetOfBody(subnetBody.parse(call.body), call.params.subnetName)
  const others = network.subnets.filter(one => !sameId(one.name, subnet.name))
  const isNew = others.length === network.subnets.length
  network.subnets = [...others, subnet]
  const render = (one: VirtualNetwork) => renderSubnet(world, one, subnet)
  return written(world, call, { resource: network, isNew, delay: 'network', render })
}

function removeSubnet(world: World, call: Call): Reply {
  const network = networkOf(world, call)
  checkUnlocked(world, network)
  const others = network.subnets.filter(one => !sameId(one.name, call.params.subnetName))
  if (others.length === network.subnets.length) return { status: 204 }
  checkEmpty(world, `${network.id}/subnets/${call.params.subnetName}`)
  network.subnets = others
  const { headers = {} } = written(world, call, {
    resource: network,
    isNew: false,
    delay: 'network',
    render: () => undefined,
  })
  return { status: 202, headers }
}

function getSubnet(world: World, call: Call): Reply {
  const network = networkOf(world, call)
  const subnet = network.subnets.find(one => sameId(one.name, call.params.subnetName))
  if (subnet !== undefined) return { status: 200, body: renderSubnet(world, network, subnet) }
  throw new ArmError(404, 'NotFound', `Resource ${network.id}/subnets/${call.params.subnetName} not found.`)
}

function remove(world: World, call: Call): Reply {
  return removed(world, call, {
    table: world.virtualNetworks,
    id: networkId(world, call, TYPE, call.params.name ?? ''),
    check: network => {
      for (const subnet of network.subnets) checkEmpty(world, `${network.id}/subnets/${subnet.name}`)
    },
  })
}

const all = '/subscriptions/{subscriptionId}/providers/Microsoft.Network/virtualNetworks'
const inGroup =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network/virtualNetworks'
const one = `${inGroup}/{name}`
const reading = (world: World) => ({
  table: world.virtualNetworks,
  type: TYPE,
  render: (network: VirtualNetwork) => renderVirtualNetwork(world, network),
})
const common = { kind: TYPE, library: 'network' } as const
const ofSubnets = { kind: `${TYPE}/subnets`, library: 'network' } as const

export const virtualNetworkRoutes: readonly Route[] = [
  { ...common, method: 'PUT', path: one, request: 'VirtualNetwork', reply: 'VirtualNetwork', handle: put },
  { ...common, method: 'DELETE', path: one, handle: remove },
  {
    ...common,
    method: 'GET',
    path: one,
    reply: 'VirtualNetwork',
    handle: (world, call) => got(world, call, reading(world)),
  },
  {
    ...common,
    method: 'PATCH',
    path: one,
    request: 'TagsObject',
    reply: 'VirtualNetwork',
    handle: (world, call) => retagged(world, call, reading(world)),
  },
  {
    ...common,
    method: 'GET',
    path: inGroup,
    lists: true,
    reply: 'VirtualNetworkListResult',
    handle: (world, call) => listed(world, call, reading(world)),
  },
  {
    ...common,
    method: 'GET',
    path: all,
    lists: true,
    reply: 'VirtualNetworkListResult',
    handle: (world, call) => listed(world, call, reading(world)),
  },
  {
    ...ofSubnets,
    method: 'PUT',
    path: `${one}/subnets/{subnetName}`,
    request: 'Subnet',
    reply: 'Subnet',
    handle: putSubnet,
  },
  { ...ofSubnets, method: 'GET', path: `${one}/subnets/{subnetName}`, reply: 'Subnet', handle: getSubnet },
  { ...ofSubnets, method: 'DELETE', path: `${one}/subnets/{subnetName}`, handle: removeSubnet },
  {
    ...ofSubnets,
    method: 'GET',
    path: `${one}/subnets`,
    lists: true,
    reply: 'SubnetListResult',
    handle: (world, call) => {
      const network = networkOf(world, call)
      return page(world, call, network.subnets, subnet => renderSubnet(world, network, subnet))
    },
  },
]
