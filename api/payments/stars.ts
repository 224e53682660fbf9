// Telegram Stars: an invoice in the chat, in Telegram's own currency XTR. The rate is frozen in the top-up when the
// invoice is made. https://core.telegram.org/bots/payments-stars
import type { Queries } from '../../lib/database/pool.ts'
import { STARS_CURRENCY } from './stars-rail.ts'
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
  return currency === STARS_CURRENCY && BigInt(stars) === topUp.stars ? 'Accepted' : 'AmountChanged'
}
