// A payment that the gateway has taken becomes money in the wallet: once, whoever tells of it and however often.
import type { Queries, Transaction } from '../../lib/database/pool.ts'
import { enqueue } from '../queue/queue.ts'
import { extend, sessionToExtend } from '../sessions/extending.ts'
import { type Credited, credit, type Gateway } from '../wallet/wallet.ts'
import { PaymentError } from './errors.ts'
import type { Money, PaymentSeen, RailName } from './rail.ts'
import { CREDITED_LOOK_HOURS, type TopUp, topUpById } from './top-ups.ts'

/** `NotOurs`: it was not made for a top-up. */
export type Crediting = 'Credited' | 'AlreadyCredited' | 'NotOurs'

/** The gateway's name in the ledger. */
export const gateways = { Razorpay: 'razorpay', Stars: 'stars' } as const satisfies Record<RailName, Gateway>

/**
 * Credits a payment that is known to have been taken, and tells the player. Throws `TopUpUnknown`, and `PaymentMismatch`
 * when it is not what was asked for.
 */
export async function creditPayment(
  transaction: Transaction,
  { rail, payment, now }: { rail: RailName; payment: PaymentSeen; now: Date },
): Promise<Crediting> {
  // What needs no answer to the one before it is sent along with it, here and below: a flood of payments is all round trips.
  const [isKnown, topUp] = await Promise.all([
    isCredited(transaction, { rail, paymentId: payment.id }),
    payment.topUpId === undefined ? undefined : topUpById(transaction, payment.topUpId),
  ])
  if (isKnown) return 'AlreadyCredited'
  if (payment.topUpId === undefined) return 'NotOurs'
  if (!topUp) throw new PaymentError('TopUpUnknown', { detail: `payment ${payment.id}` })
  requireMatch(topUp, rail, payment)

  const { playerId, amountPaise } = topUp
  // The running session reaches further now. Before the wallet: locks go from session to wallet.
  const session = await sessionToExtend(transaction, { playerId, now })
  const source = gateways[rail]
  const idempotencyKey = `${source}:payment:${payment.id}`
  const order = { playerId, amountPaise, source, reference: payment.id, idempotencyKey, now }
  const credited = await credit(transaction, order)
  if (!credited.isNew) return 'AlreadyCredited'
  if (session) await extend(transaction, { session, now })
  await record(transaction, { topUp, payment, credited, now })
  return 'Credited'
}

async function record(
  transaction: Transaction,
  { topUp, payment, credited, now }: { topUp: TopUp; payment: PaymentSeen; credited: Credited; now: Date },
): Promise<void> {
  const { id: topUpId, rail, playerId, amountPaise } = topUp
  const { transactionId, repaidPaise, balance } = credited
  const notification = {
    type: 'TopUpCredited',
    amountPaise: String(amountPaise),
    repaidPaise: String(repaidPaise),
    balancePaise: String(balance.availablePaise),
    rail,
  } as const
  await Promise.all([
    transaction`
      WITH credited AS (
        UPDATE top_ups SET credited_at = ${now},
          look_at = CASE WHEN look_at IS NOT NULL THEN ${now}::timestamptz + make_interval(hours => ${CREDITED_LOOK_HOURS}) END
        WHERE id = ${topUpId} AND credited_at IS NULL
      )
      INSERT INTO payments (rail, id, top_up_id, amount_paise, transaction_id, credited_at)
      VALUES (${rail}, ${payment.id}, ${topUpId}, ${amountPaise}, ${transactionId}, ${now})`,
    mayHaveRefunds(payment, now) && enqueue(transaction, 'razorpay.refunds', { paymentId: payment.id }),
    enqueue(transaction, 'telegram.notification', { playerId, notification }),
  ])
}

/**
 * Seconds after which refunds of a payment may have been told of before it was credited, when they were nobody's: the list
 * of what has moved is read again for no longer than that (`OVERLAP_SECONDS` in razorpay-movements.ts).
 */
const LATE_SECONDS = 600

/** The snapshot may be older than its refunds. */
function mayHaveRefunds({ hasRefunds, madeAt }: PaymentSeen, now: Date): boolean {
  return hasRefunds || (madeAt !== undefined && now.getTime() - madeAt.getTime() > LATE_SECONDS * 1000)
}

/** Whether this payment is in the books already. */
async function isCredited(
  queries: Queries,
  { rail, paymentId }: { rail: RailName; paymentId: string },
): Promise<boolean> {
  return (await queries`SELECT FROM payments WHERE rail = ${rail} AND id = ${paymentId}`).length > 0
}

/**
 * The running session reaches further with more money; its meter looks at once. To be called before the wallet is
 * touched: locks go from session to wallet.
 */
export async function wakeMeter(
  transaction: Transaction,
  { playerId, now }: { playerId: string; now: Date },
): Promise<void> {
  await transaction`UPDATE sessions SET meter_at = ${now} WHERE player_id = ${playerId} AND ended_at IS NULL`
}

function requireMatch(topUp: TopUp, rail: RailName, { id, paid }: PaymentSeen): void {
  const asked: Money =
    topUp.stars === undefined ? { currency: 'INR', units: topUp.amountPaise } : { currency: 'XTR', units: topUp.stars }
  if (topUp.rail === rail && paid.currency === asked.currency && paid.units === asked.units) return
  const told = `${rail} payment ${id} of ${paid.units} ${paid.currency}`
  const detail = `${told} for top-up ${topUp.id} of ${asked.units} ${asked.currency} by ${topUp.rail}`
  throw new PaymentError('PaymentMismatch', { detail })
}
