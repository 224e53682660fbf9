// What Azure's last refusal means now: fall back in place, wait a while, or leave it to a person. A refusal stands
// until something has succeeded after it, or the spec has changed.
import { type Decision, decideOn } from '../azure/decisions.ts'
import { AzureError, OPERATION_FAILED } from '../azure/errors.ts'
import { type Explanation, type LastError, type Phase, type Seen, scaled, type Verdict } from './decision.ts'

/** Seconds until what was refused for want of capacity is asked for again. */
const REFUSED_SECONDS = 60
/** Until what only a person can mend is tried again. */
const STALLED_SECONDS = 300
/** Until what failed on Azure's side, late, is tried again. */
const FAILED_SECONDS = 30
/** A status holds no longer text (its schema's limit). */
const MESSAGE_CHARACTERS = 4096

export interface Refusal {
  decision: Decision
  code: string
  message: string
  at: Date
}

export const refusal: Phase = seen => {
  const standing = standingRefusal(seen)
  if (!standing || isAsAsked(seen)) return {}
  if (mayFallBack(seen, standing)) {
    const message = 'Azure has no spot capacity for it now; it is rebuilt on on-demand capacity from the same disk.'
    return {
      step: { do: 'BeginIncarnation', priority: 'Regular', reason: 'CapacityRefused' },
      because: { reason: 'FallingBack', message },
      requeueAfterSeconds: 0,
    }
  }
  const untilMilliseconds = standing.at.getTime() + patienceSeconds(standing.decision, seen) * 1000
  const leftSeconds = (untilMilliseconds - seen.now.getTime()) / 1000
  return leftSeconds > 0 ? { ...told(standing), requeueAfterSeconds: leftSeconds } : {}
}

/** What stands refused; `undefined` when nothing is, or the spec has changed since. */
export function standingRefusal(seen: Seen): Refusal | undefined {
  const { status, metadata } = seen.machine
  const onRecord = status?.observedGeneration === metadata.generation ? status?.lastError : undefined
  const error = lateFailure(seen) ?? onRecord
  if (!error) return undefined
  const { code, message, at } = error
  return { decision: decisionOn(error), code, message, at: new Date(at ?? 0) }
}

/**
 * What this pass sees for the first time to have failed late: by the operation's poller, or by the VM's own word where
 * the poller was lost.
 */
export function lateFailure({ machine, observed, now }: Seen): LastError | undefined {
  if (observed.operation?.is === 'Failed') return lastError(observed.operation, now)
  const vm = observed.virtualMachine
  if (vm?.provisioningState !== 'Failed' || vm.powerState === 'Running') return undefined
  const unexplained = { code: OPERATION_FAILED, message: 'Azure says that provisioning failed, and does not say why.' }
  const failure = lastError(vm.failure ?? unexplained, now)
  const known = machine.status?.lastError
  return known?.code === failure.code && known.message === failure.message ? undefined : failure
}

/** As it goes on record. */
export function lastError({ code, message }: { code: string; message: string }, at: Date): LastError {
  const text = message.slice(0, MESSAGE_CHARACTERS)
  const { do: decided } = decisionOn({ code, message: text })
  return { code: code.slice(0, 128), message: text, retryable: decided !== 'Stall', at: at.toISOString() }
}

/**
 * The decision on what is on record. Silence and throttling never get there, so whatever does is an answer: a code
 * that nobody knows stalls, though it came late and without an HTTP status.
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
export function refusedExplanation(refusal: Refusal | undefined): Explanation | undefined {
  return refusal?.decision.do === 'Refused' ? told(refusal).because : undefined
}

/** What a refusal comes to that has just been heard; the verdict's own words give way to Azure's. */
export function refusedVerdict(seen: Seen, { step }: Verdict, error: LastError): Verdict {
  const { code, message } = error
  const standing = { decision: decisionOn(error), code, message, at: seen.now }
  const requeueAfterSeconds = mayFallBack(seen, standing) ? 0 : patienceSeconds(standing.decision, seen)
  return { ...(step && { step }), ...told(standing), requeueAfterSeconds }
}

function told({ decision, code, message }: Refusal): { because?: Explanation; stalled?: Explanation } {
  switch (decision.do) {
    case 'Stall':
      return { stalled: { reason: reasonOf(code), message: `${message} ${decision.remedy}` } }
    case 'Refused':
      return { because: { reason: 'CapacityRefused', message: `Azure has none of it: ${message}` } }
    case 'LookAgain':
    case 'Retry':
      return { because: { reason: reasonOf(code), message: `Azure failed to do it; it is tried again. ${message}` } }
    default:
      return decision satisfies never
  }
}

function patienceSeconds(decision: Decision, { settings }: Seen): number {
  switch (decision.do) {
    case 'Stall':
      return scaled(STALLED_SECONDS, settings)
    case 'Refused':
      return scaled(REFUSED_SECONDS, settings)
    case 'LookAgain':
      return scaled(decision.afterSeconds, settings)
    case 'Retry':
      return scaled(FAILED_SECONDS, settings)
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
