// Money that goes back. A refund of ours leaves the wallet before the gateway is asked, and returns to its lot when the
// gateway cannot pay it out; what others take back from us (a refund in Razorpay's dashboard, a dispute) is debited as
// far as it is there, and owed for the rest.
import type { Queries } from '../../lib/database/pool.ts'
import { WalletError } from './errors.ts'
import { type Balance, type BalanceRow, balanceFrom, type Gateway, type Outcome, only } from './wallet.ts'

export type RefundState = 'Pending' | 'Completed' | 'Failed'

export interface RefundOrder {
  /** Made by the caller, and kept before the gateway is asked: the same id is the same refund. At most 100 characters. */
  refundId: string
  playerId: string
  /** Above zero. */
  amountPaise: bigint
  source: Gateway
  /** The payment that it goes back to, as `credit`'s `reference`. */
  paymentId: string
  /** Who asked for it, and why. */
  author?: string
  reason?: string
  now: Date
}

/**
 * Debits a refund to the gateway's pending account, leaving alone what is held or owed. Started again, it changes nothing and
 * tells how far it is. Throws `InvalidAmount`, `PaymentUnknown`, `RefundTooLarge` (with what can be refunded),
 * `IdempotencyConflict`.
 */
export async function startRefund(
  queries: Queries,
  order: RefundOrder,
): Promise<{ isNew: boolean; state: RefundState }> {
  const { refundId, playerId, amountPaise, source, paymentId, author = null, reason = null, now } = order
  if (amountPaise <= 0n) throw new WalletError('InvalidAmount')
  const row = only(
    await queries<{ outcome: Outcome<'Started'>; is_new: boolean; state: RefundState; refundable_paise: bigint }[]>`
      SELECT outcome, is_new, state, refundable_paise FROM wallet_refund_start(${refundId}, ${playerId}, ${amountPaise}, ${`gateway:${source}`}, ${paymentId},
        ${author}, ${reason}, ${now})`,
  )
  if (row.outcome === 'RefundTooLarge') {
    throw new WalletError('RefundTooLarge', {
      funds: { neededPaise: amountPaise, availablePaise: row.refundable_paise },
    })
  }
  if (row.outcome !== 'Started') throw new WalletError(row.outcome)
  return { isNew: row.is_new, state: row.state }
}

/** What can be refunded of a payment now: the rest of its lot, as far as it is neither held nor owed. Zero for an unknown one. */
export async function refundablePaise(
  queries: Queries,
  { playerId, source, paymentId }: { playerId: string; source: Gateway; paymentId: string },
): Promise<bigint> {
  const [paise = 0n] = await refundablesPaise(queries, { playerId, payments: [{ source, paymentId }] })
  return paise
}

/** The same of many payments, in their order. Together they may not be refunded: what is free is counted for each. */
export async function refundablesPaise(
  queries: Queries,
  { playerId, payments }: { playerId: string; payments: readonly { source: Gateway; paymentId: string }[] },
): Promise<bigint[]> {
  const sources = payments.map(({ source }) => `gateway:${source}`)
  const ids = payments.map(({ paymentId }) => paymentId)
  const rows = await queries<{ paise: bigint }[]>`
    SELECT coalesce((
      SELECT greatest(0, least(lot.remainder_paise, posted_paise - held_paise - owed_paise))
      FROM wallet_lots lot JOIN wallet_balances balance USING (account_id)
      WHERE lot.account_id = ${`wallet:${playerId}`} AND lot.is_refundable
        AND lot.source = asked.source AND lot.reference = asked.id
      ORDER BY lot.remainder_paise DESC LIMIT 1
    ), 0) AS paise
    FROM unnest(${sources}::text[], ${ids}::text[]) WITH ORDINALITY AS asked (source, id, place) ORDER BY place`
  return rows.map(({ paise }) => paise)
}

export interface RefundEnd {
  refundId: string
  /** The refund's id at the gateway. */
  reference: string
  now: Date
}

export interface RefundEnded {
  /** False when it had ended so before. */
  isNew: boolean
  playerId: string
  amountPaise: bigint
  /** The part of a failed one that went into what the player owed. */
  repaidPaise: bigint
}

/** The gateway has paid it out. Throws `RefundUnknown`, and `RefundEnded` when it failed before. */
export async function completeRefund(queries: Queries, order: RefundEnd): Promise<RefundEnded> {
  return await endRefund(queries, { ...order, state: 'Completed' })
}

/** The gateway cannot pay it out: it returns to its lot, after what is owed was repaid from it. Throws `RefundUnknown`, and `RefundEnded` when it was paid out. */
export async function failRefund(
  queries: Queries,
  order: Omit<RefundEnd, 'reference'> & { reference?: string },
): Promise<RefundEnded> {
  return await endRefund(queries, { ...order, state: 'Failed' })
}

async function endRefund(
  queries: Queries,
  order: { refundId: string; state: 'Completed' | 'Failed'; reference?: string; now: Date },
): Promise<RefundEnded> {
  const { refundId, state, reference = null, now } = order
  const row = only(
    await queries<{ outcome: Outcome<'Ended'>; is_new: boolean; amount_paise: bigint; player: string }[]>`
      SELECT outcome, is_new, amount_paise, player FROM wallet_refund_end(${refundId}, ${state}, ${reference}, ${now})`,
  )
  if (row.outcome !== 'Ended') throw new WalletError(row.outcome)
  const [repaid] = await queries<{ paise: bigint }[]>`
    SELECT coalesce(sum(entry.amount_paise), 0)::bigint AS paise
    FROM wallet_refunds refund JOIN wallet_entries entry ON entry.transaction_id = refund.ended_by
    WHERE refund.id = ${refundId} AND entry.account_id = ${`receivable:${row.player}`}`
  const { is_new: isNew, player: playerId, amount_paise: amountPaise } = row
  return { isNew, playerId, amountPaise, repaidPaise: repaid?.paise ?? 0n }
}

/**
 * Debits what was taken back from us without our asking, once per key. First from the payment's own lot, then from what
 * else was paid in and is free; the rest is owed, and repaid by what a hold leaves over and by the next top-up. Live holds
 * and gifts are left alone. Throws `InvalidAmount`, `IdempotencyConflict`.
 */
export async function debit(
  queries: Queries,
  order: {
    kind: 'ExternalRefund' | 'Dispute'
    playerId: string
    amountPaise: bigint
    source: Gateway
    paymentId: string
    /** The refund or dispute at the gateway. */
    reference: string
    idempotencyKey: string
    now: Date
  },
): Promise<{ isNew: boolean; transactionId: bigint; debitedPaise: bigint; balance: Balance }> {
  const { kind, playerId, amountPaise, source, paymentId, reference, idempotencyKey, now } = order
  if (amountPaise <= 0n) throw new WalletError('InvalidAmount')
  const row = only(
    await queries<
      (BalanceRow & { outcome: Outcome<'Debited'>; is_new: boolean; transaction_id: bigint; debited_paise: bigint })[]
    >`
      SELECT outcome, is_new, transaction_id, debited_paise, posted_paise, held_paise, owed_paise
      FROM wallet_debit(${kind}, ${playerId}, ${amountPaise}, ${`gateway:${source}`}, ${paymentId},
        ${reference}, ${idempotencyKey}, ${now})`,
  )
  if (row.outcome !== 'Debited') throw new WalletError(row.outcome)
  const { is_new: isNew, transaction_id: transactionId, debited_paise: debitedPaise } = row
  return { isNew, transactionId, debitedPaise, balance: balanceFrom(row) }
}
