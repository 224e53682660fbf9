// The list of sizes, with what each can do and where.
import type { Call, Reply, Route } from './routes.ts'
import { regions, type Size, sizes } from './sizes.ts'
import type { World } from './state.ts'

function list(_world: World, call: Call): Reply {
  const [, only] = /location\s+eq\s+'([^']+)'/i.exec(call.query.get('$filter') ?? '') ?? []
  const places = regions.filter(region => only === undefined || region.name === only.toLowerCase())
  // One entry per size and region, as the service gives them.
  const value = sizes.flatMap(size => places.map(region => sku(size, region.name, region.zones)))
  return { status: 200, body: { value } }
}

function sku(size: Size, location: string, zones: readonly string[]) {
  const capabilities = {
    vCPUs: String(size.vCPUs),
    vCPUsAvailable: String(size.vCPUs),
    MemoryGB: String(size.memoryGB),
    GPUs: String(Math.max(1, Math.round(size.gpus))),
    HyperVGenerations: 'V1,V2',
    LowPriorityCapable: 'True',
    PremiumIO: 'True',
    EphemeralOSDiskSupported: 'True',
    AcceleratedNetworkingEnabled: 'True',
    CpuArchitectureType: 'x64',
  }
  return {
    resourceType: 'virtualMachines',
    name: size.name,
    tier: 'Standard',
    size: size.name.replace('Standard_', ''),
    family: size.family,
    locations: [location],
    locationInfo: [{ location, zones: [...zones], zoneDetails: [] }],
    capabilities: Object.entries(capabilities).map(([name, value]) => ({ name, value })),
    restrictions: [],
  }
}

export const skuRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/skus',
    kind: 'skus',
    lists: true,
    library: 'compute',
    reply: 'ResourceSkusResult',
    handle: list,
  },
]
