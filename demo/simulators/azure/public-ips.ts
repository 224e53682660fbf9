// Public IP addresses. Standard ones are static: the address is given at the end of the creation and stays till the
// deletion. https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses
import { checkPublicIpQuota } from './capacity.ts'
import { ArmError } from './errors.ts'
import {
  checkUnlocked,
  got,
  holderOf,
  ipRange,
  ipText,
  listed,
  networkId,
  removed,
  retagged,
  written,
} from './network.ts'
import { checkSameLocation, locationOf } from './resource-groups.ts'
import { labelKey } from './resources.ts'
import type { Call, Reply, Route } from './routes.ts'
import { publicIpBody } from './shapes.ts'
import type { PublicIp, World } from './state.ts'
import { etag, find } from './state.ts'
import { checkAddressZones } from './zones.ts'

const TYPE = 'publicIPAddresses'

export function renderPublicIp(world: World, ip: PublicIp) {
  const holder = holderOf(world, ip.id)
  return {
    name: ip.name,
    id: ip.id,
    etag: `W/${etag(ip)}`,
    type: `Microsoft.Network/${TYPE}`,
    location: ip.location,
    ...(ip.tags === undefined ? {} : { tags: ip.tags }),
    ...(ip.zones === undefined ? {} : { zones: ip.zones }),
    sku: ip.sku,
    properties: {
      idleTimeoutInMinutes: 4,
      ipTags: [],
      ...ip.properties,
      provisioningState: ip.provisioningState,
      resourceGuid: ip.resourceGuid,
      publicIPAddressVersion: 'IPv4',
      publicIPAllocationMethod: 'Static',
      ...(ip.ipAddress === undefined ? {} : { ipAddress: ip.ipAddress }),
      ...(ip.domainNameLabel === undefined
        ? {}
        : { dnsSettings: { domainNameLabel: ip.domainNameLabel, fqdn: fqdn(ip.domainNameLabel, ip.location) } }),
      ...(holder === undefined ? {} : { ipConfiguration: { id: holder.id } }),
    },
  }
}

function fqdn(label: string, region: string): string {
  return `${label}.${region}.cloudapp.azure.com`
}

function put(world: World, call: Call): Reply {
  const name = call.params.name ?? ''
  const group = call.params.resourceGroupName ?? ''
  const id = networkId(world, call, TYPE, name)
  const body = publicIpBody.parse(call.body)
  const location = locationOf(body.location, `Microsoft.Network/${TYPE}`)
  const existing = find(world.publicIps, id)
  checkSameLocation(existing, location, group)
  checkUnlocked(world, existing)
  const { dnsSettings, publicIPAllocationMethod, publicIPAddressVersion, ...properties } = body.properties ?? {}
  const sku = { name: body.sku?.name ?? existing?.sku.name ?? 'Basic', tier: body.sku?.tier ?? 'Regional' }
  if (sku.name === 'Basic') {
    const message = 'Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in this region.'
    throw new ArmError(400, 'IPv4BasicSkuPublicIpCountLimitReached', message)
  }
  if (publicIPAddressVersion === 'IPv6')
    throw new ArmError(400, 'NotSupported', 'The simulator gives IPv4 addresses only.')
  if ((publicIPAllocationMethod ?? (existing === undefined ? 'Dynamic' : 'Static')) !== 'Static') {
    const message = `Standard sku publicIp ${id} must have AllocationMethod set to Static.`
    throw new ArmError(400, 'StandardSkuPublicIPAddressesMustBeStatic', message)
  }
  if (existing !== undefined && (body.zones ?? []).join() !== (existing.zones ?? []).join()) {
    const named = (zones: readonly string[] = []) => zones.join(', ') || 'NoZone'
    const message = `Resource ${id} has an existing availability zone constraint ${named(existing.zones)} and the request has availability zone constraint ${named(body.zones)}, which do not match. Zones cannot be added/updated/removed once the resource is created. The resource cannot be updated from regional to zonal or vice-versa.`
    throw new ArmError(400, 'ResourceAvailabilityZonesCannotBeModified', message)
  }
  const label = dnsSettings?.domainNameLabel?.toLowerCase()
  const isTaken =
    label !== undefined && world.publicIps.by('label', labelKey(location, label)).some(other => other !== existing)
  if (isTaken) {
    const message = `DNS record ${fqdn(label, location)} is already used by another public IP.`
    throw new ArmError(400, 'DnsRecordInUse', message)
  }
  if (existing === undefined) {
    checkAddressZones(body.zones, location, name)
    checkPublicIpQuota(world, location)
  }
  const ip =
    existing ??
    world.publicIps.add({
      id,
      name,
      location,
      tags: undefined,
      revision: 0,
      provisioningState: 'Updating',
      operationId: undefined,
      zones: body.zones,
      sku,
      properties: {},
      domainNameLabel: undefined,
      ipAddress: undefined,
      resourceGuid: world.random.uuid(),
    })
  ip.tags = body.tags
  ip.properties = properties
  ip.domainNameLabel = label
  world.publicIps.changed(ip)
  return written(world, call, {
    resource: ip,
    isNew: existing === undefined,
    delay: 'publicIP',
    render: one => renderPublicIp(world, one),
    succeed: () => {
      ip.ipAddress ??= freeAddress(world)
      world.publicIps.changed(ip)
    },
  })
}

