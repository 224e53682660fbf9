// A change of mind about size or priority: Azure allows neither on a running machine, so a successor is begun on the
// same disk. After an eviction the incarnation's priority rules until somebody changes the spec's.
import { kindOf, type Phase, type Verdict } from './decision.ts'

export const change: Phase = ({ machine, observed, incarnation }): Verdict => {
  const { spec } = machine
  const vm = observed.virtualMachine
  if (spec.powerState !== 'Running') return {} // A stopped machine follows when it is next started.

  // The VM's own word counts too: a request that was taken for lost may have made the one that was meant before.
  const isOther = vm !== undefined && vm.priority !== incarnation.priority
  if (incarnation.specPriority !== spec.priority || isOther) {
    const priority = incarnation.specPriority === spec.priority ? incarnation.priority : spec.priority
    const message = `It is to be ${kindOf(priority)}; it is rebuilt from the same disk.`
    return {
      step: { do: 'BeginIncarnation', priority, reason: 'PriorityChanged' },
      because: { reason: 'PriorityChanged', message },
      requeueAfterSeconds: 0,
    }
  }

  if (vm !== undefined && vm.size.toLowerCase() !== spec.size.toLowerCase()) {
    // What is started anew anyway tries the spec's own priority again.
    const priority = vm.powerState === 'Deallocated' ? spec.priority : incarnation.priority
    const message = `The spec's size became ${spec.size}; the machine is rebuilt from the same disk.`
    return {
      step: { do: 'BeginIncarnation', priority, reason: 'SizeChanged' },
      because: { reason: 'SizeChanged', message },
      requeueAfterSeconds: 0,
    }
  }
  return {}
}
