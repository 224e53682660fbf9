// Running or deallocated, as the spec asks. "Stopped" is not enough: Azure bills a machine that is stopped but still
// holds its host (https://learn.microsoft.com/azure/virtual-machines/states-billing).
import { fallsBack } from './creation.ts'
import type { Phase, Seen, Verdict } from './decision.ts'
import { patience } from './refusal.ts'

export const power: Phase = seen => {
  const { machine, observed, settings } = seen
  const vm = observed.virtualMachine
  if (!vm) return {}
  const wait = { requeueAfterSeconds: settings.operationPollSeconds }

  if (machine.spec.powerState === 'Deallocated') {
    if (vm.powerState === 'Deallocated') return {}
    const because = {
      reason: 'Deallocating',
      message: 'The machine is stopped and its host given back; the disks are kept.',
    }
    if (vm.powerState === 'Deallocating' || vm.powerState === 'Unknown') return { because, ...wait }
    return { because, step: { do: 'DeallocateVirtualMachine' }, ...wait }
  }

  switch (vm.powerState) {
    case 'Running':
      return {}
    case 'Stopped':
    case 'Deallocated':
      return start(seen, wait)
    case 'Starting':
    case 'Stopping':
    case 'Deallocating':
    case 'Unknown':
      return {
        because: { reason: 'Starting', message: `Azure says that the machine is ${vm.powerState.toLowerCase()}.` },
        ...wait,
      }
    default:
      return vm.powerState satisfies never
  }
}

function start(seen: Seen, wait: Verdict): Verdict {
  const { machine, incarnation, observed } = seen
  // The detour over on-demand ends where the machine is started anew: the spec's own priority is tried again.
  if (incarnation.priority !== machine.spec.priority && observed.virtualMachine?.powerState === 'Deallocated') {
    const message = `It is rebuilt as ${machine.spec.priority} from the same disk, as the spec asks.`
    return {
      step: { do: 'BeginIncarnation', priority: machine.spec.priority, reason: 'Restarted' },
      because: { reason: 'Restarted', message },
      requeueAfterSeconds: 0,
    }
  }
  if (fallsBack(seen)) {
    const message = 'Azure has no spot capacity to start it; it is rebuilt on on-demand capacity from the same disk.'
    return {
      step: { do: 'BeginIncarnation', priority: 'Regular', reason: 'CapacityRefused' },
      because: { reason: 'CapacityRefused', message },
      requeueAfterSeconds: 0,
    }
  }
  const waiting = patience(seen)
  if (waiting.because || waiting.stalled) return waiting
  return {
    step: { do: 'StartVirtualMachine' },
    because: { reason: 'Starting', message: 'The machine is started.' },
    ...wait,
  }
}
