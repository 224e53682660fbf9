// What Azure's last refusal means now: fall back in place, wait a while, or leave it to a person. A refusal stands
// until something has succeeded after it, or the spec has changed.
import type { Decision } from '../azure/decisions.ts'
import { reasonOf } from '../azure/errors.ts'
import { isTurnedAway } from '../azure/reach.ts'
import { isOfTags } from '../beside.ts'
import { ABANDON_ANNOTATION, isToBeAbandoned } from '../held.ts'
import {
  type Explanation,
  isLeaving,
  type LastError,
  type Phase,
  type Seen,
  type Stall,
  type Step,
  scaled,
  type Verdict,
} from './decision.ts'
import { decisionOn, holdsUpNothing, isOfRemoval, lateFailure, onRecord } from './last-error.ts'
import { isStillSick } from './sickness.ts'

/** Seconds until what was refused for want of capacity is asked for again. */
const REFUSED_SECONDS = 60
/** Until what only a person can mend is tried again. */
const STALLED_SECONDS = 300
/** Until what failed on Azure's side, late, is tried again. */
const FAILED_SECONDS = 30
/**
 * For so long it is tried again what nobody knows, or what Azure fails on its side: after 30 s, a minute, two, four, eight.
 * Then it is a person's, and tried only every five minutes.
 */
const TRIED_SECONDS = 900
/** The longest wait for what Azure is busy with, while that is no person's yet. */
const BUSY_SECONDS = 60

export interface Refusal {
  decision: Decision
  code: string
  message: string
  at: Date
  /** Since when Azure has answered with this code, or one like it, and nothing else. */
  since: Date
  /** What was refused; `undefined` where the VM alone says that it has failed. */
  step: string | undefined
}

export const refusal: Phase = seen => {
  const standing = standingRefusal(seen)
  if (!standing || !isInTheWay(standing, seen)) return {}
  if (mayFallBack(seen, standing)) {
    const message = 'Azure has no spot capacity for it now; it is rebuilt as an on-demand machine from the same disk.'
    return {
      step: { do: 'BeginIncarnation', priority: 'Regular', reason: 'CapacityRefused' },
      because: { reason: 'FallingBack', message },
      requeueAfterSeconds: 0,
    }
  }
  const requeueAfterSeconds = leftSeconds(standing, seen)
  return requeueAfterSeconds > 0 ? { ...told(standing, seen), requeueAfterSeconds } : {}
}

/** Whether it holds up what comes after it; the refused step itself is held back by `patient`, wherever it is decided. */
function isInTheWay(standing: Refusal, seen: Seen): boolean {
  const { machine, observed } = seen
  // Nothing but a refusal to stop it keeps a machine from its rest; one that runs has outlived its refusals.
  if (machine.spec.powerState === 'Deallocated' || observed.virtualMachine?.powerState === 'Running') return false
  // What could not be removed holds up its own removal, and what comes after that by standing in its way.
  return !isOfRemoval(standing) && !holdsUpNothing(standing, seen)
}

/**
 * The verdict, less a step that Azure has refused, at once or late, and that it is too soon to ask for again. A person
 * who lets the object go is not kept waiting where that lets it go: where Azure turns us away it is asked once more. Tags
 * are not asked for while two other things stand refused: there is no room on record for a third, and it would be at once.
 */
export function patient(seen: Seen, verdict: Verdict): Verdict {
  const { step } = verdict
  const crowd = step?.do === 'Retag' ? standingRefusals(seen).filter(one => !isOfTags(one)) : []
  const [first] = crowd
  if (first && new Set(crowd.map(one => one.step)).size > 1)
    return { ...told(first, seen), requeueAfterSeconds: scaled(REFUSED_SECONDS, seen.settings) }
  const standing = step && standingRefusals(seen).find(refused => refused.step === step.do)
  if (standing === undefined || (isToBeAbandoned(seen.machine) && isTurnedAway(standing))) return verdict
  const requeueAfterSeconds = leftSeconds(standing, seen)
  if (requeueAfterSeconds <= 0) return verdict
  return { ...remediable(seen, standing, verdict), requeueAfterSeconds }
}

