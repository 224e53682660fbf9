// Sights for the pure tests: a machine as it stands after an ordinary creation, and what a test says is different.
import type { CatalogueImage, CatalogueRegion } from '../../crds/catalogue.ts'
import type { GpuVm, GpuVmSpec, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import type { ObjectMeta } from '../../lib/kube/resource.ts'
import type { DiskSeen, NetworkInterfaceSeen, PublicIPAddressSeen, VirtualMachineSeen } from '../azure/provider.ts'
import { incarnationOf, type Observed, rootUidOf, type Seen, type StreamSeen } from './decision.ts'
import { verdictOn } from './phases.ts'
import { statusOf } from './status.ts'

export const UID = '5f0c8f7e-0d5b-4c57-9f6c-2a7f6d5f7a01'
export const now = new Date('2026-11-24T12:00:00.000Z')
export const settings = { installationId: 'test', operationPollSeconds: 4 }
const group = '/subscriptions/sub/resourceGroups/rg/providers'

export const region: CatalogueRegion = {
  title: 'Amsterdam',
  subscriptionId: 'sub',
  resourceGroup: 'rg',
  subnetId: `${group}/Microsoft.Network/virtualNetworks/wasd/subnets/machines`,
  probeCIDRs: ['203.0.113.10/32'],
}
export const image: CatalogueImage = {
  id: `${group}/Microsoft.Compute/galleries/wasd/images/windows/versions/1.0.0`,
  osType: 'Windows',
  driverClass: 'nvidia-grid',
  securityType: 'TrustedLaunch',
  licenseType: 'Windows_Client',
  diskControllerType: 'SCSI',
}

export function virtualMachine(different: Partial<VirtualMachineSeen> = {}): VirtualMachineSeen {
  return {
    id: `${group}/Microsoft.Compute/virtualMachines/gvm-${UID}-vm-1`,
    ownerUid: UID,
    vmId: 'vm-id-1',
    size: 'Standard_NV12ads_A10_v5',
    zone: undefined,
    priority: 'Spot',
    provisioningState: 'Succeeded',
    powerState: 'Running',
    powerStateAt: undefined,
    provisionedAt: undefined,
    agent: undefined,
    failure: undefined,
    disks: [{ name: `gvm-${UID}-os`, id: `${group}/Microsoft.Compute/disks/gvm-${UID}-os` }],
    ...different,
  }
}

export const publicIPAddress: PublicIPAddressSeen = {
  id: `${group}/Microsoft.Network/publicIPAddresses/gvm-${UID}-ip`,
  ownerUid: UID,
  address: '198.51.100.7',
  fqdn: undefined,
  provisioningState: 'Succeeded',
}
export const networkInterface: NetworkInterfaceSeen = {
  id: `${group}/Microsoft.Network/networkInterfaces/gvm-${UID}-nic`,
  ownerUid: UID,
  virtualMachineId: undefined,
  networkSecurityGroupId: undefined,
  provisioningState: 'Succeeded',
}
export const osDisk: DiskSeen = {
  id: `${group}/Microsoft.Compute/disks/gvm-${UID}-os`,
  ownerUid: UID,
  name: `gvm-${UID}-os`,
  managedBy: undefined,
  isKept: false,
  provisioningState: 'Succeeded',
}

/** Nothing of it is in Azure yet. */
export const empty: Partial<Observed> = {
  virtualMachine: undefined,
  publicIPAddress: undefined,
  networkInterface: undefined,
  osDisk: undefined,
}
/** Address, interface and disk stand; no VM holds them. */
export const bare: Partial<Observed> = { virtualMachine: undefined, publicIPAddress, networkInterface, osDisk }

/** The status of a machine that runs, is played, and was never evicted. */
export const playing: GpuVmStatus = {
  observedGeneration: 1,
  phase: 'Running',
  incarnation: {
    number: 1,
    priority: 'Spot',
    specPriority: 'Spot',
    reason: 'Created',
    since: '2026-11-24T11:00:00.000Z',
  },
  resources: {
    virtualMachine: virtualMachine().id,
    networkInterface: networkInterface.id,
    publicIPAddress: publicIPAddress.id,
    osDisk: osDisk.id,
  },
  publicIP: '198.51.100.7',
  powerState: 'Running',
  priority: 'Spot',
  size: 'Standard_NV12ads_A10_v5',
  vmId: 'vm-id-1',
  stream: { answering: true, since: '2026-11-24T11:02:00.000Z' },
}

/** After an eviction, before anything is made anew. */
export const evicted: GpuVmStatus = {
  ...without(playing, 'vmId', 'size', 'priority'),
  phase: 'Evicted',
  powerState: 'Absent',
  evictions: 1,
  incarnation: {
    number: 2,
    priority: 'Regular',
    specPriority: 'Spot',
    reason: 'Evicted',
    since: '2026-11-24T11:59:00.000Z',
  },
}

export function without<Key extends keyof GpuVmStatus>(status: GpuVmStatus, ...keys: Key[]): GpuVmStatus {
  const rest = { ...status }
  for (const key of keys) delete rest[key]
  return rest
}

/** So many seconds before `now`, after it where negative. */
export const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000).toISOString()

