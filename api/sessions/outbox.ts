// The handler of `kubernetes.session`: brings the cluster to what the session's row says now, never to what it said when
// the item was queued. The identity is applied by force, being ours alone, where the object does not say it already; the
// desired state only when the player commands it, by a field manager of its own and never by force: an SRE's hand is
// adopted, and an end is said beside it.

import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { isToldToEnd, wishedState } from '../../crds/wished.ts'
import { inTransaction } from '../../lib/database/pool.ts'
import { isKubeError, type KubeError } from '../../lib/kube/errors.ts'
import { isBuried } from '../queue/claims.ts'
import { KnownFailure, PermanentError } from '../queue/errors.ts'
import { contradictionGone, keepContradiction, tellContradiction } from '../wallet/contradictions.ts'
import { holdOf } from '../wallet/holds.ts'
import { creditFaults, faultsOf } from './faults.ts'
import { FIELD_MANAGER, identityOf, isOurs, says } from './game-session.ts'
import { type SessionsOutside, subjectOf } from './outside.ts'
import { refusalDigest } from './refusal.ts'
import { lockedSession, objectNameOf, type Session, sessionById } from './session.ts'
import { letGo, settle, settleLost } from './settle.ts'
import { tellWish } from './tell.ts'

/** Seconds after which a start that could not be applied lapses. A stop never does. */
export const START_LAPSES_SECONDS = 600

/** Throws `KubeError` for what may be tried again, `PermanentError` for what may not, `KnownFailure` for that once more. */
export async function applySession(
  outside: SessionsOutside,
  { sessionId }: { sessionId: string },
  signal: AbortSignal,
): Promise<void> {
  const { database, kube, settings, clock } = outside
  const session = await sessionById(database, sessionId)
  if (!session) return
  const reference = { namespace: settings.namespace, name: objectNameOf(sessionId) }
  const live = await kube.get(gameSessions, reference, { signal }) // Live: a store may be behind.

  if (live && !isOurs(live, session)) return await settleLost(outside, { sessionId, reason: 'ObjectForeign' })
  if (session.endedAt) return live ? await letGo(outside, live, signal) : undefined
  if (!live) {
    if (session.objectUid !== undefined) return await settleLost(outside, { sessionId, reason: 'ObjectGone' })
    if (session.desiredState === 'Ended') return await giveUp(outside, session, { endReason: 'PlayerEnded' })
    const ageSeconds = (clock.now().getTime() - session.createdAt.getTime()) / 1000
    if (ageSeconds > START_LAPSES_SECONDS) {
      const failure = 'The session could not be started in time. Nothing was charged. Please try again.'
      return await giveUp(outside, session, { endReason: 'StartLapsed', failure })
    }
  }
  // An end is told for as long as the cluster does not say it: a hand may have taken its annotation off.
  const isEndUnknown = live !== undefined && session.desiredState === 'Ended' && !isToldToEnd(live)
  const isCommanded = session.command > session.commandApplied || isEndUnknown
  // What halts the clock comes first: no refusal of the rest may keep a player paying. A resume waits for its seconds.
  const isHalt = live !== undefined && session.desiredState !== 'Running'
  if (isCommanded && isHalt) await applyCommand(outside, { session, object: live }, signal)
  const object = await applyIdentity(outside, { session, live }, signal)
  if (object && isCommanded && !isHalt) await applyCommand(outside, { session, object }, signal)
}

