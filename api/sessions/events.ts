// The changes of a session as its player would see them, in order, as the database noted them (0012_session_events.sql).
import { aliased, columnsOf } from '../../lib/database/columns.ts'
import type { Queries } from '../../lib/database/pool.ts'
import { type SessionState, stateOf } from './commands.ts'
import type { DesiredState, Told } from './session.ts'

/** Notified with the session's id in the transaction of each change. */
export const SESSION_EVENTS_CHANNEL = 'session_events'

export interface SessionEvent {
  /** Rises within a session. */
  id: bigint
  sessionId: string
  at: Date
  state: SessionState | 'Ended'
  desiredState: DesiredState
  host: string | undefined
  /** Billable seconds in closed intervals. */
  playedSeconds: bigint
  /** The start of the open interval. */
  playingSince: Date | undefined
  endReason: string | undefined
}

interface EventRow {
  id: bigint
  session_id: string
  at: Date
  desired_state: DesiredState
  phase: string | null
  told: Told
  host: string | null
  seconds: bigint
  since: Date | null
  end_reason: string | null
}

const columns = columnsOf<EventRow>()('id session_id at desired_state phase told host seconds since end_reason')

/** Those after `after`, the oldest first, at most `limit`. */
export async function sessionEvents(
  queries: Queries,
  { sessionId, after, limit }: { sessionId: string; after: bigint; limit: number },
): Promise<SessionEvent[]> {
  const rows = await queries<EventRow[]>`
    SELECT ${queries(columns)} FROM session_events WHERE session_id = ${sessionId} AND id > ${after} ORDER BY id LIMIT ${limit}`
  return rows.map(eventOf)
}

/** Of all sessions of a player, the newest first; those before the one of id `before`. */
export async function sessionEventsOfPlayer(
  queries: Queries,
  { playerId, before, limit }: { playerId: string; before: string | undefined; limit: number },
): Promise<SessionEvent[]> {
  const rows = await queries<EventRow[]>`
    SELECT ${queries(aliased('event', columns))} FROM session_events event JOIN sessions session ON session.id = event.session_id
    WHERE session.player_id = ${playerId} AND (${before ?? null}::bigint IS NULL OR event.id < ${before ?? null})
    ORDER BY event.id DESC LIMIT ${limit}`
  return rows.map(eventOf)
}

function eventOf(row: EventRow): SessionEvent {
  const since = row.since ?? undefined
  const seen = { phase: row.phase ?? undefined, since }
  return {
    id: row.id,
    sessionId: row.session_id,
    at: row.at,
    state: row.end_reason === null ? stateOf({ desiredState: row.desired_state, told: row.told, seen }) : 'Ended',
    desiredState: row.desired_state,
    host: row.host ?? undefined,
    playedSeconds: row.seconds,
    playingSince: since,
    endReason: row.end_reason ?? undefined,
  }
}

/** Days after the end of a session for which its events can be asked for. */
const EVENT_DAYS = 7

export async function forgetEvents(queries: Queries, now: Date): Promise<void> {
  await queries`
    DELETE FROM session_events USING sessions WHERE sessions.id = session_events.session_id
      AND sessions.ended_at < ${new Date(now.getTime() - EVENT_DAYS * 86_400_000)}`
}
