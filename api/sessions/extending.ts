// A top-up reaches the session that runs, in the top-up's own transaction: who pays in the last second plays on.
import { aliased } from '../../lib/database/columns.ts'
import type { Transaction } from '../../lib/database/pool.ts'
import { enqueue } from '../queue/queue.ts'
import { growHold, holdOf } from '../wallet/holds.ts'
import { playedSeconds, type Session, type SessionRow, sessionColumns, sessionOf } from './session.ts'

/** Seconds of play that a top-up secures at once, where it reaches that far. From there on the meter does. */
export const SECURED_SECONDS = 900n

/**
 * Locks the active sessions of these players, in one order, as must be done before a wallet is touched; their meters look at
 * once.
 */
export async function sessionsToExtend(
  transaction: Transaction,
  { playerIds, now }: { playerIds: readonly string[]; now: Date },
): Promise<Session[]> {
  if (playerIds.length === 0) return []
  const rows = await transaction<SessionRow[]>`
    WITH active AS MATERIALIZED (
      SELECT id FROM sessions WHERE player_id = ANY(${[...playerIds]}::text[]) AND ended_at IS NULL ORDER BY id FOR UPDATE
    )
    UPDATE sessions SET meter_at = ${now} FROM active WHERE sessions.id = active.id
    RETURNING ${transaction(aliased('sessions', sessionColumns))}`
  return rows.map(sessionOf)
}

/** Once the money is in the wallet: grows the hold when it does not reach far, and tells the cluster. */
export async function extend(
  transaction: Transaction,
  { session, now }: { session: Session; now: Date },
): Promise<void> {
  const { id: sessionId, playerId, seen, desiredState } = session
  const hold = await holdOf(transaction, sessionId)
  if (!hold || hold.isReleased || desiredState === 'Ended') return
  const played = playedSeconds(seen, now)
  if ((hold.paidSeconds - played) * 2n > SECURED_SECONDS) return // More than half of it is secured already.
  const paidSeconds = played + SECURED_SECONDS
  const { hasGrown } = await growHold(transaction, { sessionId, playerId, paidSeconds, now })
  if (hasGrown) await enqueue(transaction, 'kubernetes.session', { sessionId })
}
