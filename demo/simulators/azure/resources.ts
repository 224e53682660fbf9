// What of each type is found by, beside its id.
import { placementKey, priorityOf } from './capacity.ts'
import type {
  Disk,
  Machine,
  NetworkInterface,
  PublicIp,
  Resources,
  SecurityGroup,
  Snapshot,
  VirtualNetwork,
} from './state.ts'
import { Table } from './table.ts'

export function noResources(): Resources {
  const region = ({ location }: { location: string }) => [location]
  return {
    resourceGroups: new Map(),
    machines: new Table<Machine, 'name' | 'region' | 'kind'>({ name: ({ name }) => [name], region, kind }),
    disks: new Table<Disk, 'holder'>({ holder: ({ managedBy }) => [managedBy] }),
    snapshots: new Table<Snapshot>({}),
    publicIps: new Table<PublicIp, 'region' | 'label' | 'address'>({
      region,
      label: ({ location, domainNameLabel: label }) => [label === undefined ? undefined : labelKey(location, label)],
      address: ({ ipAddress }) => [ipAddress],
    }),
    networkInterfaces: new Table<
      NetworkInterface,
      'region' | 'machine' | 'publicIp' | 'subnet' | 'privateAddress' | 'securityGroup'
    >({
      region,
      machine: ({ machineId }) => [machineId],
      publicIp: ({ ipConfigurations }) => ipConfigurations.map(({ publicIpId }) => publicIpId),
      subnet: ({ ipConfigurations }) => ipConfigurations.map(({ subnetId }) => subnetId),
      privateAddress: ({ ipConfigurations }) =>
        ipConfigurations.map(({ subnetId, privateIPAddress }) => privateKey(subnetId, privateIPAddress)),
      securityGroup: ({ networkSecurityGroupId }) => [networkSecurityGroupId],
    }),
    securityGroups: new Table<SecurityGroup, 'region'>({ region }),
    virtualNetworks: new Table<VirtualNetwork, 'region'>({ region }),
  }
}

/** Machines of one kind count alike against the quotas. */
function kind(machine: Machine): string[] {
  const size = machine.properties.hardwareProfile?.vmSize ?? ''
  return [placementKey({ region: machine.location, size, priority: priorityOf(machine) })]
}

export function labelKey(region: string, label: string): string {
  return `${region}/${label}`
}

export function privateKey(subnetId: string, address: string): string {
  return `${subnetId}/${address}`
}
