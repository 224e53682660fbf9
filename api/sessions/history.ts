// A player's sessions as they are shown to that player: each with its money, in one statement, and only ever their own.
import { aliased } from '../../lib/database/columns.ts'
import type { Queries } from '../../lib/database/pool.ts'
import { priceWithin } from '../wallet/price.ts'
import { type SessionState, stateOf } from './commands.ts'
import { playedSeconds, type Session, type SessionRow, sessionColumns, sessionOf } from './session.ts'

export interface SessionRecord {
  session: Session
  state: SessionState | 'Ended'
  ratePaisePerHour: bigint
  paidSeconds: bigint
  /** Until now; the open interval included. */
  playedSeconds: bigint
  /** What that costs; what was charged, once it has ended. */
  costPaise: bigint
}

interface RecordRow extends SessionRow {
  rate_paise_per_hour: bigint
  paid_seconds: bigint
  charged_paise: bigint
}

/** `undefined` when there is none of this id, or it is another's: the two cannot be told apart. */
export async function sessionRecord(
  queries: Queries,
  { playerId, sessionId, now }: { playerId: string; sessionId: string; now: Date },
): Promise<SessionRecord | undefined> {
  const [row] = await queries<RecordRow[]>`
    SELECT ${queries(aliased('session', sessionColumns))}, hold.rate_paise_per_hour, hold.paid_seconds, hold.charged_paise
    FROM sessions session JOIN wallet_holds hold ON hold.session_id = session.id
    WHERE session.id = ${sessionId} AND session.player_id = ${playerId}`
  return row && recordOf(row, now)
}

/** A page, the newest first. `before` is the id that the page before ended with. */
export async function sessionRecords(
  queries: Queries,
  page: { playerId: string; before: string | undefined; limit: number; now: Date },
): Promise<SessionRecord[]> {
  const { playerId, before, limit, now } = page
  const rows = await queries<RecordRow[]>`
    SELECT ${queries(aliased('session', sessionColumns))}, hold.rate_paise_per_hour, hold.paid_seconds, hold.charged_paise
    FROM sessions session JOIN wallet_holds hold ON hold.session_id = session.id
    WHERE session.player_id = ${playerId} AND (${before ?? null}::text IS NULL OR session.id < ${before ?? null})
    ORDER BY session.id DESC LIMIT ${limit}`
  return rows.map(row => recordOf(row, now))
}

function recordOf(row: RecordRow, now: Date): SessionRecord {
  const session = sessionOf(row)
  const { rate_paise_per_hour: ratePaisePerHour, paid_seconds: paidSeconds, charged_paise: chargedPaise } = row
  const isOver = session.endedAt !== undefined
  const played = isOver ? session.seen.seconds : playedSeconds(session.seen, now)
  return {
    session,
    state: isOver ? 'Ended' : stateOf(session),
    ratePaisePerHour,
    paidSeconds,
    playedSeconds: played,
    costPaise: isOver ? chargedPaise : priceWithin({ ratePaisePerHour, playedSeconds: played, paidSeconds }),
  }
}
