// How urgent it is to ask Azure about a machine. Whoever was thrown out of a game goes first, then what only costs
// money, then machines that stand, and last those that nobody has yet.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
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

/** For the work queue: a higher number goes first; 0 is what any change of an object has. */
export function priorityOf(machine: GpuVm): number {
  return priorities[urgencyOf(machine)]
}

const priorities = { Rescue: 20, Removal: 10, Standing: 5, Watch: 0, Creation: 0, Sweep: 0 } as const satisfies Record<
  Urgency,
  number
>
