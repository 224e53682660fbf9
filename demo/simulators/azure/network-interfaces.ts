// Network interfaces: they hold a public address, are held by a machine, and stay reserved for the machine whose creation
// failed. https://learn.microsoft.com/troubleshoot/azure/azure-resource-manager/troubleshoot-networkinterface-inuse
import { ArmError, invalidReference, missingParameter } from './errors.ts'
import { key, sameId } from './ids.ts'
import {
  checkProvisioned,
  checkUnlocked,
  got,
  holderOf,
  ipRange,
  ipText,
  listed,
  networkId,
  removed,
  retagged,
  subnetOf,
  written,
} from './network.ts'
import { checkSameLocation, locationOf } from './resource-groups.ts'
import { privateKey } from './resources.ts'
import type { Call, Reply, Route } from './routes.ts'
import { networkInterfaceBody } from './shapes.ts'
import type { IpConfiguration, NetworkInterface, World } from './state.ts'
import { etag, find } from './state.ts'

const TYPE = 'networkInterfaces'
/** Azure keeps the first four addresses of a subnet, and the last. */
const FIRST_HOST = 4

export function renderNetworkInterface(world: World, nic: NetworkInterface) {
  return {
    name: nic.name,
    id: nic.id,
    etag: `W/${etag(nic)}`,
    type: `Microsoft.Network/${TYPE}`,
    location: nic.location,
    ...(nic.tags === undefined ? {} : { tags: nic.tags }),
    properties: {
      enableAcceleratedNetworking: false,
      enableIPForwarding: false,
      dnsSettings: { dnsServers: [], appliedDnsServers: [] },
      nicType: 'Standard',
      ...nic.properties,
      provisioningState: nic.provisioningState,
      resourceGuid: nic.resourceGuid,
      macAddress: nic.macAddress,
      ...(nic.networkSecurityGroupId === undefined ? {} : { networkSecurityGroup: { id: nic.networkSecurityGroupId } }),
      ...(nic.machineId === undefined ? {} : { primary: true, virtualMachine: { id: nic.machineId } }),
      ipConfigurations: nic.ipConfigurations.map(configuration => ({
        name: configuration.name,
        id: configuration.id,
        etag: `W/${etag(nic)}`,
        type: `Microsoft.Network/${TYPE}/ipConfigurations`,
        properties: {
          provisioningState: nic.provisioningState,
          privateIPAddress: configuration.privateIPAddress,
          privateIPAllocationMethod: configuration.privateIPAllocationMethod,
          privateIPAddressVersion: 'IPv4',
          primary: configuration.primary,
          subnet: { id: configuration.subnetId },
          ...publicIpOf(world, configuration),
        },
      })),
    },
  }
}

function publicIpOf(world: World, { publicIpId, publicIpDeleteOption }: IpConfiguration) {
  if (publicIpId === undefined) return {}
  const id = find(world.publicIps, publicIpId)?.id ?? publicIpId
  return {
    publicIPAddress: {
      id,
      ...(publicIpDeleteOption === undefined ? {} : { properties: { deleteOption: publicIpDeleteOption } }),
    },
  }
}

function put(world: World, call: Call): Reply {
  const name = call.params.name ?? ''
  const id = networkId(world, call, TYPE, name)
  const body = networkInterfaceBody.parse(call.body)
  const location = locationOf(body.location, `Microsoft.Network/${TYPE}`)
  const existing = find(world.networkInterfaces, id)
  checkSameLocation(existing, location, call.params.resourceGroupName ?? '')
  checkUnlocked(world, existing)
  const { ipConfigurations = [], networkSecurityGroup, ...properties } = body.properties ?? {}
  const groupId = networkSecurityGroup?.id
  const group = find(world.securityGroups, groupId)
  if (groupId !== undefined && group?.location !== location) throw invalidReference(groupId, id)
  if (ipConfigurations.length === 0) {
    throw new ArmError(
      400,
      'MissingIpConfiguration',
      `Network interface ${id} must have at least one ip configuration.`,
    )
  }
  const configurations = ipConfigurations.map((configuration, index) =>
    configured(world, { nicId: id, location, existing, configuration, index }),
  )
  const nic =
    existing ??
    world.networkInterfaces.add({
      id,
      name,
      location,
      tags: undefined,
      revision: 0,
      provisioningState: 'Updating',
      operationId: undefined,
      properties: {},
      ipConfigurations: [],
      networkSecurityGroupId: undefined,
      machineId: undefined,
      macAddress: `00-0D-3A-${[1, 2, 3].map(() => world.random.hex(2).toUpperCase()).join('-')}`,
      resourceGuid: world.random.uuid(),
      reservation: undefined,
    })
  const { virtualMachine: _ignored, ...kept } = properties
  nic.tags = body.tags
  nic.properties = kept
  nic.networkSecurityGroupId = group?.id
  nic.ipConfigurations = configurations
  world.networkInterfaces.changed(nic)
  return written(world, call, {
    resource: nic,
    isNew: existing === undefined,
    delay: 'nic',
    render: one => renderNetworkInterface(world, one),
  })
}

type ConfigurationBody = NonNullable<
  NonNullable<ReturnType<typeof networkInterfaceBody.parse>['properties']>['ipConfigurations']
>[number]

