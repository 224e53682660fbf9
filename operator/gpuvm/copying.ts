// Makes the OS disk a copy of another one, where the spec says so: that is how a session moves to another region with
// its saves. A snapshot is taken beside the disk, copied to the machine's own region, and made a disk there; then both
// snapshots go. Each is named after the object, so that whoever comes in the middle goes on.
// https://learn.microsoft.com/azure/virtual-machines/disks-copy-incremental-snapshot-across-regions
//
// The snapshot is taken, and the machine made, only while nothing runs on the disk that is copied: one and the same
// game must not be played twice.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { INSTALLATION_TAG, PLAYER_TAG } from '../azure/names.ts'
import type { Place, SnapshotSeen, SourceDiskSeen } from '../azure/provider.ts'
import { type DeletableResource, type Phase, PLAYER_LABEL, type Seen, scaled, type Verdict } from './decision.ts'
import { isRefused } from './refusal.ts'

/** Seconds between looks at a copy; whole disks take minutes and more. */
const LOOK_SECONDS = 15
/** Until a disk that is not there, or is another's, is looked for again. */
const FAILED_SECONDS = 60
/** Told in steps of so many percent, so that the object is not written all the time. */
const STEP_PERCENT = 10

const FROM_COPY = 'The disk is made from its copy.'

/** Where the disk is that the OS disk is to be a copy of; `undefined` when it is made from the image. */
export function sourceOf({ spec }: Pick<GpuVm, 'spec'>): { place: Omit<Place, 'region'>; name: string } | undefined {
  const [, subscriptionId, resourceGroup, name] =
    /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/disks\/([^/]+)$/i.exec(
      spec.disks.os.copyOf ?? '',
    ) ?? []
  if (subscriptionId === undefined || resourceGroup === undefined || name === undefined) return undefined
  return { place: { subscriptionId, resourceGroup }, name }
}

/** Of a machine that was played the copy has long been done with. */
export function isCopyOfUse({ status }: Pick<GpuVm, 'status'>): boolean {
  return status?.stream === undefined
}

export const copying: Phase = seen => {
  const { machine, observed, settings } = seen
  const { copy, osDisk } = observed
  if (copy === undefined || observed.virtualMachine || machine.spec.powerState !== 'Running') return {}
  const { source, taken, copied } = copy
  // Until Azure says that the disk is whole, its copy is all that it can be made from once more.
  const state = osDisk?.provisioningState
  if (state === 'Creating' || state === 'Updating' || state === 'Deleting') return wait(seen, FROM_COPY)
  if (state === 'Succeeded' || (state === 'Failed' && copied === undefined)) return tidy(seen)

  const failed = [copied, taken].find(one => one?.provisioningState === 'Failed' || one?.failure !== undefined)
  if (failed) return startAnew(seen, failed)
  const requeueAfterSeconds = settings.operationPollSeconds / 2
  if (copied) {
    if (!isWhole(copied)) return wait(seen, `The saves are copied to ${machine.spec.region}: ${percentOf(copied)} %.`)
    return { ...wait(seen, FROM_COPY), step: { do: 'PutOsDisk' }, requeueAfterSeconds }
  }
  if (taken) {
    const verdict = wait(seen, `The saves are copied to ${machine.spec.region}: 0 %.`)
    return isWhole(taken)
      ? { ...verdict, step: { do: 'CopySnapshot' }, requeueAfterSeconds }
      : { ...verdict, requeueAfterSeconds }
  }
  if (source === undefined) return gone(seen)
  if (!isOurs(seen, source)) return another(seen)
  if (source.isInUse)
    return wait(seen, 'The disk that is copied is still in use by a machine; that one has to be stopped.')
  const verdict = wait(seen, 'A snapshot is taken of the disk with the saves.')
  return { ...verdict, step: { do: 'TakeSnapshot' }, requeueAfterSeconds }
}

/**
 * The snapshots have served. Their going need not be waited for: one that Azure refuses to delete, or fails to, is swept
 * when the machine was played. But nobody must have gone on with what was copied.
 */
function tidy(seen: Seen): Verdict {
  const snapshots = removableSnapshots(seen)
  if (snapshots.length > 0 && !isRefused(seen, 'DeleteResources')) {
    const message = 'The copied disk stands; its snapshots are removed.'
    const because = { reason: 'CopyingDisk', message }
    return { because, step: { do: 'DeleteResources', resources: snapshots }, requeueAfterSeconds: 0 }
  }
  const isPlayedElsewhere = seen.observed.copy?.source?.isInUse === true
  return isPlayedElsewhere ? wait(seen, 'A machine runs on the disk that was copied; that one has to be stopped.') : {}
}

/** Snapshots that stand and are not yet on their way out. */
export function removableSnapshots({ observed: { copy } }: Seen): DeletableResource[] {
  const stands = (one: SnapshotSeen | undefined) => one !== undefined && one.provisioningState !== 'Deleting'
  return [
    ...(stands(copy?.copied) ? [{ kind: 'copiedSnapshot' as const }] : []),
    ...(stands(copy?.taken) ? [{ kind: 'takenSnapshot' as const }] : []),
  ]
}

function startAnew(seen: Seen, { failure }: SnapshotSeen): Verdict {
  const why = failure ? ` (${failure.code}: ${failure.message})` : ''
  const because = { reason: 'CopyingDisk', message: `Azure failed to copy the disk${why}; it is begun anew.` }
  const requeueAfterSeconds = seen.settings.operationPollSeconds
  return { because, step: { do: 'DeleteResources', resources: removableSnapshots(seen) }, requeueAfterSeconds }
}

function isWhole({ provisioningState, completionPercent }: SnapshotSeen): boolean {
  return provisioningState === 'Succeeded' && completionPercent >= 100
}

function percentOf({ completionPercent }: SnapshotSeen): number {
  return Math.floor(completionPercent / STEP_PERCENT) * STEP_PERCENT
}

/** What is another player's, or another installation's, is not to be had by writing its id. A disk without tags tells nothing. */
function isOurs({ machine, settings }: Seen, { tags }: SourceDiskSeen): boolean {
  const is = (tag: string, ours: string | undefined) => tags[tag] === undefined || tags[tag] === ours
  return is(INSTALLATION_TAG, settings.installationId) && is(PLAYER_TAG, machine.metadata.labels?.[PLAYER_LABEL])
}

function wait({ settings }: Seen, message: string): Verdict {
  return { because: { reason: 'CopyingDisk', message }, requeueAfterSeconds: scaled(LOOK_SECONDS, settings) }
}

/** The reason by which a session knows that what it moves with is lost. */
export const SOURCE_GONE = 'SourceDiskGone'

function gone({ machine, settings }: Seen): Verdict {
  const message = `The disk of spec.disks.os.copyOf is not there: ${machine.spec.disks.os.copyOf}. Create a GpuVm that names one that is, or none.`
  return { stalled: { reason: SOURCE_GONE, message }, requeueAfterSeconds: scaled(FAILED_SECONDS, settings) }
}

function another({ machine, settings }: Seen): Verdict {
  const message = `The disk of spec.disks.os.copyOf is another player's or another installation's: ${machine.spec.disks.os.copyOf}. Create a GpuVm that names one of its own player.`
  return { stalled: { reason: 'SourceDiskForeign', message }, requeueAfterSeconds: scaled(FAILED_SECONDS, settings) }
}
