// The end of a session in our books: the last charge, the rest of the hold given back, the player told. One transaction;
// repeated, it changes nothing. Only then may the GameSession lose its settlement finalizer.

import type { GameSession } from '../../crds/types/gamesession.ts'
import { gameSessions } from '../../crds/types/gamesession.ts'
import { isToldToEnd } from '../../crds/wished.ts'
import { inTransaction, type Transaction } from '../../lib/database/pool.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { hasFinalizer, removeFinalizer } from '../../lib/kube/finalizers.ts'
import type { Notification } from '../queue/notifications.ts'
import { enqueue } from '../queue/queue.ts'
import { contradictionGone, keepContradiction, tellContradiction } from '../wallet/contradictions.ts'
import { charge, type Hold, type HoldAndFree, release, repaidAtRelease } from '../wallet/holds.ts'
import { issueReceipt, type Receipt, type ReceiptLine, type Tax } from '../wallet/receipts.ts'
import { SETTLEMENT_FINALIZER } from './game-session.ts'
import { type RaiseReason, type SessionsOutside, subjectOf } from './outside.ts'
import { type Interruption, lockedSession, type Session } from './session.ts'
import { stretchesOf } from './stretches.ts'
import { tellWish } from './tell.ts'
import { timeAxis } from './time-axis.ts'

export interface Settlement {
  /** All billable seconds, of which those within what is paid are charged. */
  playedSeconds: bigint
  endReason: string
  interruptions: readonly Interruption[]
  /** Told in place of a receipt: the session never came to be. */
  failure?: string
  tax: Tax
  now: Date
}

/** `session` is locked, and not over yet. */
export async function settle(transaction: Transaction, session: Session, settlement: Settlement): Promise<void> {
  const { id: sessionId, playerId } = session
  const { playedSeconds, endReason, failure, tax, now } = settlement
  const charged = await charge(transaction, { sessionId, playerId, playedSeconds, now })
  const released = await release(transaction, { sessionId, playerId, now })
  await transaction`
    UPDATE sessions SET ended_at = ${now}, end_reason = ${endReason}, seen_since = NULL,
      seen_seconds = greatest(seen_seconds, ${playedSeconds})
    WHERE id = ${sessionId}`

  // What was refused of it is refused to nobody any more.
  await contradictionGone(transaction, { code: 'ChangeRefused', subject: subjectOf(sessionId), now })

  const document = await issueReceipt(transaction, {
    ...{ sessionId, playerId, tax, now },
    lines: await receiptLines(transaction, { session, hold: released.hold, playedSeconds, now }),
  })
  const notification =
    failure === undefined
      ? receipt({ session, settlement, document, repaidPaise: repaidAtRelease({ charged, released }), ...released })
      : ({ type: 'SessionFailed', message: failure } as const)
  // A player who was told that it failed needs no receipt over nothing.
  if (session.told === 'Failed' && released.hold.chargedPaise === 0n) return
  await enqueue(transaction, 'telegram.notification', { playerId, notification })
}

async function receiptLines(
  transaction: Transaction,
  about: { session: Session; hold: Hold; playedSeconds: bigint; now: Date },
): Promise<ReceiptLine[]> {
  const { session, hold, playedSeconds, now } = about
  const { ratePaisePerHour, paidSeconds } = hold
  const axis = { playedSeconds, ratePaisePerHour, paidSeconds, readyAt: session.seen.readyAt ?? now }
  return timeAxis({ stretches: await stretchesOf(transaction, session.id), ...axis }).map(line => ({
    at: line.at.toISOString(),
    kind: line.kind,
    seconds: Number(line.seconds),
    ...(line.cause === undefined ? {} : { cause: line.cause }),
    paise: Number(line.paise),
  }))
}

function receipt(
  about: HoldAndFree & {
    session: Session
    settlement: Settlement
    document: Receipt | undefined
    repaidPaise: bigint
  },
): Notification {
  const { hold, availablePaise, repaidPaise, document } = about
  const { game, tier } = about.session
  const { playedSeconds, endReason, interruptions } = about.settlement
  return {
    type: 'SessionEnded',
    receipt: {
      game,
      tier,
      ratePaisePerHour: String(hold.ratePaisePerHour),
      playedSeconds: Number(playedSeconds),
      chargedPaise: String(hold.chargedPaise),
      repaidPaise: String(repaidPaise),
      balancePaise: String(availablePaise),
      interruptions: interruptions.map(({ cause, seconds = 0 }) => ({ cause, seconds })),
      endReason,
      ...(document ? { document: documentOf(document) } : {}),
    },
  }
}

function documentOf({ sessionId, number, tax, taxPaise }: Receipt) {
  return { sessionId, number, taxName: tax.name, taxBasisPoints: tax.basisPoints, taxPaise: String(taxPaise) }
}

const lostSentences = {
  ObjectGone: 'Its GameSession is gone, which its finalizer should have kept.',
  ObjectForeign: 'Another object bears the name of its GameSession.',
} as const

/**
 * The session's object is gone, or another one bears its name: it is over, and charged for the last seconds seen in
 * closed intervals. Raised, since the settlement finalizer should have kept it. Nothing happens when it is over already.
 */
export async function settleLost(
  { database, clock, log, settings }: SessionsOutside,
  { sessionId, reason }: { sessionId: string; reason: Extract<RaiseReason, 'ObjectGone' | 'ObjectForeign'> },
): Promise<void> {
  const lost = await inTransaction(database, async transaction => {
    const session = await lockedSession(transaction, sessionId)
    if (!session || session.endedAt) return undefined
    const { seconds, interruptions } = session.seen
    const now = clock.now()
    const { tax } = settings
    await settle(transaction, session, { playedSeconds: seconds, endReason: reason, interruptions, tax, now })
    const detail = `${lostSentences[reason]} It was charged for the ${seconds} s seen before.`
    const contradiction = { code: reason, subject: subjectOf(sessionId), detail }
    return (await keepContradiction(transaction, { ...contradiction, now })) && { session, contradiction }
  })
  if (!lost) return
  const { session, contradiction } = lost
  const about = { session: sessionId, uid: session.objectUid, chargedSeconds: Number(session.seen.seconds) }
  tellContradiction(log, contradiction, about)
}

/** Lets go of the object of a session that is over in our books; one that may still run is told to end. */
export async function letGo(outside: SessionsOutside, object: GameSession, signal: AbortSignal): Promise<void> {
  const { kube } = outside
  try {
    // Nobody pays for it any more.
    const mayRun = !object.status?.billing?.final && !isToldToEnd(object)
    const current = mayRun ? await tellWish(kube, { object, desiredState: 'Ended' }, signal) : object
    if (hasFinalizer(current, SETTLEMENT_FINALIZER)) {
      await removeFinalizer(kube, gameSessions, current, SETTLEMENT_FINALIZER, { signal })
    }
  } catch (error) {
    // Gone, or changed since it was read: the change brings us here again.
    if (!isKubeError(error, 'NotFound', 'Conflict')) throw error
  }
}
