// What a gateway tells has moved, brought into the books: the same way whether a webhook told it, the bot, or our asking.
// Told again, out of order or late, it comes to the same.
import { type Database, inTransaction, type Transaction } from '../../lib/database/pool.ts'
import { type Crediting, creditPayment } from './crediting.ts'
import { type DisputeOutcome, settleDispute } from './disputes.ts'
import { isPaymentError } from './errors.ts'
import type { Movement, PaymentSeen, RailName } from './rail.ts'
import { askRefund, type RefundOutcome, settleRefund } from './refunds.ts'

/** `Awaited`: authorised; it is captured by us if the gateway has not done so soon. */
export type MovementOutcome = Crediting | RefundOutcome | DisputeOutcome | 'Awaited'

/** Seconds that the gateway's own capture is given. */
const CAPTURE_SECONDS = 60

/** All of them in one transaction. Throws `TopUpUnknown`, `PaymentMismatch`, and `WalletError` where the books say otherwise. */
export async function bringIn(
  database: Database,
  order: { rail: RailName; movements: readonly Movement[]; now: Date },
): Promise<MovementOutcome[]> {
  const { rail, movements, now } = order
  return await inTransaction(database, async transaction => {
    const outcomes: MovementOutcome[] = []
    for (const movement of movements) outcomes.push(await settle(transaction, { rail, movement, now }))
    return outcomes
  })
}

async function settle(
  transaction: Transaction,
  { rail, movement, now }: { rail: RailName; movement: Movement; now: Date },
): Promise<MovementOutcome> {
  switch (movement.is) {
    case 'Payment': {
      const outcome = await creditPayment(transaction, { rail, payment: movement.payment, now })
      if (outcome === 'Credited') await returnToWhoLeft(transaction, { rail, payment: movement.payment, now })
      return outcome
    }
    case 'Authorization':
      return await awaitCapture(transaction, { topUpId: movement.topUpId, now })
    case 'Refund':
      return await settleRefund(transaction, { rail, refund: movement.refund, now })
    case 'Dispute':
      return await settleDispute(transaction, { rail, dispute: movement.dispute, now })
    default:
      return movement satisfies never
  }
}

/**
 * Paid after the account was deleted, it goes back to whoever paid it, and by the way it came: nobody is there to play for
 * it.
 */
async function returnToWhoLeft(
  transaction: Transaction,
  { rail, payment, now }: { rail: RailName; payment: PaymentSeen; now: Date },
): Promise<void> {
  const { id: paymentId, payerId } = payment
  // Waits for a deletion that is under way, and keeps another from beginning.
  const [player] = await transaction<{ deleted_at: Date | null }[]>`
    SELECT player.deleted_at FROM payments payment JOIN top_ups top_up ON top_up.id = payment.top_up_id
      JOIN players player ON player.id = top_up.player_id
    WHERE payment.rail = ${rail} AND payment.id = ${paymentId} FOR SHARE OF player`
  if (!player?.deleted_at) return
  const by = { askedBy: 'Operator', author: 'wasd-api', reason: 'Paid after the account was deleted.' } as const
  await askRefund(transaction, { rail, paymentId, payerId, by, now }).catch((error: unknown) => {
    if (!isPaymentError(error, 'NothingToRefund', 'RefundNotWhole')) throw error // It has repaid a debt, in part or whole.
  })
}

/**
 * The top-up is asked about soon, whenever it would have been otherwise. `AlreadyCredited`: told late, or of a second
 * attempt, which Razorpay gives back by itself.
 */
async function awaitCapture(
  transaction: Transaction,
  { topUpId, now }: { topUpId: string | undefined; now: Date },
): Promise<MovementOutcome> {
  const lookAt = new Date(now.getTime() + CAPTURE_SECONDS * 1000)
  const { count } = await transaction`
    UPDATE top_ups SET look_at = least(coalesce(look_at, ${lookAt}), ${lookAt})
    WHERE id = ${topUpId ?? null} AND credited_at IS NULL`
  if (count > 0) return 'Awaited'
  const { count: known } = await transaction`SELECT FROM top_ups WHERE id = ${topUpId ?? null}`
  return known > 0 ? 'AlreadyCredited' : 'NotOurs'
}