/** `undefined` when the server refuses it, and the session is over by that. */
async function applyIdentity(
  outside: SessionsOutside,
  { session, live }: { session: Session; live: GameSession | undefined },
  signal: AbortSignal,
): Promise<GameSession | undefined> {
  const { database, kube, settings, clock } = outside
  if (live?.metadata.deletionTimestamp !== undefined) return live // It is going; nothing of it is to be changed.
  const hold = await holdOf(database, session.id)
  if (!hold) throw new PermanentError('HoldUnknown', `Session ${session.id} has no hold.`)

  const { namespace, ttlSeconds } = settings
  // paidSeconds only grows; what an SRE has given on top is theirs to give, and is not charged.
  const paidSeconds = Math.max(Number(hold.paidSeconds), live?.spec.paidSeconds ?? 0)
  const known = live?.metadata.uid === undefined ? session : { ...session, objectUid: live.metadata.uid }
  const identity = identityOf(known, { namespace, paidSeconds, ttlSeconds })
  try {
    const object =
      live && says(live, identity)
        ? live
        : await kube.apply(gameSessions, identity, { fieldManager: FIELD_MANAGER, force: true, signal })
    await database`
      UPDATE sessions SET object_uid = coalesce(object_uid, ${object.metadata.uid ?? null}) WHERE id = ${session.id}`
    await contradictionGone(database, { code: 'ChangeRefused', subject: subjectOf(session.id), now: clock.now() })
    return object
  } catch (error) {
    if (!isKubeError(error, 'Invalid', 'BadRequest')) throw error
    if (live) {
      const mark = `Refusal ${refusalDigest(error)}`
      // Tried again with every comparison, since it may be mended at the server; a person is told of it once.
      if (await isBuried(database, { topic: 'kubernetes.session', key: session.id, mark })) throw new KnownFailure(mark)
      await raiseRefusal(outside, session, error)
      // The mark in front: the end of a long error is not kept.
      throw new PermanentError('ChangeRefused', `${mark}: ${error.message}`, { cause: error })
    }
    const failure = 'The session was refused by the system. Nothing was charged. Please tell us.'
    await giveUp(outside, session, { endReason: 'Refused', failure, error })
    return undefined
  }
}

async function raiseRefusal({ database, clock, log }: SessionsOutside, { id }: Session, error: KubeError) {
  const contradiction = { code: 'ChangeRefused', subject: subjectOf(id), detail: error.message } as const
  const isNew = await keepContradiction(database, { ...contradiction, now: clock.now() })
  if (isNew) tellContradiction(log, contradiction, { session: id, error })
}

async function applyCommand(
  outside: SessionsOutside,
  { session, object }: { session: Session; object: GameSession },
  signal: AbortSignal,
): Promise<void> {
  const { database, kube } = outside
  const { id, command, desiredState } = session
  // Of a pause or a resumption the cluster's word stands, whoever's it is.
  const now = await tellWish(kube, { object, desiredState }, signal)
  const adopted = desiredState === 'Ended' ? desiredState : wishedState(now)
  // A newer command stays to be applied; its own item follows this one.
  await database`
    UPDATE sessions SET command_applied = greatest(command_applied, ${command}),
      desired_state = CASE WHEN command = ${command} THEN ${adopted} ELSE desired_state END
    WHERE id = ${id}`
}

/** Ends a session that has no object: nothing was played, and all of the hold goes back. */
async function giveUp(
  { database, clock, log, settings }: SessionsOutside,
  { id }: Session,
  about: { endReason: string; failure?: string; error?: KubeError },
): Promise<void> {
  const { endReason, failure, error } = about
  await inTransaction(database, async transaction => {
    const session = await lockedSession(transaction, id)
    // Seen in the meantime: then it is no longer ours to give up.
    if (!session || session.endedAt || session.objectUid !== undefined) return
    const { promises, tax } = settings
    const now = clock.now()
    const told = failure === undefined ? {} : { failure }
    const hold = await holdOf(transaction, id)
    const course = { session, readyAt: undefined, interruptions: [], hasFailed: failure !== undefined, now }
    const found = faultsOf(course, promises)
    const ratePaisePerHour = hold?.ratePaisePerHour ?? 0n
    await creditFaults(transaction, { session, ratePaisePerHour, found, promises, now })
    await settle(transaction, session, { playedSeconds: 0n, endReason, interruptions: [], tax, now, ...told })
  })
  log.info({ session: id, endReason, ...(error ? { error } : {}) }, 'Gave up a session that never came to be')
}
