// Asks the gateways, since a webhook can be late, lost, or switched off. Three looks, each from its own place in Postgres,
// so that any number of replicas share them and none is forgotten with a process:
//
// - top-ups: was there a payment, or one to be captured? Rarer with age, until even a late authorisation has had its time.
//   Those that are credited once a day: there may be a second payment, begun before the first was credited;
// - what has moved at all since the last look: payments, refunds and disputes that nobody told us of;
// - refunds that are pending: how do they stand at the gateway? One that it does not know is brought there again, whatever
//   became of the item by which that was to happen. And those that were paid out lately: a bank may send them back.
import { outage } from '../../lib/database/outage.ts'
import { type Database, inTransaction } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { enqueueAgain } from '../queue/queue.ts'
import { forGoodIfContradiction, forgetPlaced, isContradiction, keepUnplaced } from './contradictions.ts'
import { isPaymentError } from './errors.ts'
import { bringIn, type MovementOutcome } from './movements.ts'
import type { HostedRail, Movement, PaymentRail, RailName } from './rail.ts'
import { pruneWebhooks } from './razorpay-inbox.ts'
import { CREDITED_LOOK_HOURS, type TopUp, type TopUpRow, topUpColumns, topUpOf } from './top-ups.ts'

export interface ReconciliationOptions {
  database: Database
  rails: { Razorpay: HostedRail; Stars: PaymentRail }
  clock: Clock
  log: Logger
  /** Told of everything that was found. */
  onOutcome?: (outcome: { rail: RailName; outcome: MovementOutcome }) => void
  /** Seconds between passes. Default 15. */
  passSeconds?: number
}

const PASS_SECONDS = 15
/** What is looked at in one pass. */
const PASS_SIZE = 50
/** Seconds at least between two looks at one top-up; later, half of its age. */
const LOOK_SECONDS = 60
/** A late authorisation is found for three days. https://razorpay.com/docs/payments/payments/late-authorisation/ */
const LOOK_DAYS = 4
/** Seconds between two looks at what has moved. */
const MOVEMENTS_SECONDS = 60
/** Pages read in one look; the next one goes on from there. */
const PAGES_AT_ONCE = 20
/** Seconds at least between two looks at a pending refund; later, half of its age. */
const REFUND_SECONDS = 900
/** Hours between two looks at a refund that Razorpay has paid out, and days for which it is looked at. */
const PAID_OUT_HOURS = 24
const PAID_OUT_DAYS = 30

/** Until the signal is aborted. */
export async function reconcilePayments(options: ReconciliationOptions, stopping: AbortSignal): Promise<void> {
  const { clock, log, passSeconds = PASS_SECONDS } = options
  const trouble = outage(log, 'The books cannot be compared with the gateways')
  while (!stopping.aborted) {
    try {
      await reconcileOnce(options)
      trouble.over()
    } catch (error) {
      trouble.failed(error)
    }
    await clock.sleep(passSeconds * 1000, stopping).catch(() => undefined)
  }
}

/** One pass over what is due. What was found that the books did not have. */
export async function reconcileOnce(options: ReconciliationOptions): Promise<MovementOutcome[]> {
  const { database, rails, clock } = options
  const found = [
    ...(await lookAtTopUps(options)),
    ...(await lookAtMovements(options, rails.Razorpay)),
    ...(await lookAtMovements(options, rails.Stars)),
    ...(await lookAtRefunds(options)),
  ]
  await forgetPlaced(database, clock.now())
  await pruneWebhooks(database, clock.now())
  return found
}

async function lookAtTopUps(options: ReconciliationOptions): Promise<MovementOutcome[]> {
  const { database, rails, clock, log } = options
  const found: MovementOutcome[] = []
  for (const topUp of await dueTopUps(database, clock.now())) {
    try {
      const payments = await rails.Razorpay.collect(topUp)
      const movements = payments.map((payment): Movement => ({ is: 'Payment', payment }))
      found.push(...(await takeIn(options, 'Razorpay', movements)))
    } catch (error) {
      log.error({ error, topUp: topUp.id }, 'A top-up could not be compared with the gateway') // Its next look is set.
    }
  }
  return found
}