/** The next free host of the range, so that an address is not soon given out again. */
function freeAddress(world: World): string {
  const range = ipRange(world.settings.publicIpRange)
  const size = range?.size ?? 0
  for (let step = 1; step <= size; step += 1) {
    const host = (world.lastPublicHost + step) % size
    const address = ipText((range?.first ?? 0) + host)
    if (host === 0 || host === size - 1 || isTaken(world, address)) continue
    world.lastPublicHost = host
    return address
  }
  // A range that is too small is a mistake in the options; the address says so to whoever looks.
  throw new Error(
    `The public range ${world.settings.publicIpRange} has no free address left. Give a larger --public-ip-range.`,
  )
}

/** By whichever subscription. */
function isTaken(world: World, address: string): boolean {
  return [...world.subscriptions.values()].some(({ publicIps }) => publicIps.has('address', address))
}

function remove(world: World, call: Call): Reply {
  const id = networkId(world, call, TYPE, call.params.name ?? '')
  return removed(world, call, {
    table: world.publicIps,
    id,
    check: ip => {
      const holder = holderOf(world, ip.id)
      if (holder === undefined) return
      const message = `Public IP address ${ip.id} can not be deleted since it is still allocated to resource ${holder.id}. In order to delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to do this, see aka.ms/deletepublicip.`
      throw new ArmError(400, 'PublicIPAddressCannotBeDeleted', message)
    },
  })
}

const all = '/subscriptions/{subscriptionId}/providers/Microsoft.Network/publicIPAddresses'
const inGroup =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network/publicIPAddresses'
const one = `${inGroup}/{name}`
const reading = (world: World) => ({
  table: world.publicIps,
  type: TYPE,
  render: (ip: PublicIp) => renderPublicIp(world, ip),
})
const common = { kind: TYPE, library: 'network' } as const

export const publicIpRoutes: readonly Route[] = [
  { ...common, method: 'PUT', path: one, request: 'PublicIPAddress', reply: 'PublicIPAddress', handle: put },
  { ...common, method: 'DELETE', path: one, handle: remove },
  {
    ...common,
    method: 'GET',
    path: one,
    reply: 'PublicIPAddress',
    handle: (world, call) => got(world, call, reading(world)),
  },
  {
    ...common,
    method: 'PATCH',
    path: one,
    request: 'TagsObject',
    reply: 'PublicIPAddress',
    handle: (world, call) => retagged(world, call, reading(world)),
  },
  {
    ...common,
    method: 'GET',
    path: inGroup,
    lists: true,
    reply: 'PublicIPAddressListResult',
    handle: (world, call) => listed(world, call, reading(world)),
  },
  {
    ...common,
    method: 'GET',
    path: all,
    lists: true,
    reply: 'PublicIPAddressListResult',
    handle: (world, call) => listed(world, call, reading(world)),
  },
]
