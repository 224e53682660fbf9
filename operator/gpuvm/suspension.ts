// A suspended machine is looked at, and nothing is done to it.
import { isSuspended, SUSPEND_ANNOTATION } from '../held.ts'
import type { Seen, Verdict } from './decision.ts'

/** The verdict, less its step where the object is suspended: a deletion too waits. */
export function suspended({ machine }: Seen, verdict: Verdict): Verdict {
  const { step } = verdict
  if (step === undefined || !isSuspended(machine)) return verdict
  const message = `Nothing is done while the annotation ${SUSPEND_ANNOTATION} is set. To do: ${verdict.because?.message ?? step.do}`
  return { because: { reason: 'Suspended', message }, held: step }
}
