// What of a session's status cannot be true, whoever wrote it. A process that finds an object for the first time has
// nothing to hold it against but time itself: nobody has played for longer than the session exists, nobody plays since
// tomorrow, and nothing has ended for no reason. While it runs, what it wrote itself is what it believes
// (operator/status-record.ts).
import { isDeepStrictEqual } from 'node:util'
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import { secondsBetween } from './decision.ts'

/** Two operators' clocks may differ by so much. */
const SKEW_SECONDS = 60

type Status = GameSessionStatus

/** The same session when all of it can be true. */
export function plausibleSession(session: GameSession, now: Date): GameSession {
  const { status, metadata } = session
  if (status === undefined) return session
  // A backup may bring an old status to a new object; it tells when it was first played.
  const times = [metadata.creationTimestamp, status.readyAt].flatMap(time =>
    time === undefined ? [] : Date.parse(time),
  )
  const existedSeconds = Math.max(0, Math.ceil((now.getTime() - Math.min(...times)) / 1000)) + SKEW_SECONDS
  const { billing, endedAt, ...rest } = status
  const next: Status = {
    ...rest,
    ...(billing && { billing: plausibleBilling(status, { billing, existedSeconds, now }) }),
    ...(endedAt !== undefined && status.endReason !== undefined && { endedAt }),
  }
  return isDeepStrictEqual(next, status) ? session : { ...session, status: next }
}

function plausibleBilling(
  { endReason }: Status,
  { billing, existedSeconds, now }: { billing: NonNullable<Status['billing']>; existedSeconds: number; now: Date },
): NonNullable<Status['billing']> {
  const { since, final, seconds } = billing
  const openSeconds = since === undefined ? 0 : secondsBetween({ from: since, to: now })
  const isOpen = since !== undefined && openSeconds >= -SKEW_SECONDS && openSeconds <= existedSeconds && final !== true
  const rest = existedSeconds - Math.max(0, isOpen ? openSeconds : 0)
  return {
    ...(seconds !== undefined && { seconds: Math.min(seconds, Math.floor(rest)) }),
    ...(isOpen && { since }),
    ...(final !== undefined && endReason !== undefined && { final }),
  }
}
