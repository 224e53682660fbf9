// Running or deallocated, as the spec asks. "Stopped" is not enough: Azure bills a machine that is stopped but still
// holds its host (https://learn.microsoft.com/azure/virtual-machines/states-billing).
import { kindOf, type Phase, type Seen, type Verdict } from './decision.ts'

export const power: Phase = seen => {
  const { machine, observed, settings } = seen
  const vm = observed.virtualMachine
  if (!vm) return {}
  const wait = { requeueAfterSeconds: settings.operationPollSeconds }

  if (machine.spec.powerState === 'Deallocated') {
    if (vm.powerState === 'Deallocated') return {}
    const message = 'The machine is stopped and its host given back; the disks are kept.'
    const because = { reason: 'Deallocating', message }
    if (vm.powerState === 'Deallocating' || vm.powerState === 'Unknown') return { because, ...wait }
    return { because, step: { do: 'DeallocateVirtualMachine' }, ...wait }
  }

  switch (vm.powerState) {
    case 'Running':
      return {}
    case 'Stopped':
    case 'Deallocated':
      return start(seen, wait)
    case 'Stopping':
      // What stopped it has failed, as a deletion by hand may: nothing is under way that would bring it to rest.
      if (vm.provisioningState === 'Failed') return start(seen, wait)
      return waitFor(vm.powerState, wait)
    case 'Starting':
    case 'Deallocating':
    case 'Unknown':
      return waitFor(vm.powerState, wait)
    default:
      return vm.powerState satisfies never
  }
}

function waitFor(powerState: string, wait: Verdict): Verdict {
  const message = `Azure says that the machine is ${powerState.toLowerCase()}.`
  return { because: { reason: 'Starting', message }, ...wait }
}

function start({ machine, incarnation, observed }: Seen, wait: Verdict): Verdict {
  // The detour over on-demand ends where the machine is started anew: the spec's own priority is tried again.
  if (incarnation.priority !== machine.spec.priority && observed.virtualMachine?.powerState === 'Deallocated') {
    const message = `It starts anew as ${kindOf(machine.spec.priority)}, as the spec asks; it is rebuilt from the same disk.`
    return {
      step: { do: 'BeginIncarnation', priority: machine.spec.priority, reason: 'Restarted' },
      because: { reason: 'PriorityRestored', message },
      requeueAfterSeconds: 0,
    }
  }
  const because = { reason: 'Starting', message: 'The machine is started.' }
  return { step: { do: 'StartVirtualMachine' }, because, ...wait }
}
