// Sees that there is no machine where there should be one: a creation that failed late, or a VM that is gone although
// nobody here deleted it. A successor is begun; what the failed one holds is taken from it first.
import type { Phase } from './decision.ts'
import { mayFallBack, refusedExplanation, standingRefusal } from './refusal.ts'

export const loss: Phase = seen => {
  const { machine, observed, incarnation } = seen
  const vm = observed.virtualMachine
  const wasMade = machine.status?.vmId !== undefined

  // Whether it is to run or not: a failed VM holds disk and interface.
  if (vm?.provisioningState === 'Failed' && !wasMade) {
    const refusal = standingRefusal(seen)
    if (mayFallBack(seen, refusal)) {
      const message = 'Azure has no spot capacity for it now; it is built as an on-demand machine from the same disk.'
      return {
        step: { do: 'BeginIncarnation', priority: 'Regular', reason: 'CapacityRefused' },
        because: { reason: 'FallingBack', message },
        requeueAfterSeconds: 0,
      }
    }
    const message = 'Azure could not create the machine; what it left is removed.'
    return {
      step: { do: 'BeginIncarnation', priority: incarnation.priority, reason: 'CreateFailed' },
      because: refusedExplanation(refusal, seen) ?? { reason: 'CreateFailed', message },
      requeueAfterSeconds: 0,
    }
  }

  if (vm || !wasMade || machine.spec.powerState !== 'Running') return {}
  const message = 'The machine is gone from Azure although nobody here deleted it; another is made.'
  return {
    step: { do: 'BeginIncarnation', priority: incarnation.priority, reason: 'MachineLost' },
    because: { reason: 'MachineLost', message },
    requeueAfterSeconds: 0,
  }
}
