// What a change of a GpuVm tells about Azure's capacity: asked, granted, refused, taken back, given back.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { Change } from '../../lib/kube/reflector.ts'
import { decideOn } from '../azure/decisions.ts'
import { AzureError } from '../azure/errors.ts'
import type { Place } from '../capacity/refusals.ts'
import type { CapacityEvent } from './history.ts'

/** What tells one of Azure's sentences from another stands in their beginnings. */
const MESSAGE_CHARACTERS = 1024

/** The events that this change brings, at `now`. `priceOf` gives US dollars per hour, where they are known. */
export function notesOf(
  change: Change<GpuVm>,
  now: Date,
  priceOf: (place: Place, image: string) => number | undefined = () => undefined,
): CapacityEvent[] {
  const { old, object, initial, type } = change
  if (initial) return []
  const { status, metadata } = object
  const common = { at: now, gpuVmUid: metadata.uid ?? '', ...priced(triedPlace(object)) }
  if (type === 'Deleted') return isRunning(object) ? [{ ...common, ...priced(ranAt(object)), kind: 'Released' }] : []
  const isAsked = status?.operation?.kind === 'Create' && old?.status?.operation?.kind !== 'Create'
  const isMade = status?.vmId !== undefined && status.vmId !== old?.status?.vmId
  const isStarted = status?.powerState === 'Running' && old?.status?.operation?.kind === 'Start'
  const isGranted = isMade || (isStarted && old?.status?.powerState !== 'Running')
  const isEvicted = (status?.evictions ?? 0) > (old?.status?.evictions ?? 0)
  return [
    ...(isAsked ? [{ ...common, kind: 'Asked' as const }] : []),
    ...(isGranted ? [{ ...common, ...askedAt(change), kind: 'Granted' as const }] : []),
    ...(isEvicted ? [{ ...common, ...priced({ ...common, priority: 'Spot' }), kind: 'Evicted' as const }] : []),
    ...(isReleased(change) ? [{ ...common, ...priced(ranAt(old ?? object)), kind: 'Released' as const }] : []),
    ...refusalIn(change).map(refusal => ({ ...common, ...refusal })),
  ]

  function priced({ region, zone, size, priority }: Place): Place & { hourlyPriceUsd?: number } {
    const place = { region, zone, size, priority }
    const hourlyPriceUsd = priceOf(place, object.spec.image)
    return { ...place, ...(hourlyPriceUsd !== undefined && { hourlyPriceUsd }) }
  }
}

/** The operation that ends with this change, or is about to, began when it was asked for. */
function askedAt({ old, object }: Change<GpuVm>): Pick<CapacityEvent, 'askedAt'> {
  const { since } = old?.status?.operation ?? object.status?.operation ?? {}
  return since === undefined ? {} : { askedAt: new Date(since) }
}

/** Azure's refusal that this change brings, if it brings one. */
function refusalIn({ old, object }: Change<GpuVm>): Pick<CapacityEvent, 'kind' | 'code' | 'message'>[] {
  const error = object.status?.lastError
  const known = old?.status?.lastError
  if (error === undefined || (known?.at === error.at && known?.code === error.code)) return []
  const { code, message, retryable } = error
  const decision = decideOn(new AzureError(code, message))
  const isUnfit = decision.do === 'Stall' && decision.unfit !== undefined
  if (!isUnfit && !retryable) return []
  return [{ kind: isUnfit ? 'Unfit' : 'Refused', code, message: message.slice(0, MESSAGE_CHARACTERS) }]
}

/** It ran, it runs no more, and nobody took it away: a pause, an end, a move. */
function isReleased({ old, object }: Change<GpuVm>): boolean {
  if (old === undefined || !isRunning(old) || isRunning(object)) return false
  const { powerState } = object.status ?? {}
  const isWanted = object.spec.powerState === 'Running' && object.metadata.deletionTimestamp === undefined
  return !isWanted && (powerState === 'Deallocated' || powerState === 'Absent')
}

/** Azure has made it, and gives hardware to it. */
export function isRunning({ status }: GpuVm): boolean {
  const { vmId, powerState } = status ?? {}
  return vmId !== undefined && powerState !== undefined && powerState !== 'Absent' && powerState !== 'Deallocated'
}

/** What it really ran on. */
export function ranAt(machine: GpuVm): Place {
  const { zone, size, priority } = machine.status ?? {}
  const place = triedPlace(machine)
  return { ...place, zone: zone ?? place.zone, size: size ?? place.size, priority: priority ?? place.priority }
}

function triedPlace({ spec, status }: GpuVm): Place {
  const { region, zone, size, priority } = spec
  return { region, zone, size, priority: status?.incarnation?.priority ?? priority }
}
