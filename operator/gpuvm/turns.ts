// When a machine's turn comes to ask Azure, once it was told so. Until then nothing that asks for a look at it is a
// reason for one (each list of the fleet may show the same of thousands again), but a change of the object itself.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { ReconcileResult } from '../../lib/kube/controller.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { BUDGET_SPENT } from '../azure/errors.ts'
import type { Hindrance } from './hindrance.ts'
import { priorityOf } from './urgency.ts'

export interface Turns {
  /** It got no answer, and comes back when it was told. Throws the error where nobody said when. */
  later(machine: GpuVm, hindrance: Hindrance & { is: 'Unanswered' }): ReconcileResult
  /** Until then; `undefined` when it may ask now. */
  waits(machine: GpuVm): ReconcileResult | undefined
  forget(uid: string): void
}

export function turns({ clock, random }: Pick<Runtime, 'clock' | 'random'>): Turns {
  const told = new Map<string, { resourceVersion: string | undefined; until: number }>()
  return {
    later(machine, { error, afterSeconds }) {
      if (afterSeconds === undefined) throw error
      const { uid = '', resourceVersion } = machine.metadata
      const priority = priorityOf(machine)
      // Azure tells many the same, and they are not to come back together; our own budget gives each a time of its own.
      if (error.code !== BUDGET_SPENT) return { requeueAfterSeconds: afterSeconds * (1 + random() / 4), priority }
      told.set(uid, { resourceVersion, until: clock.monotonic() + afterSeconds * 1000 })
      return { requeueAfterSeconds: afterSeconds, priority }
    },
    waits(machine) {
      const { uid = '', resourceVersion } = machine.metadata
      const turn = told.get(uid)
      if (turn === undefined) return undefined
      const leftSeconds = (turn.until - clock.monotonic()) / 1000
      if (leftSeconds > 0 && turn.resourceVersion === resourceVersion)
        return { requeueAfterSeconds: leftSeconds, priority: priorityOf(machine) }
      told.delete(uid)
      return undefined
    },
    forget: uid => void told.delete(uid),
  }
}
