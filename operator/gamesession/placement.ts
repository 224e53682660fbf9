// Gives a session that has no machine the best one to be had, or says what it waits for.
import type { GpuVmSpec } from '../../crds/types/gpuvm.ts'
import { inWords } from '../capacity/explanation.ts'
import type { Candidate, Ranking, RuledOut } from '../capacity/rank.ts'
import { ASK_AGAIN_SECONDS } from './admission.ts'
import { turnOf } from './contention.ts'
import { type Explanation, isToRun, type Phase, type Seen, type Verdict } from './decision.ts'
import { machineSpec, wishOf } from './wish.ts'

/** Seconds until a look at what has no known end: a price that may come to be known, a name that may come free. */
const LOOK_SECONDS = 60
/** Seconds until Azure is asked again what it holds. */
const ASK_AZURE_SECONDS = 5
/** Seconds at least between two looks at what was refused. */
const MINIMUM_SECONDS = 1

export const placement: Phase = seen => {
  const { session, observed, catalogue } = seen
  const { ranking } = observed
  if (!isToRun(session) || observed.machines.length > 0) return {}

  const { fault } = wishOf(session, catalogue)
  if (fault) return { stalled: fault }
  const waiting = turnOf(seen)
  if (waiting) return { waiting }
  if (ranking === undefined) return {}

  if (observed.heldIn === 'Unknown') return { waiting: UNKNOWN, requeueAfterSeconds: ASK_AZURE_SECONDS }
  const place = placeFor(seen, ranking)
  if (place === undefined) return nothingToBeHad(seen, ranking)
  if (observed.notAdmitted) return { waiting: observed.notAdmitted, requeueAfterSeconds: ASK_AGAIN_SECONDS }
  const { candidate, powerState } = place
  const spec = { ...machineSpec(session, { catalogue, ranking, candidate }), powerState }
  return { step: { do: 'CreateMachine', candidate, spec } }
}

const UNKNOWN = {
  reason: 'AzureSilent',
  message: 'Azure does not tell now whether it holds what this session had before; it is asked again.',
}

/**
 * Where its disk is, if Azure holds one, whatever is to be had elsewhere: from there it can move. With nothing to be had
 * there its machine is made at rest, takes up what it had, and is then started, or moved, like any other that was paused.
 */
function placeFor(
  { session, observed: { heldIn, takenNames } }: Seen,
  { candidates, ruledOut }: Ranking,
): { candidate: Candidate; powerState: GpuVmSpec['powerState'] } | undefined {
  const isOpen = ({ region }: { region: string }) =>
    (heldIn === undefined || region === heldIn) && !takenNames.includes(machineName(session, region))
  const candidate = candidates.find(isOpen)
  if (candidate) return { candidate, powerState: 'Running' }
  const atRest = heldIn === undefined ? undefined : ruledOut.find(isOpen)
  if (atRest === undefined) return undefined
  const { region, zone, size, priority } = atRest
  const unpriced = { hourlyPriceUsd: undefined, expectedPriceUsd: undefined }
  return { candidate: { region, zone, size, priority, ...unpriced }, powerState: 'Deallocated' }
}

/** A machine's name says whose it is and where; a session has one in a region at a time. */
export function machineName({ metadata }: { metadata: { name: string } }, region: string): string {
  return `${metadata.name}-${region}`
}

/** Whoever ranks leaves out the regions whose name is taken: that is said where nothing else stands in the way. */
function nothingToBeHad({ session, observed: { takenNames } }: Seen, { candidates, ruledOut }: Ranking): Verdict {
  if (candidates.length === 0 && takenNames.length < session.spec.regions.length) return waitFor(ruledOut)
  const message = `A GpuVm of this name belongs to somebody else: ${takenNames.join(', ')}. Delete it, or create the session under another name.`
  return { waiting: { reason: 'MachineNameTaken', message }, requeueAfterSeconds: LOOK_SECONDS }
}

/** Waits until the first of these places may be asked for again. */
export function waitFor(ruledOut: readonly RuledOut[]): { waiting: Explanation; requeueAfterSeconds: number } {
  const reason = reasonOf(ruledOut)
  const message = ['Nothing is to be had now.', ...inWords(ruledOut), 'The session waits, uncharged.'].join(' ')
  const soonest = Math.min(LOOK_SECONDS, ...ruledOut.flatMap(({ leftSeconds }) => leftSeconds ?? []))
  return { waiting: { reason, message }, requeueAfterSeconds: Math.max(MINIMUM_SECONDS, soonest) }
}

/** What somebody can mend goes before what takes its time. */
function reasonOf(ruledOut: readonly RuledOut[]): string {
  const has = (...reasons: RuledOut['reason'][]) => ruledOut.some(({ reason }) => reasons.includes(reason))
  if (has('LimitReached')) return 'LimitReached'
  if (has('Queued')) return 'Queued'
  return has('AbovePriceCap', 'PriceUnknown') && !has('RefusedLately', 'QuotaUsed', 'RescueReserve', 'RegionResting')
    ? 'PriceCap'
    : 'NoCapacity'
}
