// All that the operator asks of Azure, in its own few words. One implementation talks through the SDKs (sdk.ts); the
// metrics wrap it (metrics.ts). Every call throws `AzureError`, or the signal's reason when it is aborted.

import type { Zone } from '../../crds/catalogue.ts'

/** Where a resource lives. Names below are those within the resource group. */
export interface Place {
  subscriptionId: string
  resourceGroup: string
  /** Azure's short name of the region. */
  region: string
}

export type Tags = Record<string, string>
export type Priority = 'Spot' | 'Regular'
export type PowerState = 'Starting' | 'Running' | 'Stopping' | 'Stopped' | 'Deallocating' | 'Deallocated' | 'Unknown'
/** As ARM says it; anything unknown to us is told as `Updating`, which waits. */
export type ProvisioningState = 'Creating' | 'Updating' | 'Deleting' | 'Succeeded' | 'Failed'

/** What bears our tags. */
export interface Owned {
  /** The UID of the object that it is tagged with. */
  ownerUid: string | undefined
}

export interface VirtualMachineSeen extends Owned {
  id: string
  vmId: string
  size: string
  /** `undefined` where it stands in none. */
  zone: Zone | undefined
  priority: Priority
  provisioningState: ProvisioningState
  /** `Unknown` when Azure does not say, which it sometimes does not. */
  powerState: PowerState
  /** Azure's own time of the power state, where it gives one. */
  powerStateAt: Date | undefined
  /** When the last operation that somebody asked for ended; an eviction is none, and does not move it. */
  provisionedAt: Date | undefined
  /** What Azure hears of the agent inside; `undefined` when it says nothing of one. */
  agent: 'Ready' | 'NotReady' | undefined
  /** Why provisioning failed, where the instance view says so. */
  failure: { code: string; message: string } | undefined
  /** What it holds: the disk of the operating system, then the others. */
  disks: { name: string; id: string }[]
}

export interface PublicIPAddressSeen extends Owned {
  id: string
  address: string | undefined
  fqdn: string | undefined
  provisioningState: ProvisioningState
}

export interface NetworkInterfaceSeen extends Owned {
  id: string
  /** The VM that holds it. */
  virtualMachineId: string | undefined
  networkSecurityGroupId: string | undefined
  provisioningState: ProvisioningState
}

export interface NetworkSecurityGroupSeen extends Owned {
  id: string
  clientCIDRs: string[]
  probeCIDRs: string[]
  provisioningState: ProvisioningState
}

export interface DiskSeen extends Owned {
  id: string
  name: string
  /** The VM that holds it. */
  managedBy: string | undefined
  /** Somebody has tagged it to be left when its machine goes. */
  isKept: boolean
  provisioningState: ProvisioningState
}

/** A disk that is to be copied. */
export interface SourceDiskSeen {
  id: string
  region: string
  tags: Tags
  /** A VM that is allocated writes to it; one that is deallocated holds it and does not. */
  isInUse: boolean
}

export interface SnapshotSeen extends Owned {
  id: string
  provisioningState: ProvisioningState
  /** How much of it has been copied from another region; 100 for one that is no copy. */
  completionPercent: number
  /** Why its copying failed. */
  failure: { code: string; message: string } | undefined
}

export interface DiskRequest {
  name: string
  sizeGiB: number
  sku: string
}

export interface VirtualMachineRequest {
  name: string
  size: string
  /** `undefined`: in none, wherever Azure has room. */
  zone: Zone | undefined
  priority: Priority
  networkInterfaceId: string
  /** `imageId` makes the OS disk from a specialized image; `attachId` takes a disk that exists. */
  osDisk: DiskRequest & ({ imageId: string } | { attachId: string })
  dataDisks: (DiskRequest & { lun: number; attachId: string | undefined })[]
  osType: 'Windows' | 'Linux'
  securityType: 'Standard' | 'TrustedLaunch'
  licenseType: string | undefined
  diskControllerType: 'SCSI' | 'NVMe'
  tags: Tags
}

/** A long-running operation that Azure has accepted. `poller` resumes it in any process. */
export interface AcceptedOperation {
  poller: string
}

/** `undefined`: it was done with the reply. */
export type Accepted = AcceptedOperation | undefined

/** `Forgotten`: Azure does not know it (any more), or does not tell us; only the resource itself can tell. */
export type OperationState =
  | { is: 'Running' | 'Succeeded' | 'Forgotten' }
  | { is: 'Failed'; code: string; message: string }

/** A machine as the fleet's list shows it: enough to see that something has changed, too little to act on. */
export interface FleetMachine {
  name: string
  id: string
  powerState: PowerState
}

/** A resource of ours as the sweeper's lists show it. `id` is lower-cased: ARM's casing is not stable. */
export interface TaggedResource {
  id: string
  kind: 'virtualMachine' | 'networkInterface' | 'publicIPAddress' | 'networkSecurityGroup' | 'disk' | 'snapshot'
  name: string
  resourceGroup: string
  region: string
  tags: Tags
  /** Absent where ARM does not tell. */
  createdAt: Date | undefined
}

/** One quota of a region, by the name that Azure's usages lists give it: `lowPriorityCores`, `StandardNVADSA10v5Family`. */
export interface Usage {
  name: string
  used: number
  limit: number
}

/** What Azure says of spot: the range of percent that it takes back in an hour, such as `5-10` or `20+`. */
export interface SpotRate {
  region: string
  /** In whatever casing. */
  size: string
  range: string
}

