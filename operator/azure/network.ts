// Addresses, interfaces and security groups in ARM's words and in ours.
import type { NetworkInterface, NetworkSecurityGroup, PublicIPAddress, SecurityRule } from '@azure/arm-network'
import { ZONES } from '../../crds/catalogue.ts'
import { UID_TAG } from './names.ts'
import type {
  AddressRedundancy,
  NetworkInterfaceSeen,
  NetworkSecurityGroupSeen,
  PublicIPAddressSeen,
  Tags,
} from './provider.ts'
import { provisioningState } from './virtual-machines.ts'

/**
 * What Sunshine listens on, from its base port 47989. Its settings page (47990) stays shut.
 * https://docs.lizardbyte.dev/projects/sunshine/latest/md_docs_2configuration.html
 */
const STREAM_TCP_PORTS = ['47984', '47989', '48010']
const STREAM_UDP_PORTS = ['47998-48000']
/** The one port that answers a probe. */
const PROBE_PORT = '47989'

export function publicIPAddressSeen(address: PublicIPAddress): PublicIPAddressSeen {
  return {
    id: address.id ?? '',
    ownerUid: address.tags?.[UID_TAG],
    address: address.ipAddress,
    fqdn: address.dnsSettings?.fqdn,
    provisioningState: provisioningState(address.provisioningState),
  }
}

/**
 * Standard addresses are static: allocated here, kept until deletion, whatever becomes of the VM. One of all zones
 * serves a machine in each of them; one of none is refused to a machine that stands in a zone.
 * https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#availability-zone
 */
export function publicIPAddressBody(
  region: string,
  { redundancy, tags }: { redundancy: AddressRedundancy; tags: Tags },
): PublicIPAddress {
  return {
    location: region,
    tags,
    ...(redundancy === 'ZoneRedundant' && { zones: [...ZONES] }),
    sku: { name: 'Standard', tier: 'Regional' },
    publicIPAllocationMethod: 'Static',
    publicIPAddressVersion: 'IPv4',
  }
}

export function networkInterfaceSeen(nic: NetworkInterface): NetworkInterfaceSeen {
  return {
    id: nic.id ?? '',
    ownerUid: nic.tags?.[UID_TAG],
    virtualMachineId: nic.virtualMachine?.id,
    networkSecurityGroupId: nic.networkSecurityGroup?.id,
    provisioningState: provisioningState(nic.provisioningState),
  }
}

export function networkInterfaceBody(
  region: string,
  request: { subnetId: string; publicIPAddressId: string; networkSecurityGroupId: string | undefined; tags: Tags },
): NetworkInterface {
  return {
    location: region,
    tags: request.tags,
    ipConfigurations: [
      {
        name: 'primary',
        primary: true,
        privateIPAllocationMethod: 'Dynamic',
        subnet: { id: request.subnetId },
        publicIPAddress: { id: request.publicIPAddressId, location: region },
      },
    ],
    ...(request.networkSecurityGroupId !== undefined && {
      networkSecurityGroup: { id: request.networkSecurityGroupId, location: region },
    }),
  }
}

export function networkSecurityGroupSeen(group: NetworkSecurityGroup): NetworkSecurityGroupSeen {
  const from = (rule: string) => group.securityRules?.find(({ name }) => name === rule)?.sourceAddressPrefixes ?? []
  return {
    id: group.id ?? '',
    ownerUid: group.tags?.[UID_TAG],
    clientCIDRs: from('stream-tcp'),
    probeCIDRs: from('probe'),
    provisioningState: provisioningState(group.provisioningState),
  }
}

/** The player's addresses to the stream, the operator's to its probe; Azure's own last rule denies the rest. */
export function networkSecurityGroupBody(
  region: string,
  request: { clientCIDRs: string[]; probeCIDRs: string[]; tags: Tags },
): NetworkSecurityGroup {
  const { clientCIDRs, probeCIDRs } = request
  return {
    location: region,
    tags: request.tags,
    securityRules: [
      allow({ name: 'stream-tcp', priority: 100, protocol: 'Tcp', ports: STREAM_TCP_PORTS, from: clientCIDRs }),
      allow({ name: 'stream-udp', priority: 110, protocol: 'Udp', ports: STREAM_UDP_PORTS, from: clientCIDRs }),
      allow({ name: 'probe', priority: 120, protocol: 'Tcp', ports: [PROBE_PORT], from: probeCIDRs }),
    ],
  }
}

function allow(rule: {
  name: string
  priority: number
  protocol: string
  ports: string[]
  from: string[]
}): SecurityRule {
  return {
    name: rule.name,
    priority: rule.priority,
    protocol: rule.protocol,
    access: 'Allow',
    direction: 'Inbound',
    sourceAddressPrefixes: rule.from,
    sourcePortRange: '*',
    destinationAddressPrefix: '*',
    destinationPortRanges: rule.ports,
  }
}
