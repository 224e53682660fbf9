// What it means for the pass that Azure did not do, or did not tell, what it was asked.
import { decideOn } from '../azure/decisions.ts'
import { type AzureError, reasonOf } from '../azure/errors.ts'
import { isLeaving, type LastError, type Seen, type Step, scaled, type Verdict } from './decision.ts'
import { lastError } from './last-error.ts'
import { beside } from './phases.ts'
import { LET_GO, refusedVerdict } from './refusal.ts'
import type { Outcome } from './status.ts'

export type Hindrance = {
  code: string
  verdict: Verdict
} /** It says nothing about the machine (throttled, no answer): the same again, not before `afterSeconds` if given. */ & (
  | { is: 'Unanswered'; error: AzureError; afterSeconds: number | undefined }
  /** Azure is busy with the resource: what stands in its way is told, and looked at again. */
  | { is: 'Busy'; busy?: LastError }
  | { is: 'Refused'; refused: LastError }
)

/** Steps on a VM that was just seen: one that is gone since is no fault of the catalogue's. */
const onMachine: Step['do'][] = [
  'StartVirtualMachine',
  'RedeployVirtualMachine',
  'DeallocateVirtualMachine',
  'DeleteVirtualMachine',
]

/** Something that the call names does not exist (any more); the message names it first. */
const ABSENT = /NotFound$|^InvalidResourceReference$/

/** `isRecalled`: some of what was acted on was remembered, and not looked at. */
export function hindranceOf(error: AzureError, seen: Seen & { isRecalled?: boolean }, verdict: Verdict): Hindrance {
  const { code } = error
  const [missing = ''] = ABSENT.test(code) ? (/\/subscriptions\/\S+/i.exec(error.message) ?? []) : []
  if (seen.isRecalled && missing.toLowerCase().includes(seen.rootUid)) {
    const because = { reason: reasonOf(code), message: `What was there is looked for again. ${error.message}` }
    return { is: 'Busy', code, verdict: { ...verdict, because, requeueAfterSeconds: 0 } }
  }
  const decision = decideOn(error)
  if (decision.do === 'Retry')
    return { is: 'Unanswered', code, error, afterSeconds: decision.afterSeconds, verdict: unanswered(seen, error) }

  const step = verdict.step?.do
  const isGone = error.status === 404 && step !== undefined && onMachine.includes(step)
  if (isGone) {
    const because = { reason: reasonOf(error.code), message: `Azure is not ready for it yet. ${error.message}` }
    return { is: 'Busy', code, verdict: { ...verdict, because, requeueAfterSeconds: scaled(1, seen.settings) } }
  }
  const refused = lastError(error, seen, step)
  const told = refusedVerdict(seen, verdict, refused)
  if (decision.do === 'LookAgain') {
    const requeueAfterSeconds = Math.max(told.requeueAfterSeconds ?? 0, error.retryAfterSeconds ?? 0)
    return { is: 'Busy', code, verdict: tried(seen, verdict, { ...told, requeueAfterSeconds }), busy: refused }
  }
  return { is: 'Refused', code, verdict: tried(seen, verdict, told), refused }
}

/** The pass has taken its one step; what else is to be done is for the next. */
function tried(seen: Seen, { step }: Verdict, held: Verdict): Verdict {
  const { step: _next, ...told } = beside(seen, { step, held })
  return { ...(step && { step }), ...told }
}

/** What it leaves for the record. */
export function outcomeOf(hindrance: Hindrance): Outcome {
  if (hindrance.is === 'Refused') return { refused: hindrance.refused }
  return hindrance.is === 'Busy' && hindrance.busy ? { busy: hindrance.busy } : {}
}

/** What a silence that lasts comes to. */
function unanswered({ machine }: Seen, { code }: AzureError): Verdict {
  const remedy = isLeaving(machine) ? ` ${LET_GO}` : ''
  return {
    because: { reason: 'AzureSilent', message: `Azure does not answer (${code}); it is asked again.${remedy}` },
  }
}
