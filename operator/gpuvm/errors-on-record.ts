// Which of Azure's refusals stand on the status. What was refused of a creation stands until it is had, or something else is
// asked for: what then comes in the way of a removal is kept beside it. Else the place that was refused would be asked again
// as soon as the remains of the last try are gone, and whoever looks for another place would not know why. So are the rules of
// a machine that stands, and the tags of one that was taken up: they and its other host, both refused, would be asked for in
// turn, and at once. Each of these is had when the machine shows it, whatever else is refused.
import { isOfNetwork, isOfTags } from '../beside.ts'
import { isTagged } from './adoption.ts'
import { removableSnapshots } from './copying.ts'
import { isLeaving, type LastError, type Seen, type Step, type Verdict } from './decision.ts'
import { holdsUpNothing, isOfRemoval, lateFailure, onRecord } from './last-error.ts'
import { network } from './network.ts'
import { isStillSick } from './sickness.ts'
import type { Outcome } from './status.ts'

export interface OnRecord {
  lastError?: LastError | undefined
  otherError?: LastError | undefined
}

export function errorsOf(seen: Seen, { step }: Verdict, outcome: Outcome): OnRecord {
  // A new plan wipes the slate, but for the one that was made because of the error.
  if (step?.do === 'BeginIncarnation' && step.reason !== 'CreateFailed') return {}
  const fresh = outcome.refused ?? outcome.busy ?? lateFailure(seen)
  if (fresh && isLeaving(seen.machine)) return { lastError: fresh }

  const known = onRecord(seen.machine).filter(error => stands(error, seen))
  return ranked(seen, fresh ? [fresh, ...known] : known)
}

/** The latest of each kind; first what stands in the way to what is asked for. */
function ranked(seen: Seen, errors: LastError[]): OnRecord {
  const [lastError, otherError] = (['Way', 'Rules', 'Removal', 'Tags'] as const)
    .map(kind => errors.find(error => kindOf(error, seen) === kind))
    .filter(error => error !== undefined)
  return { lastError, otherError }
}

function kindOf(error: LastError, seen: Seen): 'Way' | 'Rules' | 'Removal' | 'Tags' {
  if (isOfTags(error)) return 'Tags'
  if (isOfRemoval(error)) return 'Removal'
  return holdsUpNothing(error, seen) ? 'Rules' : 'Way'
}

/**
 * By what is seen, whatever is decided: a pass that has nothing to do about a refusal, for a moment that Azure says less
 * than usual, is no word on it; forgotten, it would be asked again at once.
 */
function stands(error: LastError, seen: Seen): boolean {
  const { machine, observed } = seen
  const { virtualMachine: vm } = observed
  if (observed.sight !== 'Whole') return true
  if (isOfTags(error)) return !isTagged(seen)
  if (isOfNetwork(error) && vm) return network(seen).because !== undefined
  if (isOfRemoval(error))
    return isLeaving(machine) || observed.predecessor !== undefined || removableSnapshots(seen).length > 0
  switch (error.step) {
    case 'RedeployVirtualMachine' satisfies Step['do']:
      return isStillSick(seen)
    case 'DeallocateVirtualMachine' satisfies Step['do']:
      return isToRest(machine) && vm !== undefined && vm.powerState !== 'Deallocated'
    case undefined: // The machine's own word.
      if (vm?.provisioningState === 'Failed' && vm.powerState !== 'Running') return true
      break
    default:
      break
  }
  // A machine that runs has outlived what was refused of its start, and one that is to rest asks for none.
  return !isToRest(machine) && !isLeaving(machine) && vm?.powerState !== 'Running'
}

function isToRest({ spec }: Seen['machine']): boolean {
  return spec.powerState === 'Deallocated'
}
