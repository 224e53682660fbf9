// Sees that a machine was taken away, and begins its successor. A spot machine that is deallocated although nobody
// here asked for it was evicted; a power state that Azure does not tell proves nothing. The incarnation is raised
// before the old VM is deleted, so that a late or repeated DELETE can never hit the machine that comes after.
import type { Phase, Seen, Verdict } from './decision.ts'

export const eviction: Phase = seen => {
  const { machine, observed, incarnation } = seen
  const vm = observed.virtualMachine
  if (machine.spec.powerState !== 'Running') return {}

  if (!vm) {
    // It existed, and a live read says that it does not any more.
    if (machine.status?.vmId === undefined) return {}
    return begin(
      seen,
      incarnation.priority,
      'MachineLost',
      'The machine is gone from Azure although nobody here deleted it; another is made.',
    )
  }

  if (vm.provisioningState === 'Failed' && machine.status?.vmId === undefined) return afterFailedCreate(seen)
  if (!isEvicted(seen)) return {}
  if (machine.spec.onEviction === 'Wait') {
    if (isRecorded(seen)) return {}
    const message = 'Azure took the spot machine back. It waits for spot capacity, as onEviction asks.'
    return { step: { do: 'RecordEviction' }, because: { reason: 'Evicted', message }, requeueAfterSeconds: 0 }
  }
  return begin(
    seen,
    'Regular',
    'Evicted',
    'Azure took the spot machine back; it is rebuilt on on-demand capacity from the same disk.',
  )
}

/** Deallocated spot capacity that nobody asked back: neither the spec now, nor an operation or pause of ours before. */
function isEvicted({ machine, observed }: Seen): boolean {
  const vm = observed.virtualMachine
  if (vm?.priority !== 'Spot') return false
  if (vm.powerState !== 'Deallocating' && vm.powerState !== 'Deallocated') return false
  if (machine.status?.operation?.kind === 'Deallocate') return false
  return machine.status?.powerState !== 'Deallocated' || machine.spec.onEviction === 'Wait'
}

/** An eviction that is waited out leaves the same VM: its record is the power state that was written with it. */
function isRecorded({ machine }: Seen): boolean {
  return machine.status?.powerState === 'Deallocating' || machine.status?.powerState === 'Deallocated'
}

/** A creation that failed late leaves a VM that holds disk and NIC. A successor of another name gets them back. */
function afterFailedCreate(seen: Seen): Verdict {
  return begin(
    seen,
    seen.incarnation.priority,
    'CreateFailed',
    'Azure could not create the machine; what it left is removed.',
  )
}

function begin(
  { machine }: Seen,
  priority: 'Spot' | 'Regular',
  reason: 'Evicted' | 'MachineLost' | 'CreateFailed',
  message: string,
): Verdict {
  const keepsSpot = priority === 'Spot' && machine.spec.priority === 'Spot'
  return {
    step: { do: 'BeginIncarnation', priority: keepsSpot ? 'Spot' : priority, reason },
    because: { reason, message },
    requeueAfterSeconds: 0,
  }
}
