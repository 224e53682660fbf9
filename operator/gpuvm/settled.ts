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

export function isSettled(machine: GpuVm, { fleet, prober, settings, now }: Knowledge): boolean {
  const { status, metadata } = machine
  const { uid } = metadata
  if (uid === undefined || isLeaving(machine)) return false
  if (status?.incarnation === undefined || status.observedGeneration !== metadata.generation) return false
  if (status.operation !== undefined || status.lastError !== undefined || !isTrue(status.conditions, 'Ready'))
    return false
  if (isNoticed(machine, { now, settings }) || isSuspect(machine, { now, settings })) return false
  if (isSuspended(machine) !== isTrue(status.conditions, 'Suspended')) return false

  const listed = fleet.powerState(virtualMachineName(rootUidOf(machine) ?? uid, status.incarnation.number))
  if (listed === undefined || listed !== status.powerState) return false
  if (status.powerState !== 'Running' || status.publicIP === undefined) return true

  prober.follow({ uid, key: referenceOf(machine), host: status.publicIP })
  const { answering } = prober.seen(uid)
  return answering === undefined || answering === (status.stream?.answering ?? false)
}
