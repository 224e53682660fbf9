// What an SRE can put on an object to hold the operator back (`kubectl annotate gvm NAME wasd.cloud/suspend=`), or to
// let go of it where Azure can no longer be asked (`wasd.cloud/abandon=`).
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { isLeaving, type Seen, type Verdict } from './decision.ts'

/** Present, whatever its value: the operator looks and does not act. A deletion goes on: it ends what costs money. */
export const SUSPEND_ANNOTATION = 'wasd.cloud/suspend'
/** Present on an object that is being deleted: what Azure refuses, or does not answer, is left behind. */
export const ABANDON_ANNOTATION = 'wasd.cloud/abandon'

/** The verdict, less its step where the object is suspended. */
export function suspended({ machine }: Seen, verdict: Verdict): Verdict {
  const isHeldBack = machine.metadata.annotations?.[SUSPEND_ANNOTATION] !== undefined
  if (!isHeldBack || verdict.step === undefined || isLeaving(machine)) return verdict
  const message = `Nothing is done while the annotation ${SUSPEND_ANNOTATION} is set. To do: ${verdict.because?.message ?? verdict.step.do}`
  return { because: { reason: 'Suspended', message } }
}

/** Whether the object may go without Azure's consent. */
export function isAbandoned(machine: GpuVm): boolean {
  return isLeaving(machine) && machine.metadata.annotations?.[ABANDON_ANNOTATION] !== undefined
}

/** The ids on record of what may still stand in Azure. */
export function leftBehind({ status }: GpuVm): string[] {
  const { dataDisks = [], ...single } = status?.resources ?? {}
  return [...Object.values(single), ...dataDisks]
}
