// Whether a pass can end before it begins: the status says that all is as asked, and nothing that is known without
// asking Azure for this one machine speaks against it. It is what lets an idle fleet cost list pages alone.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { isTrue } from '../../lib/kube/conditions.ts'
import { referenceOf } from '../../lib/kube/resource.ts'
import { virtualMachineName } from '../azure/names.ts'
import { isSuspended } from '../held.ts'
import { type GpuVmSettings, isLeaving, rootUidOf } from './decision.ts'
import type { Fleet } from './fleet.ts'
import { isNoticed } from './notice.ts'
import type { Prober } from './prober.ts'
import { isSuspect } from './sickness.ts'

export interface Knowledge {
  fleet: Pick<Fleet, 'powerState'>
  prober: Pick<Prober, 'follow' | 'seen'>
  settings: GpuVmSettings
  now: Date
}

export function isSettled(machine: GpuVm, knowledge: Knowledge): boolean {
  if (!stands(machine, knowledge)) return false
  const { answering } = heard(machine, knowledge)
  return answering === undefined || answering === (machine.status?.stream?.answering ?? false)
}

/** Whether its stream has come to answer, and nothing else is new: of Azure nothing needs to be asked for that. */
export function isHeardAlone(machine: GpuVm, knowledge: Knowledge): boolean {
  if (!stands(machine, knowledge)) return false
  return heard(machine, knowledge).answering === true && machine.status?.stream?.answering !== true
}

/** In all that Azure shows it is as asked. */
function stands(machine: GpuVm, { fleet, settings, now }: Knowledge): boolean {
  const { status, metadata } = machine
  const { uid } = metadata
  if (uid === undefined || isLeaving(machine)) return false
  if (status?.incarnation === undefined || status.observedGeneration !== metadata.generation) return false
  if (status.operation !== undefined || status.lastError !== undefined || !isTrue(status.conditions, 'Ready'))
    return false
  if (isNoticed(machine, { now, settings }) || isSuspect(machine, { now, settings })) return false
  if (isSuspended(machine) !== isTrue(status.conditions, 'Suspended')) return false

  const listed = fleet.powerState(virtualMachineName(rootUidOf(machine) ?? uid, status.incarnation.number))
  return listed !== undefined && listed === status.powerState
}

/** What is known of its stream, which is listened to for as long as it runs. */
function heard({ metadata, status }: GpuVm, { prober }: Knowledge): { answering: boolean | undefined } {
  const { uid = '' } = metadata
  if (status?.powerState !== 'Running' || status.publicIP === undefined) return { answering: undefined }
  prober.follow({ uid, key: referenceOf({ metadata }), host: status.publicIP })
  return prober.seen(uid)
}