/** What machines an address can serve: those in any zone of its region, or those in none. It never changes. */
export type AddressRedundancy = 'ZoneRedundant' | 'Regional'

export interface TaggedQuery {
  installationId: string
  /** Shown each as it is listed; only what it wants is kept. Without it, all. */
  isWanted?: (resource: TaggedResource) => boolean
}

/** What Azure's platform noted last about a machine. */
export interface Annotation {
  /** In lower case. */
  machineId: string
  /** Such as `VirtualMachinePreempted`. */
  name: string
  at: Date
}

export interface Azure {
  virtualMachine(place: Place, name: string, signal: AbortSignal): Promise<VirtualMachineSeen | undefined>
  publicIPAddress(place: Place, name: string, signal: AbortSignal): Promise<PublicIPAddressSeen | undefined>
  networkInterface(place: Place, name: string, signal: AbortSignal): Promise<NetworkInterfaceSeen | undefined>
  networkSecurityGroup(place: Place, name: string, signal: AbortSignal): Promise<NetworkSecurityGroupSeen | undefined>
  disk(place: Place, name: string, signal: AbortSignal): Promise<DiskSeen | undefined>
  sourceDisk(place: Place, name: string, signal: AbortSignal): Promise<SourceDiskSeen | undefined>
  snapshot(place: Place, name: string, signal: AbortSignal): Promise<SnapshotSeen | undefined>

  /** Idempotent. Done when `provisioningState` says so. */
  putPublicIPAddress(
    place: Place,
    request: { name: string; redundancy: AddressRedundancy; tags: Tags },
    signal: AbortSignal,
  ): Promise<Accepted>
  putNetworkInterface(
    place: Place,
    request: {
      name: string
      subnetId: string
      publicIPAddressId: string
      networkSecurityGroupId: string | undefined
      tags: Tags
    },
    signal: AbortSignal,
  ): Promise<Accepted>
  putNetworkSecurityGroup(
    place: Place,
    request: { name: string; clientCIDRs: string[]; probeCIDRs: string[]; tags: Tags },
    signal: AbortSignal,
  ): Promise<Accepted>

  /** An incremental snapshot of a disk in the same region, or a copy of one from another region. */
  putSnapshot(
    place: Place,
    request: { name: string; tags: Tags } & ({ diskId: string } | { snapshotId: string }),
    signal: AbortSignal,
  ): Promise<Accepted>
  /** A disk with what the snapshot holds, in the same region. */
  putDisk(
    place: Place,
    request: Omit<DiskRequest, 'sizeGiB'> & { zone: Zone | undefined; snapshotId: string; tags: Tags },
    signal: AbortSignal,
  ): Promise<Accepted>

  /** Never touches a VM of this name that exists: throws `PreconditionFailed` (`If-None-Match: *`). */
  createVirtualMachine(place: Place, request: VirtualMachineRequest, signal: AbortSignal): Promise<AcceptedOperation>
  startVirtualMachine(place: Place, name: string, signal: AbortSignal): Promise<AcceptedOperation>
  /** Moves it to another host; disks and address stay, what only the host held (the temporary disk) is lost. */
  redeployVirtualMachine(place: Place, name: string, signal: AbortSignal): Promise<AcceptedOperation>
  deallocateVirtualMachine(place: Place, name: string, signal: AbortSignal): Promise<AcceptedOperation>
  /** Without force, so that disks and NIC come off clean and can be used again. */
  deleteVirtualMachine(place: Place, name: string, signal: AbortSignal): Promise<AcceptedOperation>

  /** Accepted; gone when a look says so. What is absent already counts as accepted. */
  deleteNetworkInterface(place: Place, name: string, signal: AbortSignal): Promise<Accepted>
  deletePublicIPAddress(place: Place, name: string, signal: AbortSignal): Promise<Accepted>
  deleteNetworkSecurityGroup(place: Place, name: string, signal: AbortSignal): Promise<Accepted>
  deleteDisk(place: Place, name: string, signal: AbortSignal): Promise<Accepted>
  deleteSnapshot(place: Place, name: string, signal: AbortSignal): Promise<Accepted>

  /** Tags of other names are left as they are. Accepted; done when a look says so. */
  retag(
    place: Place,
    resource: Pick<TaggedResource, 'kind' | 'name'>,
    tags: Tags,
    signal: AbortSignal,
  ): Promise<Accepted>

  /** One look at a long-running operation, from its stored poller. */
  operation(subscriptionId: string, poller: string, signal: AbortSignal): Promise<OperationState>

  /** Every VM of the subscription with its power state, by list pages alone. */
  fleet(subscriptionId: string, signal: AbortSignal): Promise<FleetMachine[]>
  /** What in the subscription carries this installation's tag. */
  tagged(subscriptionId: string, asked: TaggedQuery, signal: AbortSignal): Promise<TaggedResource[]>
  /** What is used of each quota of compute and network in the region. */
  usages(subscriptionId: string, region: string, signal: AbortSignal): Promise<Usage[]>
  /** The latest note on each of these machines; late by minutes, and of a machine without one nothing is told. */
  annotations(
    asked: { subscriptionId: string; machineIds: readonly string[] },
    signal: AbortSignal,
  ): Promise<Annotation[]>
  /** What Azure publishes of evictions, for these sizes in these regions; a place of which it says nothing is left out. */
  spotRates(
    asked: { subscriptionId: string; regions: readonly string[]; sizes: readonly string[] },
    signal: AbortSignal,
  ): Promise<SpotRate[]>
}
