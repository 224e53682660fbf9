// A session as our books have it: what the player asked for, and what was last seen of it in Kubernetes.
import { z } from 'zod'
import { columnsOf } from '../../lib/database/columns.ts'
import type { Queries, Transaction } from '../../lib/database/pool.ts'

export type DesiredState = 'Running' | 'Paused' | 'Ended'

/** What the player was last told. */
export type Told = 'Nothing' | 'Waiting' | 'Ready' | 'Recovering' | 'Paused' | 'Failed'

const interruptionSchema = z.object({ cause: z.string(), since: z.string(), seconds: z.int().min(0).optional() })
export type Interruption = z.infer<typeof interruptionSchema>
const interruptionsSchema = z.array(interruptionSchema)

export interface Seen {
  /** The object's resourceVersion; `undefined` before it was first seen. */
  version: string | undefined
  phase: string | undefined
  host: string | undefined
  /** Billable seconds in closed intervals. */
  seconds: bigint
  /** The start of the open interval. */
  since: Date | undefined
  /** When it could first be played. */
  readyAt: Date | undefined
  interruptions: Interruption[]
}

export interface Session {
  id: string
  playerId: string
  game: string
  tier: string
  regions: string[]
  createdAt: Date
  desiredState: DesiredState
  /** Counts the player's commands. */
  command: bigint
  /** Below `command` while the newest is still to be applied. */
  commandApplied: bigint
  objectUid: string | undefined
  seen: Seen
  told: Told
  /** The beginning of the last interruption whose end the player was told of. */
  toldInterruption: string | undefined
  /** The lowest threshold of minutes left at which the player was warned. */
  toldMinutesLeft: number | undefined
  meterAt: Date
  endedAt: Date | undefined
  endReason: string | undefined
}

export interface SessionRow {
  id: string
  player_id: string
  game: string
  tier: string
  regions: string[]
  created_at: Date
  desired_state: DesiredState
  command: bigint
  command_applied: bigint
  object_uid: string | null
  seen_version: string | null
  seen_phase: string | null
  seen_host: string | null
  seen_seconds: bigint
  seen_since: Date | null
  seen_ready_at: Date | null
  seen_interruptions: unknown
  told: Told
  told_interruption: string | null
  told_minutes_left: number | null
  meter_at: Date
  ended_at: Date | null
  end_reason: string | null
}

export const sessionColumns = columnsOf<SessionRow>()(
  'id player_id game tier regions created_at desired_state command command_applied object_uid',
  'seen_version seen_phase seen_host seen_seconds seen_since seen_ready_at seen_interruptions',
  'told told_interruption told_minutes_left meter_at ended_at end_reason',
)

const OBJECT_PREFIX = 'gs-'

/** The GameSession's name in Kubernetes, derived from the id so that it can never be another's. */
export function objectNameOf(sessionId: string): string {
  return `${OBJECT_PREFIX}${sessionId}`
}

/** `undefined` when an object of this name is none of ours. */
export function sessionIdOf(objectName: string): string | undefined {
  return objectName.startsWith(OBJECT_PREFIX) ? objectName.slice(OBJECT_PREFIX.length) : undefined
}

export async function sessionById(queries: Queries, id: string): Promise<Session | undefined> {
  const [row] = await queries<SessionRow[]>`SELECT ${queries(sessionColumns)} FROM sessions WHERE id = ${id}`
  return row && sessionOf(row)
}

/** Nobody else changes it until the transaction ends. Locks go from session to wallet to hold, never back. */
export async function lockedSession(transaction: Transaction, id: string): Promise<Session | undefined> {
  const [row] = await transaction<SessionRow[]>`
    SELECT ${transaction(sessionColumns)} FROM sessions WHERE id = ${id} FOR UPDATE`
  return row && sessionOf(row)
}

export async function activeSessionOf(queries: Queries, playerId: string): Promise<Session | undefined> {
  const [row] = await queries<SessionRow[]>`
    SELECT ${queries(sessionColumns)} FROM sessions WHERE player_id = ${playerId} AND ended_at IS NULL`
  return row && sessionOf(row)
}

/** A page of the active ones, in the order of their ids. */
export async function activeSessions(queries: Queries, page: { after: string; limit: number }): Promise<Session[]> {
  const rows = await queries<SessionRow[]>`
    SELECT ${queries(sessionColumns)} FROM sessions WHERE ended_at IS NULL AND id > ${page.after} ORDER BY id LIMIT ${page.limit}`
  return rows.map(sessionOf)
}

/** Seconds of play until now, those of the open interval included. */
export function playedSeconds({ seconds, since }: Pick<Seen, 'seconds' | 'since'>, now: Date): bigint {
  if (since === undefined) return seconds
  return seconds + BigInt(Math.max(0, Math.floor((now.getTime() - since.getTime()) / 1000)))
}

export function sessionOf(row: SessionRow): Session {
  return {
    id: row.id,
    playerId: row.player_id,
    game: row.game,
    tier: row.tier,
    regions: row.regions,
    createdAt: row.created_at,
    desiredState: row.desired_state,
    command: row.command,
    commandApplied: row.command_applied,
    objectUid: row.object_uid ?? undefined,
    seen: {
      version: row.seen_version ?? undefined,
      phase: row.seen_phase ?? undefined,
      host: row.seen_host ?? undefined,
      seconds: row.seen_seconds,
      since: row.seen_since ?? undefined,
      readyAt: row.seen_ready_at ?? undefined,
      interruptions: interruptionsSchema.parse(row.seen_interruptions),
    },
    told: row.told,
    toldInterruption: row.told_interruption ?? undefined,
    toldMinutesLeft: row.told_minutes_left ?? undefined,
    meterAt: row.meter_at,
    endedAt: row.ended_at ?? undefined,
    endReason: row.end_reason ?? undefined,
  }
}