/** Goes on where the last look ended. One replica at a time, and none before its time. */
async function lookAtMovements(options: ReconciliationOptions, rail: PaymentRail): Promise<MovementOutcome[]> {
  const { database, clock, log } = options
  const found: MovementOutcome[] = []
  const claimed = await claimCursor(database, rail.name, clock.now())
  if (!claimed) return found
  let { position } = claimed
  try {
    for (let page = 0; page < PAGES_AT_ONCE; page += 1) {
      const { movements, cursor, isLast } = await rail.movements(position, clock.now())
      found.push(...(await takeIn(options, rail.name, movements)))
      position = cursor
      await database`UPDATE rail_cursors SET position = ${cursor} WHERE rail = ${rail.name}`
      if (isLast) break
    }
  } catch (error) {
    if (!isPaymentError(error)) throw error
    log.error({ error, rail: rail.name }, 'A gateway could not be asked what has moved') // The next look goes on from here.
  }
  return found
}

async function lookAtRefunds(options: ReconciliationOptions): Promise<MovementOutcome[]> {
  const { database, rails, clock, log } = options
  const found: MovementOutcome[] = []
  const due = await dueRefunds(database, clock.now())
  const pending = due.filter(({ rail }) => rail === 'Razorpay').map(({ payment_id: id }) => id)
  for (const paymentId of new Set([...pending, ...(await duePaidOut(database, clock.now()))])) {
    try {
      const refunds = await rails.Razorpay.refundsOf(paymentId)
      const movements = refunds.map((refund): Movement => ({ is: 'Refund', refund }))
      found.push(...(await takeIn(options, 'Razorpay', movements)))
    } catch (error) {
      if (!isPaymentError(error)) throw error
      log.error({ error, payment: paymentId }, 'A refund could not be asked about') // Its next look is set.
    }
  }
  for (const { id: refundId } of due) {
    if (await bringAgain(database, refundId)) log.warn({ refund: refundId }, 'A refund is brought to the gateway again')
  }
  return found
}

/** What the gateway was not told of, or has not answered for. Bringing it there twice makes one refund. */
async function bringAgain(database: Database, refundId: string): Promise<boolean> {
  return await inTransaction(database, async transaction => {
    const { count } = await transaction`
      SELECT FROM refunds WHERE id = ${refundId} AND state = 'Pending' AND asked_by <> 'Gateway'
        AND (gateway_id IS NULL OR rail = 'Stars') FOR UPDATE`
    return count > 0 && (await enqueueAgain(transaction, 'payment.refund', { refundId }))
  })
}

/** Each by itself: one that nobody can place must not hold up the others. */
async function takeIn(
  options: ReconciliationOptions,
  rail: RailName,
  movements: readonly Movement[],
): Promise<MovementOutcome[]> {
  const { database, clock, log, onOutcome } = options
  const news: MovementOutcome[] = []
  for (const movement of movements) {
    if (movement.is === 'Refund' && movement.refund.unknownState !== undefined) {
      log.error({ rail, movement }, 'A refund stands in a way that we do not know; it is taken as pending')
    }
    try {
      const [outcome] = await bringIn(database, { rail, movements: [movement], now: clock.now() })
      if (outcome === undefined || OLD.includes(outcome)) continue
      onOutcome?.({ rail, outcome })
      log.warn({ rail, movement, outcome }, 'Found by asking what nobody had told of')
      news.push(outcome)
    } catch (error) {
      if (!isContradiction(error)) throw error
      await keepUnplaced(options, { rail, movement, error })
    }
  }
  return news
}

/** What changes nothing. */
const OLD: readonly MovementOutcome[] = ['AlreadyCredited', 'NotOurs', 'RefundKnown', 'DisputeKnown', 'Awaited']

/**
 * Claims by setting the next look before this one: a second replica finds nothing due. Whose money is still to come goes
 * first, however many are due that may have been paid twice.
 */
