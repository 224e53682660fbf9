// What is used of each quota, in the two lists that Azure gives.
import { CORES, coresUsed, isSpot, limitOf, SPOT_CORES, sizeOf } from './capacity.ts'
import { locationOf } from './resource-groups.ts'
import type { Call, Reply, Route } from './routes.ts'
import { families } from './sizes.ts'
import type { World } from './state.ts'

function computeUsages(world: World, call: Call): Reply {
  const region = locationOf(call.params.location, 'locations/usages')
  const usage = (value: string, localizedValue: string, currentValue: number) => ({
    limit: limitOf(world, region, value),
    unit: 'Count',
    currentValue,
    name: { value, localizedValue },
  })
  const regular = coresUsed(world, region, machine => !isSpot(machine))
  const value = [
    usage(CORES, 'Total Regional vCPUs', regular),
    usage('virtualMachines', 'Virtual Machines', world.machines.count('region', region)),
    usage(SPOT_CORES, 'Total Regional Low-priority vCPUs', coresUsed(world, region, isSpot)),
    ...families.map(family => {
      const used = coresUsed(world, region, machine => !isSpot(machine) && sizeOf(machine)?.family === family)
      const name = family.replace(/^Standard\s*/, '').replace(/\s*Family$/, '')
      return usage(family, `Standard ${name} Family vCPUs`, used)
    }),
  ]
  return { status: 200, body: { value } }
}

function networkUsages(world: World, call: Call): Reply {
  const region = locationOf(call.params.location, 'locations/usages')
  const prefix = `/subscriptions/${world.subscription.id}/providers/Microsoft.Network/locations/${region}/usages`
  const usage = (value: string, localizedValue: string, currentValue: number) => ({
    id: `${prefix}/${value}`,
    limit: limitOf(world, region, value),
    unit: 'Count',
    currentValue,
    name: { value, localizedValue },
  })
  const addresses = world.publicIps.count('region', region)
  const value = [
    usage('VirtualNetworks', 'Virtual Networks', world.virtualNetworks.count('region', region)),
    usage('StaticPublicIPAddresses', 'Static Public IP Addresses', addresses),
    usage('NetworkSecurityGroups', 'Network Security Groups', world.securityGroups.count('region', region)),
    usage('PublicIPAddresses', 'Public IP Addresses', addresses),
    usage('NetworkInterfaces', 'Network Interfaces', world.networkInterfaces.count('region', region)),
    usage('StandardSkuPublicIpAddresses', 'Public IPv4 Addresses - Standard', addresses),
  ]
  return { status: 200, body: { value } }
}

const locations = '/subscriptions/{subscriptionId}/providers'

export const usageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${locations}/Microsoft.Compute/locations/{location}/usages`,
    kind: 'computeUsages',
    lists: true,
    library: 'compute',
    reply: 'ListUsagesResult',
    handle: computeUsages,
  },
  {
    method: 'GET',
    path: `${locations}/Microsoft.Network/locations/{location}/usages`,
    kind: 'networkUsages',
    lists: true,
    library: 'network',
    reply: 'UsagesListResult',
    handle: networkUsages,
  },
]
