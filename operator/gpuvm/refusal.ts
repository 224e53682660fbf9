// What Azure's last refusal means now: fall back in place, wait a while, or leave it to a person. A refusal stands
// until something has succeeded after it, or the spec has changed.
import { type Decision, decideOn } from '../azure/decisions.ts'
import { AzureError, OPERATION_FAILED } from '../azure/errors.ts'
import { ABANDON_ANNOTATION } from '../held.ts'
import { type Explanation, isLeaving, type LastError, type Phase, type Seen, scaled, type Verdict } from './decision.ts'

/** Seconds until what was refused for want of capacity is asked for again. */
const REFUSED_SECONDS = 60
/** Until what only a person can mend is tried again. */
const STALLED_SECONDS = 300
/** Until what failed on Azure's side, late, is tried again. */
const FAILED_SECONDS = 30
/** For so long what nobody knows is tried again, after 30 s, a minute, two, four, eight; then it is a person's. */
const UNKNOWN_SECONDS = 900
/** A status holds no longer text (its schema's limit). */
const MESSAGE_CHARACTERS = 4096

export interface Refusal {
  decision: Decision
  code: string
  message: string
  at: Date
  /** Since when Azure has answered with this code and nothing else. */
  since: Date
}

export const refusal: Phase = seen => {
  const standing = standingRefusal(seen)
  if (!standing || isAsAsked(seen)) return {}
  if (mayFallBack(seen, standing)) {
    const message = 'Azure has no spot capacity for it now; it is rebuilt as an on-demand machine from the same disk.'
    return {
      step: { do: 'BeginIncarnation', priority: 'Regular', reason: 'CapacityRefused' },
      because: { reason: 'FallingBack', message },
      requeueAfterSeconds: 0,
    }
  }
  const leftSeconds = patienceSeconds(standing, seen) - (seen.now.getTime() - standing.at.getTime()) / 1000
  return leftSeconds > 0 ? { ...told(standing, seen), requeueAfterSeconds: leftSeconds } : {}
}

/** What stands refused; `undefined` when nothing is, or the spec or the catalogue has changed since. */
export function standingRefusal(seen: Seen): Refusal | undefined {
  const { status, metadata } = seen.machine
  const onRecord = status?.observedGeneration === metadata.generation ? status?.lastError : undefined
  const error = lateFailure(seen) ?? onRecord
  const refusal = error && refusalOf(error)
  return refusal && isMendedSince(refusal, seen) ? undefined : refusal
}

/** What a person has to mend may be mended by the catalogue that came after; it is asked for at once. */
function isMendedSince({ decision, at }: Refusal, { configuredAt }: Seen): boolean {
  return (decision.do === 'Stall' || decision.do === 'TryAWhile') && at < configuredAt
}

function refusalOf(error: LastError): Refusal {
  const { code, message, at, since } = error
  return { decision: decisionOn(error), code, message, at: new Date(at ?? 0), since: new Date(since ?? at ?? 0) }
}

/**
 * What this pass sees for the first time to have failed late: by the operation's poller, or by the VM's own word where
 * the poller was lost. The poller tells the innermost code alone; where nobody knows that one, the VM's word counts.
 */
export function lateFailure(seen: Seen): LastError | undefined {
  const { operation, virtualMachine: vm } = seen.observed
  if (operation?.is === 'Failed') {
    const isKnown = decisionOn(operation).do !== 'TryAWhile'
    return lastError(isKnown ? operation : (vm?.failure ?? operation), seen)
  }
  if (vm?.provisioningState !== 'Failed' || vm.powerState === 'Running') return undefined
  const unexplained = { code: OPERATION_FAILED, message: 'Azure says that provisioning failed, and does not say why.' }
  const failure = lastError(vm.failure ?? unexplained, seen)
  const known = seen.machine.status?.lastError
  return known?.code === failure.code && known.message === failure.message ? undefined : failure
}

/** As it goes on record. The same word again leaves it on record since when it is heard. */
export function lastError(
  { code: told, message }: { code: string; message: string },
  { machine, now }: Seen,
): LastError {
  const text = message.slice(0, MESSAGE_CHARACTERS)
  const code = told.slice(0, 128)
  const { do: decided } = decisionOn({ code, message: text })
  const known = machine.status?.lastError
  const at = now.toISOString()
  const since = (known?.code === code ? (known.since ?? known.at) : undefined) ?? at
  return { code, message: text, retryable: decided !== 'Stall', at, since }
}

