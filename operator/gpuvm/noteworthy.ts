// Whether a status is worth a write. All that somebody acts on is: the incarnation, an operation to be resumed, what
// runs, what is played, what is refused. The sights along the ordinary way (which resource is made just now, and in
// which words that is told) wait for the next write that is.
import { isDeepStrictEqual } from 'node:util'
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { isLeaving } from './decision.ts'

/** Reasons of `Ready` that every machine passes on its way from one rest to the next. */
const ordinary = [
  'Pending',
  'Creating',
  'Starting',
  'Evicted',
  'Replacing',
  'DiskDetaching',
  'Deallocating',
  'AzureBusy',
  'Deleting',
]

export function isNoteworthy(machine: GpuVm, next: GpuVmStatus): boolean {
  const old = machine.status
  if (old === undefined) return true
  if (!isOnItsWay(old) || !isOnItsWay(next)) return !isDeepStrictEqual(old, next)
  // What the schema says of a new object holds until its VM is asked for, or something is refused.
  if (old.incarnation === undefined)
    return next.operation !== undefined || next.lastError !== undefined || next.phase !== 'Creating'
  return !isDeepStrictEqual(actedOn(machine, old), actedOn(machine, { ...next, ...standing(machine, next) }))
}

function isOnItsWay({ conditions }: GpuVmStatus): boolean {
  const ready = condition(conditions, 'Ready')
  return ready?.status === 'Unknown' && ordinary.includes(ready.reason)
}

function actedOn(machine: GpuVm, status: GpuVmStatus): GpuVmStatus {
  const { conditions: told, resources: _ids, publicIP: _address, fqdn: _name, ...acted } = status
  // What a person did, and what an abandonment leaves, is told at once; the rest are words.
  const conditions = told?.filter(({ type }) => type === 'Suspended' || type === 'Abandoned') ?? []
  if (!isLeaving(machine)) return { ...acted, conditions }
  // What its end leaves of it piece by piece is nobody's concern: the object goes with the last piece.
  const { powerState: _power, priority: _priority, size: _size, vmId: _vmId, ...leaving } = acted
  return { ...leaving, conditions }
}

/** Of an object that goes, an operation that has ended is as good as gone. */
function standing(machine: GpuVm, { operation }: GpuVmStatus): Pick<GpuVmStatus, 'operation'> {
  const old = machine.status?.operation
  return isLeaving(machine) && operation === undefined && old !== undefined ? { operation: old } : {}
}
