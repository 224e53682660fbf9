// Whom what stands in Azure may belong to, as the GpuVms of a cluster tell. Pure.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { isCopyOfUse, sourceOf } from '../gpuvm/copying.ts'
import { isAnothers } from '../installation.ts'

/** What is known of those that live, by the UIDs that they bear. */
export interface Owners {
  /** Another installation's too: whoever serves an object, what bears its UID is nobody's orphan. */
  living: ReadonlySet<string>
  /** Of them those that were made from snapshots and have no use for these any more. */
  done: ReadonlySet<string>
  /** How many objects are served by us, or by nobody yet: that there are others shows no cluster to be ours. */
  ours: number
}

/** What of a machine tells what is its own. */
export interface Borne {
  uids: string[]
  isDone: boolean
  isOurs: boolean
}

/** What it has adopted is its own before the tags say so. */
export function borne(machine: GpuVm, we: { installationId: string }): Borne {
  const { metadata, status } = machine
  const uids = [metadata.uid, status?.adoptedFrom].flatMap(one => one ?? [])
  return { uids, isDone: sourceOf(machine) !== undefined && !isCopyOfUse(machine), isOurs: !isAnothers(machine, we) }
}

export function ownersAmong(machines: readonly Borne[]): Owners {
  const uidsOf = (some: readonly Borne[]) => new Set(some.flatMap(({ uids }) => uids))
  return {
    living: uidsOf(machines),
    done: uidsOf(machines.filter(({ isDone }) => isDone)),
    ours: machines.filter(({ isOurs }) => isOurs).length,
  }
}
