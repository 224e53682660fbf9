// What we promise a player and what a broken promise is worth: credited by itself, with its reason. Decided from what
// the session's object and our own row show; the same fault found again is the same credit.
import type { Transaction } from '../../lib/database/pool.ts'
import { price } from '../wallet/price.ts'
import { proposeCredit, tellCredited } from '../wallet/proposed-credits.ts'
import { creditFault, type Fault } from '../wallet/wallet.ts'
import type { Interruption, Session } from './session.ts'

export interface Promises {
  /** From the player's start to the first moment of play. */
  startSeconds: number
  /** From an interruption to play again. */
  recoverySeconds: number
  /** Play that a broken promise is worth, at the session's own rate. Zero: nothing is credited. */
  creditSeconds: number
  /** Days for which such a credit can be spent. */
  creditDays: number
}

/** Credits of this kind to one player in a day that nobody has to approve: who starts a broken game over and over is not paid for it. */
export const CREDITS_PER_DAY = 3
const DAY = 86_400_000

export interface FoundFault {
  fault: Fault
  /** Which of several of one kind. */
  occurrence?: string
  /** A sentence for the player. */
  reason: string
}

export interface Course {
  session: Pick<Session, 'createdAt' | 'command' | 'desiredState'>
  readyAt: Date | undefined
  interruptions: readonly Interruption[]
  /** It cannot be started, through no wish of the player. */
  hasFailed: boolean
  now: Date
}

/** Every promise broken so far. Pure. */
export function faultsOf(
  { session, readyAt, interruptions, hasFailed, now }: Course,
  promises: Promises,
): FoundFault[] {
  const found: FoundFault[] = []
  const waitedSeconds = secondsBetween(session.createdAt, readyAt ?? now)
  if (hasFailed && readyAt === undefined) {
    found.push({ fault: 'StartFailed', reason: 'Your session could not be started.' })
  } else if (waitedSeconds > promises.startSeconds && !isPlayersPause(session)) {
    const reason = `Your machine took longer to start than the ${minutes(promises.startSeconds)} that we promise.`
    found.push({ fault: 'StartLate', reason })
  }
  for (const { since, seconds } of interruptions) {
    if ((seconds ?? secondsBetween(new Date(since), now)) <= promises.recoverySeconds) continue
    const reason = `It took longer to bring your machine back than the ${minutes(promises.recoverySeconds)} that we promise.`
    found.push({ fault: 'RecoverySlow', occurrence: since, reason })
  }
  return found
}

/** A pause of the player's own may have made the start late. The command that ends a session is no pause. */
function isPlayersPause({ command, desiredState }: Course['session']): boolean {
  return command > (desiredState === 'Ended' ? 1n : 0n)
}

/**
 * Credits what was found, each once, and tells the player. The session is locked. What goes beyond those of a day is
 * proposed instead, for a person to decide.
 */
export async function creditFaults(
  transaction: Transaction,
  order: { session: Session; ratePaisePerHour: bigint; found: readonly FoundFault[]; promises: Promises; now: Date },
): Promise<void> {
  const { session, ratePaisePerHour, found, promises, now } = order
  const amountPaise = price({ ratePaisePerHour, seconds: BigInt(promises.creditSeconds) })
  if (found.length === 0 || amountPaise === 0n) return
  const { id: sessionId, playerId } = session
  const known = await knownFor(transaction, sessionId)
  for (const { fault, occurrence, reason } of found) {
    if (known.has(occurrence === undefined ? fault : `${fault}:${occurrence}`)) continue
    if ((await creditsSince(transaction, { playerId, since: new Date(now.getTime() - DAY) })) >= CREDITS_PER_DAY) {
      const { creditDays: days } = promises
      await proposeCredit(transaction, { sessionId, playerId, fault, occurrence, amountPaise, reason, days, now })
      continue
    }
    const expiresAt = new Date(now.getTime() + promises.creditDays * DAY)
    const which = occurrence === undefined ? {} : { occurrence }
    const credited = await creditFault(transaction, {
      ...{ playerId, sessionId, fault, amountPaise, reason, expiresAt, now },
      ...which,
    })
    if (credited.isNew) await tellCredited(transaction, { playerId, amountPaise, reason, credited })
  }
}

/** What is credited, or proposed, by fault and occurrence. */
async function knownFor(transaction: Transaction, sessionId: string): Promise<Set<string>> {
  const rows = await transaction<{ reference: string }[]>`
    SELECT reference FROM wallet_transactions WHERE session_id = ${sessionId} AND kind = 'FaultCredit' UNION ALL
    SELECT rtrim(fault || ':' || occurrence, ':') FROM proposed_credits WHERE session_id = ${sessionId}`
  return new Set(rows.map(({ reference }) => reference))
}

async function creditsSince(
  transaction: Transaction,
  { playerId, since }: { playerId: string; since: Date },
): Promise<number> {
  const [row] = await transaction<{ count: number }[]>`
    SELECT count(*)::int AS count FROM wallet_lots
    WHERE account_id = ${`wallet:${playerId}`} AND source = 'faults' AND created_at > ${since}`
  return row?.count ?? 0
}

function secondsBetween(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 1000
}

function minutes(seconds: number): string {
  return seconds === 60 ? 'minute' : `${Math.round(seconds / 60)} minutes`
}
