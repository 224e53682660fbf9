// Takes what is seen of a GameSession into our books: figures, what the player is told, and the final bill. One
// transaction, so that nothing is lost or told twice however often a program stops in between.
import type { GameSession } from '../../crds/types/gamesession.ts'
import { wishedState } from '../../crds/wished.ts'
import { inTransaction, type Transaction } from '../../lib/database/pool.ts'
import { compareResourceVersions } from '../../lib/kube/resource.ts'
import { enqueue } from '../queue/queue.ts'
import {
  type Contradiction,
  contradictionGone,
  keepContradiction,
  tellContradiction,
} from '../wallet/contradictions.ts'
import { WalletError } from '../wallet/errors.ts'
import { holdOf } from '../wallet/holds.ts'
import { creditFaults, faultsOf } from './faults.ts'
import { isOurs } from './game-session.ts'
import { type RaiseReason, type SessionsOutside, subjectOf } from './outside.ts'
import { impossibility } from './plausible.ts'
import { lockedSession, type Session, sessionIdOf } from './session.ts'
import { settle } from './settle.ts'
import { recordStretches } from './stretches.ts'
import { tellingOf } from './telling.ts'

/** `Unknown`: our books have no such session. `Foreign`: another object under its name. `Over`: settled, now or before. */
export type Observation = 'Unknown' | 'Foreign' | 'Over' | 'Active'

export async function observe(
  outside: Pick<SessionsOutside, 'database' | 'clock' | 'settings' | 'log'>,
  object: GameSession,
): Promise<Observation> {
  const { database, clock, settings, log } = outside
  const sessionId = sessionIdOf(object.metadata.name)
  if (sessionId === undefined) return 'Unknown'
  const seen = await inTransaction(database, transaction =>
    take(transaction, { sessionId, object, settings, now: clock.now() }),
  )
  if (seen.contradiction) {
    tellContradiction(log, seen.contradiction, { session: sessionId, uid: object.metadata.uid })
  }
  return seen.observation
}

async function take(
  transaction: Transaction,
  about: { sessionId: string; object: GameSession; settings: SessionsOutside['settings']; now: Date },
): Promise<{ observation: Observation; contradiction?: Contradiction }> {
  const { sessionId, object, settings, now } = about
  const session = await lockedSession(transaction, sessionId)
  if (!session) return { observation: 'Unknown' }
  if (!isOurs(object, session)) return { observation: 'Foreign' }
  if (session.endedAt) return { observation: 'Over' }
  if (isOlder(object, session)) return { observation: 'Active' } // Another replica has seen more.

  const hold = await holdOf(transaction, sessionId)
  if (!hold) throw new WalletError('HoldUnknown')
  const { paidSeconds, ratePaisePerHour } = hold
  const impossible = impossibility({
    ...{ object, paidSeconds, graceSeconds: settings.paidGraceSeconds },
    ...{ seenReadyAt: session.seen.readyAt, now },
  })
  const figures = impossible === undefined ? figuresOf(object) : session.seen
  await record(transaction, { session, object, figures, now })
  const { billing, endReason, interruptions = [] } = object.status ?? {}
  await creditFaults(transaction, {
    session,
    ratePaisePerHour,
    found: faultsOf(
      { session, readyAt: figures.readyAt, interruptions, hasFailed: object.status?.phase === 'Failed', now },
      settings.promises,
    ),
    ...{ promises: settings.promises, now },
  })
  if (billing?.final === true) {
    const told = await lockedSession(transaction, sessionId)
    await settle(transaction, told ?? session, {
      playedSeconds: figures.seconds,
      endReason: endReason ?? 'Unrecoverable',
      interruptions,
      tax: settings.tax,
      now,
    })
  }
  const contradiction = await contradicted(transaction, { sessionId, impossible, now })
  const told = contradiction ? { contradiction } : {}
  return { observation: billing?.final === true ? 'Over' : 'Active', ...told }
}

/** Kept while the figures cannot be true, and gone when they can. What is to be told, if anything. */
async function contradicted(
  transaction: Transaction,
  { sessionId, impossible, now }: { sessionId: string; impossible: string | undefined; now: Date },
): Promise<Contradiction | undefined> {
  const about = { code: 'FigureImpossible' satisfies RaiseReason, subject: subjectOf(sessionId) }
  if (impossible === undefined) {
    await contradictionGone(transaction, { ...about, now })
    return undefined
  }
  const contradiction = { ...about, detail: `${impossible}; it is not charged` }
  return (await keepContradiction(transaction, { ...contradiction, now })) ? contradiction : undefined
}

type Figures = Pick<Session['seen'], 'seconds' | 'since' | 'readyAt'>

function figuresOf({ status }: GameSession): Figures {
  const { billing, readyAt } = status ?? {}
  return {
    seconds: BigInt(billing?.seconds ?? 0),
    since: billing?.since === undefined ? undefined : new Date(billing.since),
    readyAt: readyAt === undefined ? undefined : new Date(readyAt),
  }
}

function isOlder({ metadata }: GameSession, { seen }: Session): boolean {
  const { resourceVersion } = metadata
  if (seen.version === undefined || resourceVersion === undefined) return false
  const order = compareResourceVersions({ left: resourceVersion, right: seen.version })
  return order !== undefined && order < 0
}

async function record(
  transaction: Transaction,
  { session, object, figures, now }: { session: Session; object: GameSession; figures: Figures; now: Date },
): Promise<void> {
  const { id, playerId, seen, commandApplied, command } = session
  const { uid, resourceVersion } = object.metadata
  const { phase, endpoint, interruptions = [] } = object.status ?? {}
  const { seconds, since, readyAt } = figures
  const { told, toldInterruption, notification } = tellingOf(session, object)
  const isPlayChanged = seconds !== seen.seconds || since?.getTime() !== seen.since?.getTime()
  // The cluster's word on the desired state stands, but over an end, and while a command of the player is on its way there.
  const isOurWord = session.desiredState === 'Ended' || command !== commandApplied
  const desiredState = isOurWord ? session.desiredState : wishedState(object)

  await transaction`
    UPDATE sessions SET object_uid = coalesce(object_uid, ${uid ?? null}), seen_version = ${resourceVersion ?? null},
      seen_phase = ${phase ?? null}, seen_host = ${endpoint?.host ?? seen.host ?? null},
      seen_seconds = greatest(seen_seconds, ${seconds}), seen_since = ${since ?? null},
      seen_ready_at = coalesce(seen_ready_at, ${readyAt ?? null}),
      seen_interruptions = ${JSON.stringify(interruptions)}::text::jsonb,
      told = ${told}, told_interruption = ${toldInterruption ?? null}, desired_state = ${desiredState},
      meter_at = CASE WHEN ${isPlayChanged} THEN ${now} ELSE meter_at END
    WHERE id = ${id}`
  await recordStretches(transaction, { session, seconds, since, interruptions })
  if (notification) await enqueue(transaction, 'telegram.notification', { playerId, notification })
  if (told === 'Failed' && desiredState !== 'Ended') {
    // It will not mend by itself, and keeps the player from starting another.
    await transaction`UPDATE sessions SET desired_state = 'Ended', command = command + 1 WHERE id = ${id}`
    await enqueue(transaction, 'kubernetes.session', { sessionId: id })
  }
}