interface Configuring {
  nicId: string
  location: string
  existing: NetworkInterface | undefined
  configuration: ConfigurationBody
  index: number
}

function configured(world: World, { nicId, location, existing, configuration, index }: Configuring): IpConfiguration {
  const { name, properties } = configuration
  if (name === undefined) throw missingParameter('ipConfigurations.name')
  const id = `${nicId}/ipConfigurations/${name}`
  const subnetId = properties?.subnet?.id
  if (subnetId === undefined) {
    throw new ArmError(400, 'SubnetIsRequired', `Subnet reference is required for ipconfiguration ${id}.`)
  }
  const place = subnetOf(world, subnetId)
  if (place === undefined || place.network.location !== location) throw invalidReference(subnetId, nicId)
  const publicIpId = properties?.publicIPAddress?.id
  if (publicIpId !== undefined) {
    const ip = find(world.publicIps, publicIpId)
    if (ip === undefined || ip.location !== location) throw invalidReference(publicIpId, nicId)
    const holder = holderOf(world, publicIpId)
    if (holder !== undefined && !sameId(holder.id, id)) {
      const message = `Resource ${id} is referencing public IP address ${publicIpId} that is already allocated to resource ${holder.id}.`
      throw new ArmError(400, 'PublicIPAddressInUse', message)
    }
    checkProvisioned(ip, nicId)
  }
  const before = existing?.ipConfigurations.find(one => sameId(one.name, name) && sameId(one.subnetId, subnetId))
  return {
    name,
    id,
    primary: properties?.primary ?? index === 0,
    subnetId: `${place.network.id}/subnets/${place.subnet.name}`,
    privateIPAddress:
      properties?.privateIPAddress ??
      before?.privateIPAddress ??
      freePrivate(world, subnetId, place.subnet.addressPrefix),
    privateIPAllocationMethod: properties?.privateIPAllocationMethod ?? 'Dynamic',
    publicIpId,
    publicIpDeleteOption: properties?.publicIPAddress?.properties?.deleteOption,
  }
}

function freePrivate(world: World, subnetId: string, prefix: string): string {
  const range = ipRange(prefix)
  const departures = world.networkInterfaces.departures('privateAddress')
  const known = world.privateHosts.get(key(subnetId))
  const first = known?.departures === departures ? known.lowest : FIRST_HOST
  for (let host = first; range !== undefined && host < range.size - 1; host += 1) {
    const address = ipText(range.first + host)
    if (world.networkInterfaces.has('privateAddress', privateKey(subnetId, address))) continue
    world.privateHosts.set(key(subnetId), { departures, lowest: host })
    return address
  }
  const message = `Subnet ${subnetId} with address prefix ${prefix} does not have enough capacity for 1 IP addresses.`
  throw new ArmError(400, 'SubnetIsFull', message)
}

/** Refuses a NIC that is kept for the machine whose creation failed; `machineId` is who asks, if a machine does. */
export function checkNotReserved(world: World, nic: NetworkInterface, machineId: string | undefined): void {
  const { reservation } = nic
  if (reservation === undefined || reservation.until <= world.now || sameId(reservation.machineId, machineId)) return
  const message = `Nic(s) in request is reserved for another Virtual Machine for 180 seconds. Please provide another nic(s) or retry after 180 seconds. Reserved VM: ${reservation.machineId}`
  throw new ArmError(400, 'NicReservedForAnotherVm', message)
}

function remove(world: World, call: Call): Reply {
  return removed(world, call, {
    table: world.networkInterfaces,
    id: networkId(world, call, TYPE, call.params.name ?? ''),
    check: nic => {
      if (nic.machineId !== undefined) {
        const message = `Network Interface ${nic.id} is used by existing resource ${nic.machineId}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`
        throw new ArmError(400, 'NicInUse', message)
      }
      checkNotReserved(world, nic, undefined)
    },
  })
}

const all = '/subscriptions/{subscriptionId}/providers/Microsoft.Network/networkInterfaces'
const inGroup =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network/networkInterfaces'
const one = `${inGroup}/{name}`
const reading = (world: World) => ({
  table: world.networkInterfaces,
  type: TYPE,
  render: (nic: NetworkInterface) => renderNetworkInterface(world, nic),
})
const common = { kind: TYPE, library: 'network' } as const

export const networkInterfaceRoutes: readonly Route[] = [
  { ...common, method: 'PUT', path: one, request: 'NetworkInterface', reply: 'NetworkInterface', handle: put },
  { ...common, method: 'DELETE', path: one, handle: remove },
  {
    ...common,
    method: 'GET',
    path: one,
    reply: 'NetworkInterface',
    handle: (world, call) => got(world, call, reading(world)),
  },
  {
    ...common,
    method: 'PATCH',
    path: one,
    request: 'TagsObject',
    reply: 'NetworkInterface',
    handle: (world, call) => retagged(world, call, reading(world)),
  },
  {
    ...common,
    method: 'GET',
    path: inGroup,
    lists: true,
    reply: 'NetworkInterfaceListResult',
    handle: (world, call) => listed(world, call, reading(world)),
  },
  {
    ...common,
    method: 'GET',
    path: all,
    lists: true,
    reply: 'NetworkInterfaceListResult',
    handle: (world, call) => listed(world, call, reading(world)),
  },
]
