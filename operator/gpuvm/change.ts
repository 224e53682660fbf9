// A change of mind about size, zone or priority: Azure allows none on a running machine, so a successor is begun on the
// same disk. After an eviction the incarnation's priority rules until somebody changes the spec's.
import type { VirtualMachineSeen } from '../azure/provider.ts'
import { kindOf, type Phase, type Seen, type Verdict } from './decision.ts'

export const change: Phase = seen => {
  const { machine, observed, incarnation } = seen
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

  if (vm === undefined) return {}
  if (vm.size.toLowerCase() !== spec.size.toLowerCase()) {
    return rebuilt(seen, vm, { reason: 'SizeChanged', what: `The spec's size became ${spec.size}` })
  }
  // Without a zone in the spec it may stand in any; and none can be added to a machine that was made without.
  if (spec.zone !== undefined && vm.zone !== spec.zone) {
    return rebuilt(seen, vm, { reason: 'ZoneChanged', what: `The spec's zone became ${spec.zone}` })
  }
  return {}
}

function rebuilt(
  { machine, incarnation }: Seen,
  vm: VirtualMachineSeen,
  { reason, what }: { reason: 'SizeChanged' | 'ZoneChanged'; what: string },
): Verdict {
  // What is started anew anyway tries the spec's own priority again.
  const priority = vm.powerState === 'Deallocated' ? machine.spec.priority : incarnation.priority
  return {
    step: { do: 'BeginIncarnation', priority, reason },
    because: { reason, message: `${what}; the machine is rebuilt from the same disk.` },
    requeueAfterSeconds: 0,
  }
}
