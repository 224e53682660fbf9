// Brings a session to its end: the intent is on record first, with the bill closed; then the machine is given back;
// and `Ended` is said only once the server itself no longer has the machine, whose own finalizer Azure stands behind.

import type { GameSession } from '../../crds/types/gamesession.ts'
import { isToldToEnd } from '../../crds/wished.ts'
import { hasFinalizer } from '../../lib/kube/finalizers.ts'
import { isSuspended, SUSPEND_ANNOTATION } from '../held.ts'
import {
  type EndReason,
  type Explanation,
  FINALIZER,
  isEndOfPaid,
  type Phase,
  type Seen,
  secondsBetween,
  type Verdict,
} from './decision.ts'
import { faultOf } from './machine.ts'

/** Seconds until the next look at a machine that goes; its going is watched as well. */
const LOOK_SECONDS = 30

export const ending: Phase = seen => {
  const { session, observed } = seen
  const { status, metadata } = session
  const decided = status?.endReason ?? wish(session)
  if (decided === undefined) return {}

  const { reason, message } = explain(decided)
  if (status?.endReason === undefined || status.billing?.final !== true)
    return { step: { do: 'End', reason: decided, message } }

  const waiting = { reason, message }
  // The end of paid time holds for a suspended machine too.
  const held = isEndOfPaid(status.endReason) ? observed.machines.find(isSuspended) : undefined
  if (held)
    return { waiting, step: { do: 'AnnotateMachine', machine: held, annotations: { [SUSPEND_ANNOTATION]: null } } }
  const machine = observed.machines.find(({ metadata }) => metadata.deletionTimestamp === undefined)
  if (machine) return { waiting, step: { do: 'DeleteMachine', machine } }
  if (observed.machines.length > 0 || !observed.isMachineGone)
    return { waiting, ...refused(seen, message), requeueAfterSeconds: LOOK_SECONDS }

  if (metadata.deletionTimestamp === undefined) return { ended: true, ...expiry(seen) }
  return hasFinalizer(session, FINALIZER) ? { ended: true, step: { do: 'RemoveFinalizer' } } : { ended: true }
}

/** What Azure does not take back costs on; it is asked again until it does. */
function refused({ observed }: Seen, why: string): Verdict {
  const fault = observed.machines.map(faultOf).find(each => each !== undefined)
  if (fault === undefined) return {}
  const message = `${why} Azure does not take its machine back, and what is left of it costs on: ${fault.message}`
  return { stalled: { reason: fault.reason, message } }
}

function wish(session: GameSession): EndReason | undefined {
  if (isToldToEnd(session)) return 'PlayerEnded'
  return session.metadata.deletionTimestamp === undefined ? undefined : 'Deleted'
}

function expiry({ session, now }: Seen): Verdict {
  const { ttlSecondsAfterFinished } = session.spec
  const { endedAt } = session.status ?? {}
  if (ttlSecondsAfterFinished === undefined || endedAt === undefined) return {} // Its end is only now written.
  const leftSeconds = ttlSecondsAfterFinished - secondsBetween({ from: endedAt, to: now })
  return leftSeconds > 0 ? { requeueAfterSeconds: leftSeconds } : { step: { do: 'DeleteSession' } }
}

const sentences = {
  PlayerEnded: 'The session was told to end.',
  PaidTimeUsed: 'All paid seconds are played. Top up to play again.',
  PauseRefused: 'Azure did not stop the machine for the pause, and the time that was paid for has passed since.',
  MaxDurationReached: 'The session has been played for as long as maxDurationSeconds permits.',
  Idle: 'There was no input for as long as idleTimeoutSeconds permits.',
  Disconnected: 'No client was connected for as long as disconnectGraceSeconds permits.',
  Deleted: 'The GameSession was deleted.',
  Unrecoverable: 'The machine is lost and cannot be replaced.',
  InvalidSpec: 'The spec names what the catalogue does not know.',
} as const satisfies Record<EndReason, string>

/** Why a session ends, for a person. */
export function explain(reason: EndReason): Explanation & { reason: EndReason } {
  return { reason, message: sentences[reason] }
}
