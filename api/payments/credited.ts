// A payment that was credited, as refunds and disputes need it.
import type { Queries, Transaction } from '../../lib/database/pool.ts'
import { PaymentError } from './errors.ts'
import type { Money, RailName } from './rail.ts'

export interface CreditedPayment {
  rail: RailName
  id: string
  /** Ours, and short: the number of its booking. */
  handle: string
  playerId: string
  topUpId: string
  /** `undefined` once the account is deleted. */
  telegramUserId: bigint | undefined
  amountPaise: bigint
  /** What was paid instead of rupees. */
  stars: bigint | undefined
  creditedAt: Date
}

interface Row {
  rail: RailName
  id: string
  transaction_id: bigint
  player_id: string
  top_up_id: string
  telegram_user_id: bigint | null
  amount_paise: bigint
  stars: bigint | null
  credited_at: Date
}

/** `undefined` when it was not credited. Refunds and disputes of one payment wait for one another. */
export async function lockedPayment(
  transaction: Transaction,
  { rail, id }: { rail: RailName; id: string },
): Promise<CreditedPayment | undefined> {
  const [row] = await transaction<Row[]>`${columns(transaction)}
    WHERE payment.rail = ${rail} AND payment.id = ${id} FOR UPDATE OF payment`
  return row && paymentOf(row)
}

/** Payments of a player, the newest first; those before the one of handle `before`. */
export async function paymentsOfPlayer(
  queries: Queries,
  { playerId, limit, before }: { playerId: string; limit: number; before?: string | undefined },
): Promise<CreditedPayment[]> {
  const rows = await queries<Row[]>`${columns(queries)}
    WHERE top_up.player_id = ${playerId}
      AND (${before ?? null}::bigint IS NULL OR payment.transaction_id < ${before ?? null})
    ORDER BY payment.transaction_id DESC LIMIT ${limit}`
  return rows.map(paymentOf)
}

/** A payment of this player's. `undefined` when there is none of this id, or it is another's. */
export async function paymentOfPlayer(
  queries: Queries,
  { playerId, id }: { playerId: string; id: string },
): Promise<CreditedPayment | undefined> {
  const [row] = await queries<Row[]>`${columns(queries)}
    WHERE top_up.player_id = ${playerId} AND payment.id = ${id} LIMIT 1`
  return row && paymentOf(row)
}

function columns(queries: Queries) {
  return queries`
    SELECT payment.rail, payment.id, payment.transaction_id, payment.amount_paise, payment.credited_at, payment.top_up_id,
      top_up.player_id, top_up.stars, player.telegram_user_id
    FROM payments payment JOIN top_ups top_up ON top_up.id = payment.top_up_id
      JOIN players player ON player.id = top_up.player_id`
}

function paymentOf(row: Row): CreditedPayment {
  return {
    rail: row.rail,
    id: row.id,
    handle: String(row.transaction_id),
    playerId: row.player_id,
    topUpId: row.top_up_id,
    telegramUserId: row.telegram_user_id ?? undefined,
    amountPaise: row.amount_paise,
    stars: row.stars ?? undefined,
    creditedAt: row.credited_at,
  }
}

/** What the gateway counts, in paise of the wallet. Stars go back whole, or not at all. Throws `PaymentMismatch`. */
export function paiseOf({ id, stars, amountPaise }: CreditedPayment, { currency, units }: Money): bigint {
  if (stars === undefined && currency === 'INR') return units
  if (currency === 'XTR' && units === stars) return amountPaise
  throw new PaymentError('PaymentMismatch', { detail: `${units} ${currency} of payment ${id}` })
}

/** Paise of the wallet in what the gateway counts. */
export function moneyOf({ stars }: CreditedPayment, paise: bigint): Money {
  return stars === undefined ? { currency: 'INR', units: paise } : { currency: 'XTR', units: stars }
}
