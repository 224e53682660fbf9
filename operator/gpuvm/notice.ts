// The machine says that Azure will take it back in some seconds. That alone is not believed; it is looked at, often,
// until the time has passed and a little more, so that the eviction is seen when it is there.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { type GpuVmSettings, type Phase, scaled } from './decision.ts'

/** Seconds for which an eviction may be late. */
const LATE_SECONDS = 60

export const notice: Phase = ({ machine, now, settings }) =>
  isNoticed(machine, { now, settings }) ? { requeueAfterSeconds: settings.operationPollSeconds } : {}

/** Whether the machine of this incarnation has been given notice, and its time is not over. */
export function isNoticed({ status }: GpuVm, { now, settings }: { now: Date; settings: GpuVmSettings }): boolean {
  const { preemptAt, incarnation } = status?.guest ?? {}
  if (preemptAt === undefined || incarnation !== status?.incarnation?.number) return false
  return now.getTime() < new Date(preemptAt).getTime() + scaled(LATE_SECONDS, settings) * 1000
}
