// A payment that the gateway has taken becomes money in the wallet: once, whoever tells of it and however often.
import type { Transaction } from '../../lib/database/pool.ts'
import { enqueue } from '../queue/queue.ts'
import { credit } from '../wallet/wallet.ts'
import { PaymentError } from './errors.ts'
import type { CapturedPayment } from './rail.ts'
import { type TopUp, topUpById } from './top-ups.ts'

export type Crediting = 'Credited' | 'AlreadyCredited'

/**
 * Credits a payment that is known to have been captured, and tells the player. Throws `TopUpUnknown`, and
 * `PaymentMismatch` when it is not the amount that was asked for.
 */
export async function creditPayment(
  transaction: Transaction,
  order: { topUpId: string; payment: CapturedPayment; now: Date },
): Promise<{ is: Crediting; topUp: TopUp }> {
  const { topUpId, payment, now } = order
  const topUp = await topUpById(transaction, topUpId)
  if (!topUp) throw new PaymentError('TopUpUnknown', { detail: `payment ${payment.id}` })
  const { rail, playerId, amountPaise } = topUp
  if (payment.amountPaise !== amountPaise) {
    const detail = `payment ${payment.id} of ${payment.amountPaise} paise for top-up ${topUpId} of ${amountPaise}`
    throw new PaymentError('PaymentMismatch', { detail })
  }

  // The running session reaches further now; its meter looks at once. Before the wallet: locks go
  // from session to wallet.
  await transaction`UPDATE sessions SET meter_at = ${now} WHERE player_id = ${playerId} AND ended_at IS NULL`

  const source = rail === 'Razorpay' ? 'razorpay' : 'stars'
  const { isNew, transactionId, balance } = await credit(transaction, {
    playerId,
    amountPaise,
    source,
    reference: payment.id,
    idempotencyKey: `${source}:payment:${payment.id}`,
    now,
  })
  if (!isNew) return { is: 'AlreadyCredited', topUp }

  await transaction`
    INSERT INTO payments (rail, id, top_up_id, amount_paise, transaction_id, credited_at)
    VALUES (${rail}, ${payment.id}, ${topUpId}, ${amountPaise}, ${transactionId}, ${now})`
  await transaction`UPDATE top_ups SET credited_at = coalesce(credited_at, ${now}) WHERE id = ${topUpId}`
  await enqueue(transaction, 'telegram.notification', {
    playerId,
    notification: {
      type: 'TopUpCredited',
      amountPaise: String(amountPaise),
      balancePaise: String(balance.availablePaise),
      rail,
    },
  })
  return { is: 'Credited', topUp }
}
