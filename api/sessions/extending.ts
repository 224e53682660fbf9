// A top-up reaches the session that runs, in the top-up's own transaction: who pays in the last second plays on.
import type { Transaction } from '../../lib/database/pool.ts'
import { enqueue } from '../queue/queue.ts'
import { growHold, holdOf } from '../wallet/holds.ts'
import { activeSessionOf, lockedSession, playedSeconds, type Session } from './session.ts'

/** Seconds of play that a top-up secures at once, where it reaches that far. From there on the meter does. */
export const SECURED_SECONDS = 900n

/**
 * Locks the player's active session, as must be done before the wallet is touched; its meter looks at once. `undefined`
 * when there is none.
 */
export async function sessionToExtend(
  transaction: Transaction,
  { playerId, now }: { playerId: string; now: Date },
): Promise<Session | undefined> {
  const active = await activeSessionOf(transaction, playerId)
  const session = active && (await lockedSession(transaction, active.id))
  if (!session || session.endedAt) return undefined
  await transaction`UPDATE sessions SET meter_at = ${now} WHERE id = ${session.id}`
  return session
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
