// What a refusal that stands in the status means now: wait a while, fall back in place, or leave it to a person.
import { type Decision, decideOn } from '../azure/decisions.ts'
import { AzureError } from '../azure/errors.ts'
import type { Seen, Verdict } from './decision.ts'

/** A refused placement is tried again after so many polls of an operation: a minute against the real Azure. */
const REFUSED_POLLS = 15
/** What only a person can mend is tried again after so many: five minutes. */
const STALLED_POLLS = 75

/** The decision on the last refusal; `undefined` when nothing is refused, or the spec has changed since. */
export function standingRefusal({
  machine,
}: Seen): { decision: Decision; code: string; message: string; at: Date } | undefined {
  const { status, metadata } = machine
  if (status?.lastError === undefined || status.observedGeneration !== metadata.generation) return undefined
  const { code, message, at } = status.lastError
  return { decision: decideOn(new AzureError(code, message, { status: 400 })), code, message, at: new Date(at ?? 0) }
}

/** Waits while a refusal is fresh; empty when the call may be tried (again). */
export function patience(seen: Seen): Verdict {
  const refusal = standingRefusal(seen)
  if (!refusal) return {}
  const { decision, code, message } = refusal

  const polls = decision.do === 'Stall' ? STALLED_POLLS : REFUSED_POLLS
  const untilMilliseconds = refusal.at.getTime() + polls * seen.settings.operationPollSeconds * 1000
  const leftSeconds = (untilMilliseconds - seen.now.getTime()) / 1000
  if (leftSeconds <= 0) return {}
  if (decision.do === 'Stall') {
    const stalled = { reason: code, message: `${message} ${decision.remedy}` }
    return { stalled, requeueAfterSeconds: leftSeconds }
  }
  return {
    because: { reason: 'CapacityRefused', message: `Azure has none of it: ${message}` },
    requeueAfterSeconds: leftSeconds,
  }
}
