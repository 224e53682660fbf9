// Ends a session whose paid seconds, or whose longest permitted time, are played. Asks nobody: the object says it all.
import { grantedSeconds, playedSeconds } from './billing.ts'
import { isToRun, type Phase } from './decision.ts'
import { explain } from './ending.ts'

export const paidTime: Phase = ({ session, billing, now, settings }) => {
  if (!isToRun(session) || billing.since === undefined) return {}
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
  if (first === undefined) return {}
  if (first.leftSeconds > 0) return { requeueAfterSeconds: first.leftSeconds, isUrgent: true }
  // The machine is given back at once: it must not wait for its turn behind whatever else happens.
  return { step: { do: 'End', ...explain(first.reason) }, requeueAfterSeconds: 0, isUrgent: true }
}
