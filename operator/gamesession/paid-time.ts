// Ends a session whose paid seconds, or whose longest permitted time, are played. Asks nobody: the object says it all.
import { closedBefore, grantedSeconds, playedSeconds } from './billing.ts'
import {
  type EndReason,
  isEnding,
  isToRun,
  machineOf,
  type Phase,
  type Seen,
  secondsBetween,
  type Verdict,
} from './decision.ts'
import { explain } from './ending.ts'
import { restlessSince } from './machine.ts'

export const paidTime: Phase = seen => {
  const { session, billing, now, settings } = seen
  if (!isToRun(session)) return restless(seen)
  if (billing.since === undefined) return {}
  const { paidSeconds, maxDurationSeconds } = session.spec
  const played = playedSeconds(billing, now)

  const limits = [
    ...(paidSeconds === undefined
      ? [] // Not metered: an SRE runs it by hand.
      : [{ reason: 'PaidTimeUsed' as const, leftSeconds: grantedSeconds(session, settings) - played }]),
    ...(maxDurationSeconds === undefined
      ? []
      : [{ reason: 'MaxDurationReached' as const, leftSeconds: maxDurationSeconds - played }]),
  ]
  const first = limits.toSorted((one, other) => one.leftSeconds - other.leftSeconds)[0]
  return first === undefined ? {} : endIn(first)
}

/**
 * Paused, nothing is billed; but a machine that Azure refuses to stop costs on. It may for as long as its player's money
 * would have lasted, and is then given back like any other: that may be permitted where a stop is not.
 */
function restless(seen: Seen): Verdict {
  const { session, billing, now, settings } = seen
  const machine = machineOf(seen)
  const refusedSince = machine && restlessSince(machine)
  if (refusedSince === undefined || isEnding(session) || session.spec.paidSeconds === undefined) return {}
  // Since the end of play, whatever Azure has said in between.
  const restlessSeconds = secondsBetween({ from: closedBefore(session) ?? refusedSince, to: now })
  const leftSeconds = grantedSeconds(session, settings) - playedSeconds(billing, now) - restlessSeconds
  return endIn({ reason: 'PauseRefused', leftSeconds })
}

function endIn({ reason, leftSeconds }: { reason: EndReason; leftSeconds: number }): Verdict {
  if (leftSeconds > 0) return { requeueAfterSeconds: leftSeconds, isUrgent: true }
  // The machine is given back at once: it must not wait for its turn behind whatever else happens.
  return { step: { do: 'End', ...explain(reason) }, requeueAfterSeconds: 0, isUrgent: true }
}