/** Heard for long, and then no more. */
export const fallenSilent = { answering: false, since: ago(3600), lastAnsweredAt: ago(200) }

export function refusedBy(code: string, message = 'No.', secondsAgo = 10): NonNullable<GpuVmStatus['lastError']> {
  return { code, message, retryable: true, at: ago(secondsAgo) }
}

export interface Different {
  spec?: Partial<GpuVmSpec>
  /** The whole status; `playing` without one. */
  status?: GpuVmStatus | 'None'
  metadata?: Partial<ObjectMeta>
  observed?: Partial<Observed>
  stream?: Partial<StreamSeen>
  region?: CatalogueRegion | 'Unknown'
  image?: CatalogueImage | 'Unknown'
}

export function machineOf({ spec, status = playing, metadata }: Different = {}): GpuVm {
  return {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GpuVm',
    metadata: { name: 'solo', namespace: 'play', uid: UID, generation: 1, resourceVersion: '7', ...metadata },
    spec: {
      region: 'westeurope',
      size: 'Standard_NV12ads_A10_v5',
      priority: 'Spot',
      onEviction: 'Regular',
      powerState: 'Running',
      image: 'windows-nvidia',
      disks: { os: { sizeGiB: 128, sku: 'StandardSSD_LRS' } },
      ...spec,
    },
    ...(status !== 'None' && { status }),
  }
}

/** A machine that runs as it is asked to, but for what is `different`. */
export function sight(different: Different = {}): Seen {
  const machine = machineOf(different)
  const place =
    different.region === 'Unknown' ? undefined : { subscriptionId: 'sub', resourceGroup: 'rg', region: 'westeurope' }
  return {
    machine,
    uid: UID,
    rootUid: rootUidOf(machine) ?? UID,
    namespace: 'play',
    region: different.region === 'Unknown' ? undefined : (different.region ?? region),
    image: different.image === 'Unknown' ? undefined : (different.image ?? image),
    place,
    incarnation: incarnationOf(machine, now),
    observed: {
      sight: 'Whole',
      virtualMachine: virtualMachine(),
      predecessor: undefined,
      publicIPAddress: undefined,
      networkInterface: undefined,
      networkSecurityGroup: undefined,
      osDisk: undefined,
      dataDisks: [],
      copy: undefined,
      noted: undefined,
      hasBootstrapSecret: true,
      heritage: undefined,
      late: undefined,
      underWaySince: undefined,
      operation: undefined,
      ...different.observed,
    },
    stream: {
      answering: true,
      since: new Date('2026-11-24T11:02:00Z'),
      lastAnsweredAt: new Date('2026-11-24T11:59:55Z'),
      ...different.stream,
    },
    now,
    configuredAt: new Date(0),
    settings,
    operations: 0,
  }
}

export const leaving = { deletionTimestamp: '2026-11-24T11:59:59Z' }

/** What a pass over this sight leaves on record. */
export const statusAfter = (seen: Seen): GpuVmStatus => statusOf(seen, verdictOn(seen), {})
