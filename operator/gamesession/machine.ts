// What a GpuVm's status says, in the session's words. Nothing else here reads the status of a GpuVm.
import type { Zone } from '../../crds/catalogue.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition, isTrue } from '../../lib/kube/conditions.ts'
import { decideOn } from '../azure/decisions.ts'
import { AzureError, reasonOf } from '../azure/errors.ts'
import { isBeside } from '../beside.ts'
import type { Place } from '../capacity/refusals.ts'
import { EVICTIONS_BEFORE_ANNOTATION, type Explanation } from './decision.ts'

/** Why a machine is stalled whose disk was to be a copy of one that is not there (operator/gpuvm/copying.ts). */
export const SOURCE_GONE = 'SourceDiskGone'

/** Azure runs it and its stream answers. */
export function isPlayable(machine: GpuVm | undefined): boolean {
  return isTrue(machine?.status?.conditions, 'Playable')
}

/** When the present stretch of answers began; `undefined` when nothing tells. */
export function playableSince(machine: GpuVm | undefined): Date | undefined {
  const since = machine?.status?.stream?.since ?? condition(machine?.status?.conditions, 'Playable')?.lastTransitionTime
  return since === undefined ? undefined : new Date(since)
}

/** The last signs of life that are on record, of whichever stretch: its last answer, and Azure's time of a stop. */
export function lastSigns(machine: GpuVm | undefined): Date[] {
  const { stream, evictedAt } = machine?.status ?? {}
  return [stream?.lastAnsweredAt, evictedAt].flatMap(time => (time === undefined ? [] : new Date(time)))
}

/** Azure runs nothing of it: its host is given back, or it was paused before it had one. */
export function isDeallocated(machine: GpuVm | undefined): boolean {
  if (machine?.spec.powerState !== 'Deallocated' || !isUpToDate(machine)) return false
  const { powerState, conditions } = machine.status ?? {}
  // Of one without a VM its own word tells that none is on its way, or left over from before.
  const ready = condition(conditions, 'Ready')
  return powerState === 'Deallocated' || (ready?.status === 'True' && ready.reason === 'Deallocated')
}

/** Azure holds a VM of it, or has been asked for one: its lists count it. */
export function isHeld({ status }: GpuVm): boolean {
  const { powerState = 'Absent', operation } = status ?? {}
  return powerState !== 'Absent' || operation?.kind === 'Create'
}

/** The status speaks of the spec as it is. */
function isUpToDate({ metadata, status }: GpuVm): boolean {
  return status?.observedGeneration !== undefined && status.observedGeneration === metadata.generation
}

/**
 * Where the machine is, or is meant to be. After an eviction the incarnation's priority rules over the spec's, until
 * the spec's is changed.
 */
export function placeOf({ spec, status }: GpuVm): Place {
  const { region, zone, size, priority } = spec
  const { incarnation } = status ?? {}
  const rules = incarnation !== undefined && incarnation.specPriority === priority
  return { region, zone, size, priority: rules ? incarnation.priority : priority }
}

/** Whether its disks let it stand in that zone. Those that are not zone-redundant are made for one zone, or for none. */
export function mayStandIn(zone: Zone | undefined, { spec }: GpuVm): boolean {
  if (zone === spec.zone) return true
  if (zone === undefined || spec.zone === undefined) return false
  return [spec.disks.os, ...(spec.disks.data ?? [])].every(({ sku }) => sku.endsWith('_ZRS'))
}

/**
 * Azure has nothing of what the spec asks for, or its zone is none for it, and the machine waits; `undefined` when that
 * is not so.
 */
export function refusalOf(machine: GpuVm): (Explanation & { rulesOut: 'Place' | 'Zone' }) | undefined {
  const { conditions, lastError } = machine.status ?? {}
  const ready = condition(conditions, 'Ready')
  if (ready?.status !== 'False' || lastError === undefined || !isUpToDate(machine)) return undefined
  const explanation = { reason: lastError.code, message: lastError.message }
  if (ready.reason === 'CapacityRefused') return { ...explanation, rulesOut: 'Place' }
  return isUnfit(machine, lastError) ? { ...explanation, rulesOut: 'Zone' } : undefined
}

/** A person could change the zone, and so can its session. */
function isUnfit(machine: GpuVm, { code, message }: { code: string; message: string }): boolean {
  if (machine.spec.zone === undefined || faultOf(machine) === undefined) return false
  const decision = decideOn(new AzureError(code, message))
  return decision.do === 'Stall' && decision.unfit !== undefined
}

/** What holds it up, and only a person can mend; `undefined` when that is not so. */
export function faultOf(machine: GpuVm): Explanation | undefined {
  const stalled = condition(machine.status?.conditions, 'Stalled')
  if (stalled?.status !== 'True' || !isUpToDate(machine) || holdsUpNothing(machine, stalled)) return undefined
  return { reason: stalled.reason, message: stalled.message }
}

/** The stall bears the reason of the worst that is refused. */
function holdsUpNothing({ status }: GpuVm, { reason }: Explanation): boolean {
  const { powerState = 'Absent', lastError, otherError } = status ?? {}
  const refused = [lastError, otherError].filter(error => error !== undefined)
  const named = refused.filter(({ code }) => reasonOf(code) === reason)
  return powerState !== 'Absent' && named.length > 0 && named.every(isBeside)
}

/** Since when Azure refuses to stop a machine that is to rest and costs on; `undefined` when that is not so. */
export function restlessSince(machine: GpuVm): Date | undefined {
  const { powerState = 'Absent', lastError } = machine.status ?? {}
  const isToRest = machine.spec.powerState === 'Deallocated' && machine.metadata.deletionTimestamp === undefined
  if (!isToRest || powerState === 'Absent' || powerState === 'Deallocated') return undefined
  const since = lastError?.since ?? lastError?.at
  return faultOf(machine) === undefined || since === undefined ? undefined : new Date(since)
}

/** Somebody could play on it: from then on its disk holds what no other holds. */
export function wasPlayedOn({ status }: GpuVm): boolean {
  return status?.stream !== undefined || status?.adoptedFrom !== undefined
}

/** Whether the session moves, or has moved, from `origin` to this one: its disk is made a copy of that one's. */
export function isMovedFrom(origin: GpuVm, machine: GpuVm): boolean {
  const from = origin.status?.resources?.osDisk?.toLowerCase()
  return from !== undefined && machine.spec.disks.os.copyOf?.toLowerCase() === from
}

/** Evictions of the whole session: this machine's, and those of the machines before it. */
export function evictionsOf(machine: GpuVm): number {
  const before = Number(machine.metadata.annotations?.[EVICTIONS_BEFORE_ANNOTATION] ?? 0)
  return (Number.isSafeInteger(before) ? before : 0) + (machine.status?.evictions ?? 0)
}
