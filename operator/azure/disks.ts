// Managed disks and snapshots in ARM's words and in ours.
// https://learn.microsoft.com/azure/virtual-machines/disks-copy-incremental-snapshot-across-regions
import type { Disk, Snapshot } from '@azure/arm-compute'
import type { Zone } from '../../crds/catalogue.ts'
import { KEEP_TAG, UID_TAG } from './names.ts'
import type { DiskSeen, SnapshotSeen, SourceDiskSeen, Tags } from './provider.ts'
import { provisioningState } from './virtual-machines.ts'

/** What a disk is while no allocated VM has it. https://learn.microsoft.com/rest/api/compute/disks/get#diskstate */
const AT_REST = ['Unattached', 'Reserved']

export function diskSeen(disk: Disk): DiskSeen {
  return {
    id: disk.id ?? '',
    ownerUid: disk.tags?.[UID_TAG],
    name: disk.name ?? '',
    managedBy: disk.managedBy,
    isKept: disk.tags?.[KEEP_TAG] !== undefined,
    provisioningState: provisioningState(disk.provisioningState),
  }
}

export function sourceDiskSeen({ id = '', location = '', tags = {}, diskState = '' }: Disk): SourceDiskSeen {
  return { id, region: location, tags, isInUse: !AT_REST.includes(diskState) }
}

export function snapshotSeen(snapshot: Snapshot): SnapshotSeen {
  const { errorCode, errorMessage } = snapshot.copyCompletionError ?? {}
  return {
    id: snapshot.id ?? '',
    ownerUid: snapshot.tags?.[UID_TAG],
    provisioningState: provisioningState(snapshot.provisioningState),
    completionPercent: snapshot.completionPercent ?? 100,
    failure: errorCode === undefined ? undefined : { code: errorCode, message: errorMessage ?? '' },
  }
}

/** Only an incremental snapshot can be copied to another region, and its copy is one. */
export function snapshotBody(
  region: string,
  request: { tags: Tags } & ({ diskId: string } | { snapshotId: string }),
): Snapshot {
  const creationData =
    'diskId' in request
      ? { createOption: 'Copy', sourceResourceId: request.diskId }
      : { createOption: 'CopyStart', sourceResourceId: request.snapshotId }
  return { location: region, tags: request.tags, sku: { name: 'Standard_LRS' }, incremental: true, creationData }
}

/** Size, system and security come along with the snapshot; none of it is named. What is zone-redundant stands in no zone. */
export function diskBody(
  region: string,
  { sku, zone, snapshotId, tags }: { sku: string; zone: Zone | undefined; snapshotId: string; tags: Tags },
): Disk {
  const zones = zone === undefined || sku.endsWith('_ZRS') ? {} : { zones: [zone] }
  const creationData = { createOption: 'Copy', sourceResourceId: snapshotId }
  return { location: region, tags, sku: { name: sku }, ...zones, creationData }
}
