// Telegram Stars: an invoice in the chat, in Telegram's own currency XTR. The rate is frozen in the top-up when the
// invoice is made. https://core.telegram.org/bots/payments-stars
import { type Database, inTransaction, type Queries } from '../../lib/database/pool.ts'
import { type Crediting, creditPayment } from './crediting.ts'
import { PaymentError } from './errors.ts'
import { createTopUp, stateOf, topUpById } from './top-ups.ts'

export interface StarsInvoice {
  /** Comes back with the pre-checkout query and the payment. */
  payload: string
  stars: number
  /** What will be in the wallet: the amount asked for, rounded up to what whole stars are worth. */
  amountPaise: bigint
}

/** Throws `AmountOutOfRange`. */
export async function createStarsInvoice(
  queries: Queries,
  order: { playerId: string; amountPaise: bigint; paisePerStar: number; now: Date },
): Promise<StarsInvoice> {
  const { playerId, amountPaise, paisePerStar, now } = order
  const payBy = { rail: 'Stars', paisePerStar: BigInt(paisePerStar) } as const
  const topUp = await createTopUp(queries, { playerId, amountPaise, payBy, now })
  return { payload: topUp.id, stars: Number(topUp.stars), amountPaise: topUp.amountPaise }
}

export type StarsCheck = 'Accepted' | 'UnknownInvoice' | 'AmountChanged'

/** Whether Telegram may take the money. One row is read: the answer must be there within ten seconds. */
export async function checkStars(
  queries: Queries,
  checkout: { payload: string; stars: number; currency: string; now: Date },
): Promise<StarsCheck> {
  const { payload, stars, currency, now } = checkout
  const topUp = await topUpById(queries, payload)
  if (topUp?.stars === undefined || stateOf(topUp, now) !== 'Open') return 'UnknownInvoice'
  return currency === 'XTR' && BigInt(stars) === topUp.stars ? 'Accepted' : 'AmountChanged'
}

/**
 * Credits a payment that Telegram has taken, once per charge. Throws `TopUpUnknown` and `PaymentMismatch`: the money is
 * with Telegram then, and a person has to look.
 */
export async function creditStars(
  database: Database,
  payment: { payload: string; stars: number; currency: string; chargeId: string; now: Date },
): Promise<Crediting> {
  const { payload, stars, currency, chargeId, now } = payment
  return await inTransaction(database, async transaction => {
    const topUp = await topUpById(transaction, payload)
    if (topUp?.stars === undefined) throw new PaymentError('TopUpUnknown', { detail: `charge ${chargeId}` })
    if (currency !== 'XTR' || BigInt(stars) !== topUp.stars) {
      throw new PaymentError('PaymentMismatch', { detail: `charge ${chargeId} of ${stars} ${currency}` })
    }
    const { is } = await creditPayment(transaction, {
      topUpId: topUp.id,
      payment: { id: chargeId, amountPaise: topUp.amountPaise },
      now,
    })
    return is
  })
}
