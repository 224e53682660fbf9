// Takes what is seen of a GameSession into our books: figures, what the player is told, and the final bill. One
// transaction, so that nothing is lost or told twice however often a program stops in between.
import type { GameSession } from '../../crds/types/gamesession.ts'
import { inTransaction, type Transaction } from '../../lib/database/pool.ts'
import { compareResourceVersions } from '../../lib/kube/resource.ts'
import { enqueue } from '../queue/queue.ts'
import { isOurs } from './game-session.ts'
import type { SessionsOutside } from './outside.ts'
import { lockedSession, type Session, sessionIdOf } from './session.ts'
import { settle } from './settle.ts'
import { tellingOf } from './telling.ts'

/** `Unknown`: our books have no such session. `Foreign`: another object under its name. `Over`: settled, now or before. */
export type Observation = 'Unknown' | 'Foreign' | 'Over' | 'Active'

export async function observe(
  { database, clock }: Pick<SessionsOutside, 'database' | 'clock'>,
  object: GameSession,
): Promise<Observation> {
  const sessionId = sessionIdOf(object.metadata.name)
  if (sessionId === undefined) return 'Unknown'
  return await inTransaction(database, async transaction => {
    const session = await lockedSession(transaction, sessionId)
    if (!session) return 'Unknown'
    if (!isOurs(object, session)) return 'Foreign'
    if (session.endedAt) return 'Over'
    if (isOlder(object, session)) return 'Active' // Another replica has seen more.

    const now = clock.now()
    await record(transaction, { session, object, now })
    const { billing, endReason, interruptions = [] } = object.status ?? {}
    if (billing?.final !== true) return 'Active'

    const told = await lockedSession(transaction, sessionId)
    await settle(transaction, told ?? session, {
      playedSeconds: BigInt(billing.seconds ?? 0),
      endReason: endReason ?? 'Unrecoverable',
      interruptions,
      now,
    })
    return 'Over'
  })
}

function isOlder({ metadata }: GameSession, { seen }: Session): boolean {
  const { resourceVersion } = metadata
  if (seen.version === undefined || resourceVersion === undefined) return false
  const order = compareResourceVersions({ left: resourceVersion, right: seen.version })
  return order !== undefined && order < 0
}

async function record(
  transaction: Transaction,
  { session, object, now }: { session: Session; object: GameSession; now: Date },
): Promise<void> {
  const { id, playerId, seen, commandApplied, command } = session
  const { uid, resourceVersion } = object.metadata
  const { phase, billing, endpoint, interruptions = [] } = object.status ?? {}
  const { told, toldInterruption, notification } = tellingOf(session, object)
  const since = billing?.since === undefined ? null : new Date(billing.since)
  const seconds = BigInt(billing?.seconds ?? 0)
  const isPlayChanged = seconds !== seen.seconds || since?.getTime() !== seen.since?.getTime()
  // The cluster's word on the desired state stands, but while a command of the player is still on its way there.
  const desiredState = command === commandApplied ? object.spec.desiredState : session.desiredState

  await transaction`
    UPDATE sessions SET object_uid = coalesce(object_uid, ${uid ?? null}), seen_version = ${resourceVersion ?? null},
      seen_phase = ${phase ?? null}, seen_host = ${endpoint?.host ?? seen.host ?? null},
      seen_seconds = greatest(seen_seconds, ${seconds}), seen_since = ${since},
      seen_interruptions = ${JSON.stringify(interruptions)}::text::jsonb,
      told = ${told}, told_interruption = ${toldInterruption ?? null}, desired_state = ${desiredState},
      meter_at = CASE WHEN ${isPlayChanged} THEN ${now} ELSE meter_at END
    WHERE id = ${id}`
  if (notification) await enqueue(transaction, 'telegram.notification', { playerId, notification })
  if (told === 'Failed' && desiredState !== 'Ended') {
    // It will not mend by itself, and keeps the player from starting another.
    await transaction`UPDATE sessions SET desired_state = 'Ended', command = command + 1 WHERE id = ${id}`
    await enqueue(transaction, 'kubernetes.session', { sessionId: id })
  }
}
