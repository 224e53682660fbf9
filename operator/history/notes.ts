// What a change of a GpuVm tells about Azure's capacity: asked, granted, refused, taken back.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { Change } from '../../lib/kube/reflector.ts'
import type { Place } from '../capacity/refusals.ts'
import type { CapacityEvent } from './history.ts'

/** Azure's refusal that this change brings, and of what; `undefined` when it brings none. */
export function refusalIn({
  type,
  old,
  object,
  initial,
}: Change<GpuVm>): { code: string; message: string; place: Place } | undefined {
  const error = object.status?.lastError
  if (initial || type === 'Deleted' || error === undefined) return undefined
  if (old?.status?.lastError?.at === error.at && old?.status?.lastError?.code === error.code) return undefined
  return { code: error.code, message: error.message, place: triedPlace(object) }
}

/** The events that this change brings, at `now`. */
export function notesOf(change: Change<GpuVm>, now: Date): CapacityEvent[] {
  const { old, object, initial, type } = change
  if (initial || type === 'Deleted') return []
  const { status, metadata } = object
  const common = { at: now, gpuVmUid: metadata.uid ?? '', ...triedPlace(object) }
  const isAsked = status?.operation?.kind === 'Create' && old?.status?.operation?.kind !== 'Create'
  const isGranted = status?.vmId !== undefined && status.vmId !== old?.status?.vmId
  const isEvicted = (status?.evictions ?? 0) > (old?.status?.evictions ?? 0)
  const refusal = refusalIn(change)
  return [
    ...(isAsked ? [{ ...common, kind: 'Asked' as const }] : []),
    ...(isGranted ? [{ ...common, kind: 'Granted' as const }] : []),
    ...(isEvicted ? [{ ...common, priority: 'Spot' as const, kind: 'Evicted' as const }] : []),
    ...(refusal && status?.lastError?.retryable ? [{ ...common, kind: 'Refused' as const, code: refusal.code }] : []),
  ]
}

function triedPlace({ spec, status }: GpuVm): Place {
  const { region, size, priority } = spec
  return { region, size, priority: status?.incarnation?.priority ?? priority }
}
