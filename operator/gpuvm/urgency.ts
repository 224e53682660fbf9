// How urgent it is to ask Azure about a machine. Whoever was thrown out of a game goes first, then what only costs
// money, then machines that stand, and last those that nobody has yet.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { type RawSource, rawSource } from '../../lib/kube/sources.ts'
import type { Store } from '../../lib/kube/store.ts'
import type { Urgency } from '../azure/budget.ts'
import { isLeaving } from './decision.ts'

export function urgencyOf(machine: GpuVm): Urgency {
  const { spec, status } = machine
  if (isLeaving(machine) || spec.powerState === 'Deallocated') return 'Removal'
  if (status?.stream === undefined) return 'Creation' // Nobody has ever played on it.
  // What the agent of the lost incarnation last said tells whether somebody sat there; unknown counts as yes.
  const { connected = true } = status.guest ?? {}
  return connected ? 'Rescue' : 'Standing'
}

/** For the work queue: a higher number goes first. */
export function priorityOf(machine: GpuVm): number {
  return priorities[urgencyOf(machine)]
}

/**
 * Of a change of the object. One that nobody has looked at yet comes after all that were begun: of thousands asked for at
 * once the first are made soon, in place of all being begun before any is made. `undefined`: one that is gone.
 */
export function priorityOfChange(machine: GpuVm | undefined): number {
  if (machine === undefined) return 0
  // The schema gives each a status.
  return machine.status?.incarnation === undefined && !isLeaving(machine) ? 0 : priorityOf(machine)
}

/** Looks that somebody asks for, each as urgent as its machine: nobody is begun before what was begun is finished. */
export function machineNudges(machines: Pick<Store<GpuVm>, 'get'>): RawSource {
  return rawSource(key => priorityOfChange(machines.get(key)))
}

const priorities = { Rescue: 20, Removal: 10, Standing: 5, Creation: 2, Watch: 0, Sweep: 0 } as const satisfies Record<
  Urgency,
  number
>