async function dueTopUps(database: Database, now: Date): Promise<TopUp[]> {
  const rows = await database<TopUpRow[]>`
    UPDATE top_ups SET look_at = CASE
      WHEN created_at < ${now}::timestamptz - make_interval(days => ${LOOK_DAYS}) THEN NULL
      WHEN credited_at IS NOT NULL THEN ${now}::timestamptz + make_interval(hours => ${CREDITED_LOOK_HOURS})
      ELSE ${now}::timestamptz + greatest(make_interval(secs => ${LOOK_SECONDS}), (${now}::timestamptz - created_at) / 2)
    END
    WHERE id IN (
      SELECT id FROM top_ups WHERE look_at <= ${now} AND rail = 'Razorpay'
      ORDER BY credited_at IS NOT NULL, look_at LIMIT ${PASS_SIZE} FOR UPDATE SKIP LOCKED
    ) RETURNING ${database(topUpColumns)}`
  return rows.map(topUpOf)
}

async function claimCursor(
  database: Database,
  rail: RailName,
  now: Date,
): Promise<{ position: string | undefined } | undefined> {
  const [row] = await database<{ position: string | null }[]>`
    INSERT INTO rail_cursors AS cursor (rail, read_at) VALUES (${rail}, ${now})
    ON CONFLICT (rail) DO UPDATE SET read_at = ${now}
      WHERE cursor.read_at <= ${now}::timestamptz - make_interval(secs => ${MOVEMENTS_SECONDS})
    RETURNING position`
  return row && { position: row.position ?? undefined }
}

/** Pending ones. One without a time of its own is of the version before: it set none until the gateway knew of it. */
async function dueRefunds(
  database: Database,
  now: Date,
): Promise<{ id: string; rail: RailName; payment_id: string }[]> {
  return await database<{ id: string; rail: RailName; payment_id: string }[]>`
    UPDATE refunds SET look_at =
      ${now}::timestamptz + greatest(make_interval(secs => ${REFUND_SECONDS}), (${now}::timestamptz - asked_at) / 2)
    WHERE id IN (
      SELECT id FROM refunds WHERE state = 'Pending'
        AND coalesce(look_at, asked_at + make_interval(secs => ${REFUND_SECONDS})) <= ${now}
      ORDER BY look_at LIMIT ${PASS_SIZE} FOR UPDATE SKIP LOCKED
    ) RETURNING id, rail, payment_id`
}

/**
 * Payments with a refund that Razorpay has paid out and a bank may still send back. A version that knows nothing of this
 * leaves the look open: it is a day after the end then. Those of Stars never come back.
 */
async function duePaidOut(database: Database, now: Date): Promise<string[]> {
  const rows = await database<{ payment_id: string }[]>`
    UPDATE refunds SET look_at = ${now}::timestamptz + make_interval(hours => ${PAID_OUT_HOURS})
    WHERE id IN (
      SELECT id FROM refunds WHERE state = 'Processed' AND rail = 'Razorpay'
        AND ended_at > ${now}::timestamptz - make_interval(days => ${PAID_OUT_DAYS})
        AND coalesce(look_at, ended_at + make_interval(hours => ${PAID_OUT_HOURS})) <= ${now}
      ORDER BY ended_at LIMIT ${PASS_SIZE} FOR UPDATE SKIP LOCKED
    ) RETURNING payment_id`
  return rows.map(({ payment_id: id }) => id)
}

/**
 * The handler of `razorpay.refunds`. Throws `PaymentError` when the gateway cannot be asked, `PermanentError` for what a
 * person has to look at.
 */
export async function takeInRefunds(
  outside: { database: Database; rail: HostedRail },
  { paymentId, now }: { paymentId: string; now: Date },
): Promise<MovementOutcome[]> {
  const refunds = await outside.rail.refundsOf(paymentId)
  const movements = refunds.map((refund): Movement => ({ is: 'Refund', refund }))
  return await bringIn(outside.database, { rail: 'Razorpay', movements, now }).catch((error: unknown) => {
    throw forGoodIfContradiction(error)
  })
}