function leftSeconds(standing: Refusal, seen: Seen): number {
  return patienceSeconds(standing, seen) - (seen.now.getTime() - standing.at.getTime()) / 1000
}

const ofCapacity: string[] = ['CreateVirtualMachine', 'StartVirtualMachine', 'RedeployVirtualMachine']

/**
 * What stands refused of the way to what is asked for, else of a removal; `undefined` when nothing is, or the spec or the
 * catalogue has changed since.
 */
export function standingRefusal(seen: Seen): Refusal | undefined {
  const standing = standingRefusals(seen)
  const ofWay = standing.filter(refused => !isOfRemoval(refused))
  return ofWay.find(refused => !isOfTags(refused)) ?? ofWay[0] ?? standing[0]
}

/** Whether this very step stands refused, whether or not it is too soon to ask for it again. */
export function isRefused(seen: Seen, step: Step['do']): boolean {
  return standingRefusals(seen).some(refused => refused.step === step)
}

/** All that stands refused, the latest of each kind first. */
function standingRefusals(seen: Seen): Refusal[] {
  return [lateFailure(seen), ...onRecord(seen.machine)]
    .filter(error => error !== undefined)
    .map(refusalOf)
    .filter(refused => !isMendedSince(refused, seen) && !isOutlived(refused, seen))
}

/** Another host is asked for in a silence of a machine that runs; stopped, it is started, whatever was refused of that. */
function isOutlived({ step, at }: Refusal, seen: Seen): boolean {
  return step === 'RedeployVirtualMachine' && at < seen.now && seen.observed.sight === 'Whole' && !isStillSick(seen)
}

/** What a person has to mend may be mended by the catalogue that came after; it is asked for at once. */
function isMendedSince({ decision, at }: Refusal, { configuredAt }: Seen): boolean {
  return (decision.do === 'Stall' || decision.do === 'TryAWhile') && at < configuredAt
}

function refusalOf(error: LastError): Refusal {
  const { code, message, at, since, step } = error
  return { decision: decisionOn(error), code, message, at: new Date(at ?? 0), since: new Date(since ?? at ?? 0), step }
}

/**
 * Somebody has played on this disk and spot is refused: the spec lets it go on on-demand, in the same place. What was
 * refused of address, interface or group would be refused of an on-demand machine's, too.
 */
export function mayFallBack({ machine, incarnation }: Seen, refusal: Refusal | undefined): boolean {
  const { spec, status } = machine
  const wasPlayed = status?.stream !== undefined
  const isWanted = spec.powerState === 'Running' && spec.onEviction === 'Regular'
  const isOfMachine = refusal?.step === undefined || ofCapacity.includes(refusal.step)
  return wasPlayed && isWanted && incarnation.priority === 'Spot' && refusal?.decision.do === 'Refused' && isOfMachine
}

/** Capacity that is not to be had, in the words by which a session looks for another place. */
export function refusedExplanation(refusal: Refusal | undefined, seen: Seen): Explanation | undefined {
  return refusal?.decision.do === 'Refused' ? told(refusal, seen).because : undefined
}

/** What a refusal comes to that has just been heard; the verdict's own words give way to Azure's. */
export function refusedVerdict(seen: Seen, verdict: Verdict, error: LastError): Verdict {
  const { step } = verdict
  const standing = refusalOf(error)
  const fallsBack = mayFallBack(seen, standing) && isInTheWay(standing, seen)
  const requeueAfterSeconds = fallsBack ? 0 : patienceSeconds(standing, seen)
  return { ...(step && { step }), ...remediable(seen, standing, verdict), requeueAfterSeconds }
}

/** What an object that is to go can do without Azure. */
export const LET_GO = `Should it never be possible again, annotate the object with ${ABANDON_ANNOTATION}= to let it go and leave behind what Azure holds.`

