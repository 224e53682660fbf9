// What a player can ask for of a running session: stop, pause, resume (the start is in starting.ts). Each is one
// transaction over session and queue; the outbox brings the cluster to it.
import type { Catalogue } from '../../crds/catalogue.ts'
import { inTransaction, type Queries } from '../../lib/database/pool.ts'
import { enqueue } from '../queue/queue.ts'
import { type Hold, holdOf } from '../wallet/holds.ts'
import { priceWithin } from '../wallet/price.ts'
import { SessionError } from './errors.ts'
import { activeSessionOf, type DesiredState, lockedSession, playedSeconds, type Session } from './session.ts'

export interface CommandOutside {
  database: Queries
  catalogue: () => Catalogue
  /** Seconds that the first block of a session holds, where the wallet reaches that far. */
  holdBlockSeconds: number
  defaultRegions: readonly string[]
}

/** Asks for the end; asked again, it changes nothing. Throws `NoSession`. */
export async function stop(
  outside: Pick<CommandOutside, 'database'>,
  order: { playerId: string; sessionId?: string },
): Promise<Session> {
  return await command(outside, { ...order, desiredState: 'Ended' })
}

/** Throws `NoSession`, `SessionEnding`. */
export async function pause(
  outside: Pick<CommandOutside, 'database'>,
  order: { playerId: string; sessionId?: string },
): Promise<Session> {
  return await command(outside, { ...order, desiredState: 'Paused' })
}

/** Throws `NoSession`, `SessionEnding`. */
export async function resume(
  outside: Pick<CommandOutside, 'database'>,
  order: { playerId: string; sessionId?: string },
): Promise<Session> {
  return await command(outside, { ...order, desiredState: 'Running' })
}

async function command(
  { database }: Pick<CommandOutside, 'database'>,
  order: { playerId: string; sessionId?: string; desiredState: DesiredState },
): Promise<Session> {
  const { playerId, sessionId, desiredState } = order
  return await inTransaction(database, async transaction => {
    const active = await activeSessionOf(transaction, playerId)
    const session = active && (await lockedSession(transaction, active.id))
    if (!session || session.endedAt || (sessionId !== undefined && session.id !== sessionId)) {
      throw new SessionError('NoSession')
    }
    if (session.desiredState === 'Ended') {
      if (desiredState === 'Ended') return session
      throw new SessionError('SessionEnding')
    }
    await transaction`
      UPDATE sessions SET desired_state = ${desiredState}, command = command + 1 WHERE id = ${session.id}`
    await enqueue(transaction, 'kubernetes.session', { sessionId: session.id })
    return { ...session, desiredState, command: session.command + 1n }
  })
}

export const SESSION_STATES = ['Waiting', 'Starting', 'Playing', 'Recovering', 'Paused', 'Stopping'] as const
export type SessionState = (typeof SESSION_STATES)[number]

export interface ActiveSession {
  session: Session
  hold: Hold
  state: SessionState
  /** Until now, the open interval included. */
  playedSeconds: number
  /** What that costs; part of it may still be held. */
  costPaise: bigint
}

/** The player's session that is not over. */
export async function active(
  queries: Queries,
  { playerId, now }: { playerId: string; now: Date },
): Promise<ActiveSession | undefined> {
  const session = await activeSessionOf(queries, playerId)
  const hold = session && (await holdOf(queries, session.id))
  if (!hold) return undefined
  const played = playedSeconds(session.seen, now)
  const { ratePaisePerHour, paidSeconds } = hold
  return {
    session,
    hold,
    state: stateOf(session),
    playedSeconds: Number(played),
    costPaise: priceWithin({ ratePaisePerHour, playedSeconds: played, paidSeconds }),
  }
}

/** The operator's phases, folded to what a player has to know. */
export function stateOf(
  session: Pick<Session, 'desiredState' | 'told'> & { seen: Pick<Session['seen'], 'phase' | 'since'> },
): SessionState {
  const { desiredState, told, seen } = session
  if (desiredState === 'Ended') return 'Stopping'
  switch (seen.phase) {
    case 'Running':
      return seen.since ? 'Playing' : 'Paused' // Playable no longer: it is being paused.
    case 'Recovering':
    case 'Paused':
      return seen.phase
    case 'Ending':
    case 'Ended':
    case 'Failed':
      return 'Stopping'
    case 'Pending':
      return told === 'Waiting' ? 'Waiting' : 'Starting'
    default:
      return 'Starting'
  }
}