/**
 * The decision on what is on record. Silence and throttling never get there, so whatever does is an answer, though it
 * came late and without an HTTP status.
 */
export function decisionOn({ code, message }: { code: string; message: string }): Decision {
  return decideOn(new AzureError(code, message, { status: 400 }))
}

/** Somebody has played on this disk and spot is refused: the spec lets it go on on-demand, in the same place. */
export function mayFallBack({ machine, incarnation }: Seen, refusal: Refusal | undefined): boolean {
  const { spec, status } = machine
  const wasPlayed = status?.stream !== undefined
  const isWanted = spec.powerState === 'Running' && spec.onEviction === 'Regular'
  return wasPlayed && isWanted && incarnation.priority === 'Spot' && refusal?.decision.do === 'Refused'
}

/** Capacity that is not to be had, in the words by which a session looks for another place. */
export function refusedExplanation(refusal: Refusal | undefined, seen: Seen): Explanation | undefined {
  return refusal?.decision.do === 'Refused' ? told(refusal, seen).because : undefined
}

/** What a refusal comes to that has just been heard; the verdict's own words give way to Azure's. */
export function refusedVerdict(seen: Seen, { step }: Verdict, error: LastError): Verdict {
  const standing = refusalOf(error)
  const requeueAfterSeconds = mayFallBack(seen, standing) ? 0 : patienceSeconds(standing, seen)
  return { ...(step && { step }), ...remediable(seen, told(standing, seen)), requeueAfterSeconds }
}

/** What an object that is to go can do without Azure. */
export const LET_GO = `Should it never be possible again, annotate the object with ${ABANDON_ANNOTATION}= to let it go and leave behind what Azure holds.`

function remediable({ machine }: Seen, verdict: Verdict): Verdict {
  const { stalled } = verdict
  if (stalled === undefined || !isLeaving(machine)) return verdict
  return { ...verdict, stalled: { ...stalled, message: `${stalled.message} ${LET_GO}` } }
}

function told(refusal: Refusal, seen: Seen): { because?: Explanation; stalled?: Explanation } {
  const { decision, code, message } = refusal
  const again = { reason: reasonOf(code), message: `Azure failed to do it; it is tried again. ${message}` }
  switch (decision.do) {
    case 'Stall':
      return { stalled: { reason: reasonOf(code), message: `${message} ${decision.remedy}` } }
    case 'Refused':
      return { because: { reason: 'CapacityRefused', message: `Azure has none of it: ${message}` } }
    case 'TryAWhile':
      if (!isTriedLongEnough(refusal, seen)) return { because: again }
      return { stalled: { reason: reasonOf(code), message: `${message} ${decision.remedy}` } }
    case 'LookAgain':
    case 'Retry':
      return { because: again }
    default:
      return decision satisfies never
  }
}

function isTriedLongEnough({ at, since }: Refusal, { settings }: Seen): boolean {
  return at.getTime() - since.getTime() >= scaled(UNKNOWN_SECONDS, settings) * 1000
}

/** From the refusal to the next try. */
function patienceSeconds(refusal: Refusal, seen: Seen): number {
  const { decision, at, since } = refusal
  const { settings } = seen
  switch (decision.do) {
    case 'Stall':
      return scaled(STALLED_SECONDS, settings)
    case 'Refused':
      return scaled(REFUSED_SECONDS, settings)
    case 'LookAgain':
      return scaled(decision.afterSeconds, settings)
    case 'Retry':
      return scaled(FAILED_SECONDS, settings)
    case 'TryAWhile':
      if (isTriedLongEnough(refusal, seen)) return scaled(STALLED_SECONDS, settings)
      return Math.max(scaled(FAILED_SECONDS, settings), (at.getTime() - since.getTime()) / 1000)
    default:
      return decision satisfies never
  }
}

/** A condition's reason is one word; Azure's codes are, but nobody promised it. */
export function reasonOf(code: string): string {
  return /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(code) ? code : 'AzureError'
}

/** A machine that runs, or rests, as it is asked to has outlived its refusals. */
function isAsAsked({ machine, observed }: Seen): boolean {
  const vm = observed.virtualMachine
  if (machine.spec.powerState === 'Deallocated') return vm === undefined || vm.powerState === 'Deallocated'
  return vm?.powerState === 'Running'
}
