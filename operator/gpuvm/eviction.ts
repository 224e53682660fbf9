// Sees that a spot machine was taken back, and begins its successor. One that is deallocated although nobody here
// asked for it was evicted; a power state that Azure does not tell proves nothing. The incarnation is raised before the
// old VM is deleted, so that a late or repeated DELETE can never hit the machine that comes after.
//
// One that a person or a policy has deallocated is told apart by Azure's time of the last operation that somebody asked
// for: an eviction does not move it (https://learn.microsoft.com/azure/virtual-machines/states-billing says that the
// provisioning state is the user's operations'). It is no eviction: the spec asks for a running machine, which is
// started again as it was. Where Azure's own note on the machine is to be had (Resource Health, minutes late), it rules
// over the times; what looks like a person's doing waits a moment for it, what looks like an eviction does not.
//
// That we asked is on record before anything can be seen of it: `status.operation` says `Deallocate` from before the
// call until it has ended, `status.powerState` says `Deallocated` from then until the machine runs again.
import { lookSeconds, type Phase, type Seen, scaled } from './decision.ts'

/** Its sight is not on record yet: who stopped it is to be decided on. */
export const STOP_UNCLEAR = 'StopUnclear'
/** Until the next look for Azure's note on a machine. */
const NOTE_SECONDS = 2

export const eviction: Phase = seen => {
  const { machine } = seen
  if (machine.spec.powerState !== 'Running' || !isTakenAway(seen)) return {}
  const stopper = stopperOf(seen)
  if (stopper === 'Others') return {}
  if (stopper === 'Unclear') {
    const message = 'The machine stands still; Azure is asked whether it was taken back or stopped by somebody.'
    return { because: { reason: STOP_UNCLEAR, message }, requeueAfterSeconds: scaled(NOTE_SECONDS, seen.settings) }
  }
  if (machine.spec.onEviction === 'Wait') {
    const message = 'Azure took the spot machine back. It waits for spot capacity, as onEviction asks.'
    return { step: { do: 'RecordEviction' }, because: { reason: 'Evicted', message }, requeueAfterSeconds: 0 }
  }
  const message = 'Azure took the spot machine back; it is rebuilt as an on-demand machine from the same disk.'
  // Until Azure is done with it nothing can follow; the list of the fleet shows that, in one read for all.
  const isUnderWay = seen.observed.virtualMachine?.powerState === 'Deallocating'
  return {
    step: { do: 'BeginIncarnation', priority: 'Regular', reason: 'Evicted' },
    because: { reason: 'Evicted', message },
    requeueAfterSeconds: isUnderWay ? lookSeconds(seen.settings, seen.operations) : 0,
  }
}

/** Deallocated, or about to be, and on record as neither: what is on record was recorded by us, or seen already. */
function isTakenAway({ machine, observed }: Seen): boolean {
  const { virtualMachine: vm } = observed
  const { operation, powerState } = machine.status ?? {}
  if (vm?.priority !== 'Spot' || !isStopping(vm.powerState)) return false
  if (operation?.kind === 'Deallocate') return false
  // A start that Azure refused late leaves it where it was: that is want of capacity, and no second eviction.
  const isRefused = vm.provisioningState === 'Failed' || observed.operation?.is === 'Failed'
  if (powerState === 'Starting' && isRefused) return false
  return powerState !== 'Deallocated' && !(machine.spec.onEviction === 'Wait' && isStopping(powerState))
}

/** Whether somebody other than us and Azure itself has stopped what was to run; seen in one pass, and then on record. */
export function isStoppedByOthers(seen: Seen): boolean {
  return stopperOf(seen) === 'Others'
}

/** `Unclear` only for as long as Azure has not been asked for its note. */
function stopperOf(seen: Seen): 'Azure' | 'Others' | 'Unclear' {
  const { machine, observed } = seen
  const { noted, virtualMachine: vm } = observed
  const runningSince = new Date(machine.status?.provisionedAt ?? Number.NaN)
  const note = typeof noted === 'object' && noted.at >= runningSince ? noted.name : undefined
  if (note === 'VirtualMachinePreempted' || vm?.powerState !== 'Deallocated' || !isUnasked(seen)) return 'Azure'
  if (note === 'VirtualMachineDeallocationInitiated') return 'Others'
  if (!isTimedByOthers(seen)) return 'Azure'
  return noted === 'Pending' ? 'Unclear' : 'Others'
}

function isUnasked({ machine }: Seen): boolean {
  const { powerState, operation } = machine.status ?? {}
  return machine.spec.powerState === 'Running' && operation === undefined && powerState !== 'Deallocated'
}

/** By Azure's time of the last operation that somebody asked for. */
function isTimedByOthers({ machine, observed, incarnation }: Seen): boolean {
  const { provisionedAt, guest } = machine.status ?? {}
  const { virtualMachine: vm } = observed
  if (vm?.provisionedAt === undefined || provisionedAt === undefined) return false
  const wasNoticed = guest?.incarnation === incarnation.number && guest.preemptAt !== undefined
  return !wasNoticed && vm.provisionedAt > new Date(provisionedAt)
}

function isStopping(powerState: string | undefined): boolean {
  return powerState === 'Deallocating' || powerState === 'Deallocated'
}