/** A person may let go of what Azure deals with no more, not of what it merely does not give up. */
function remediable(seen: Seen, standing: Refusal, { because }: Verdict): Verdict {
  const verdict = told(standing, seen)
  const { stalled } = verdict
  // By want of capacity a session looks elsewhere: a removal's trouble is told beside it, and not in its place.
  const way = isOfRemoval(standing) ? standingRefusal(seen) : undefined
  if (way && !isOfRemoval(way) && because?.reason === 'CapacityRefused') {
    const { message = '' } = stalled ?? verdict.because ?? {}
    return { because: { ...because, message: `${because.message} ${message}` } }
  }
  if (stalled === undefined || !isLeaving(seen.machine) || !isTurnedAway(standing)) return verdict
  return { ...verdict, stalled: { ...stalled, message: `${stalled.message} ${LET_GO}` } }
}

/** What only a person can mend of an answer that is on record; `undefined` when that is not so, or not yet. */
export function stallOf(error: LastError, seen: Seen): Stall | undefined {
  return told(refusalOf(error), seen).stalled
}

function told(refusal: Refusal, seen: Seen): { because?: Explanation; stalled?: Stall } {
  const { decision, code, message, step } = refusal
  const reason = reasonOf(code)
  const stalled = (remedy: string) => ({
    stalled: { reason, message: `${message} ${remedy}`, ...(step !== undefined && { step }) },
  })
  switch (decision.do) {
    case 'Stall':
      return stalled(decision.remedy)
    case 'Refused': {
      // By this word a session looks for another place, which a machine that stands does not need.
      const isOfPlace = !holdsUpNothing(refusal, seen)
      return {
        because: { reason: isOfPlace ? 'CapacityRefused' : reason, message: `Azure has none of it: ${message}` },
      }
    }
    case 'TryAWhile':
    case 'LookAgain':
    case 'Retry':
      if (isTriedLongEnough(refusal, seen)) return stalled(remedyOf(decision))
      return { because: { reason, message: `${decision.do === 'LookAgain' ? BUSY : FAILED} ${message}` } }
    default:
      return decision satisfies never
  }
}

const BUSY = 'Azure is not ready for it yet.'
const FAILED = 'Azure failed to do it; it is tried again.'

function remedyOf(decision: Decision & { do: 'TryAWhile' | 'LookAgain' | 'Retry' }): string {
  switch (decision.do) {
    case 'TryAWhile':
      return decision.remedy
    case 'LookAgain':
      return "It has been so for a quarter of an hour. The resource's activity log in the portal tells what holds it; end that."
    case 'Retry':
      return "It has been so for a quarter of an hour. See Azure's status page and the resource's activity log in the portal; open a support request if they show nothing. It is tried again every five minutes."
    default:
      return decision satisfies never
  }
}

function isTriedLongEnough({ at, since }: Refusal, { settings }: Seen): boolean {
  return at.getTime() - since.getTime() >= scaled(TRIED_SECONDS, settings) * 1000
}

/** From the refusal to the next try. */
function patienceSeconds(refusal: Refusal, seen: Seen): number {
  const { decision, at, since } = refusal
  const { settings } = seen
  const triedSeconds = (at.getTime() - since.getTime()) / 1000
  switch (decision.do) {
    case 'Stall':
      return scaled(STALLED_SECONDS, settings)
    case 'Refused':
      return scaled(REFUSED_SECONDS, settings)
    case 'LookAgain':
      if (isTriedLongEnough(refusal, seen)) return scaled(STALLED_SECONDS, settings)
      return Math.max(
        scaled(decision.afterSeconds, settings),
        Math.min(triedSeconds / 2, scaled(BUSY_SECONDS, settings)),
      )
    case 'Retry':
    case 'TryAWhile':
      if (isTriedLongEnough(refusal, seen)) return scaled(STALLED_SECONDS, settings)
      return Math.max(scaled(FAILED_SECONDS, settings), triedSeconds)
    default:
      return decision satisfies never
  }
}
