// What a gateway tells has moved, brought into the books: the same way whether a webhook told it, the bot, or our asking.
// Told again, out of order or late, it comes to the same.
import { type Database, inTransaction, type Queries, type Transaction } from '../../lib/database/pool.ts'
import { type Crediting, creditPayments } from './crediting.ts'
import { type DisputeOutcome, settleDispute } from './disputes.ts'
import { isPaymentError, PaymentError } from './errors.ts'
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
      const [outcome] = await takeIn(transaction, { rail, payments: [movement.payment], now })
      if (outcome instanceof PaymentError) throw outcome
      return outcome ?? 'NotOurs'
    }
    case 'Authorization': {
      const [outcome] = await awaitCaptures(transaction, { topUpIds: [movement.topUpId], now })
      return outcome ?? 'NotOurs'
    }
    case 'Refund':
      return await settleRefund(transaction, { rail, refund: movement.refund, now })
    case 'Dispute':
      return await settleDispute(transaction, { rail, dispute: movement.dispute, now })
    default:
      return movement satisfies never
  }
}

/** Milliseconds for which a payment among others waits for a session or a wallet that is held; by itself, for as long as it takes. */
const TOGETHER_MILLISECONDS = 1000

/**
 * Payments of a flood, in one transaction as far as that goes: whose wallet is held for long, or whose money the books cannot
 * take, holds up and fails none of the others. What came of each, or what it failed by, in their order.
 */
export async function bringInPayments(
  database: Database,
  order: { rail: RailName; payments: readonly PaymentSeen[]; now: Date },
): Promise<(Crediting | { error: unknown })[]> {
  const { rail, payments, now } = order
  try {
    const outcomes = await inTransaction(database, async transaction => {
      const milliseconds = payments.length > 1 ? TOGETHER_MILLISECONDS : 0 // Zero: no limit of its own.
      const [, taken] = await Promise.all([
        transaction`SELECT set_config('lock_timeout', ${String(milliseconds)}, true)`,
        takeIn(transaction, order),
      ])
      return taken
    })
    return outcomes.map(outcome => (outcome instanceof PaymentError ? { error: outcome } : outcome))
  } catch (error) {
    if (payments.length === 1) return [{ error }]
    const each = payments.map(payment => bringInPayments(database, { rail, payments: [payment], now }))
    return (await Promise.all(each)).flat()
  }
}

async function takeIn(
  transaction: Transaction,
  { rail, payments, now }: { rail: RailName; payments: readonly PaymentSeen[]; now: Date },
): Promise<(Crediting | PaymentError)[]> {
  const outcomes = await creditPayments(transaction, { rail, payments, now })
  const credited = payments.filter((_, index) => outcomes[index] === 'Credited')
  if (credited.length > 0) await returnToWhoLeft(transaction, { rail, payments: credited, now })
  return outcomes
}

/**
 * Paid after the account was deleted, it goes back to whoever paid it, and by the way it came: nobody is there to play for
 * it.
 */
async function returnToWhoLeft(
  transaction: Transaction,
  { rail, payments, now }: { rail: RailName; payments: readonly PaymentSeen[]; now: Date },
): Promise<void> {
  // Waits for a deletion that is under way, and keeps another from beginning.
  const rows = await transaction<{ payment_id: string; deleted_at: Date | null }[]>`
    SELECT payment.id AS payment_id, player.deleted_at FROM payments payment
      JOIN top_ups top_up ON top_up.id = payment.top_up_id JOIN players player ON player.id = top_up.player_id
    WHERE payment.rail = ${rail} AND payment.id = ANY(${payments.map(({ id }) => id)}::text[])
    ORDER BY player.id FOR SHARE OF player`
  const by = { askedBy: 'Operator', author: 'wasd-api', reason: 'Paid after the account was deleted.' } as const
  for (const { payment_id: paymentId, deleted_at: deletedAt } of rows) {
    if (!deletedAt) continue
    const payerId = payments.find(({ id }) => id === paymentId)?.payerId
    await askRefund(transaction, { rail, paymentId, payerId, by, now }).catch((error: unknown) => {
      if (!isPaymentError(error, 'NothingToRefund', 'RefundNotWhole')) throw error // It has repaid a debt, in part or whole.
    })
  }
}

/**
 * The top-ups are asked about soon, whenever they would have been otherwise. `AlreadyCredited`: told late, or of a second
 * attempt, which Razorpay gives back by itself. One outcome for each, in their order.
 */
export async function awaitCaptures(
  queries: Queries,
  { topUpIds, now }: { topUpIds: readonly (string | undefined)[]; now: Date },
): Promise<('Awaited' | 'AlreadyCredited' | 'NotOurs')[]> {
  const lookAt = new Date(now.getTime() + CAPTURE_SECONDS * 1000)
  const ids = topUpIds.flatMap(id => id ?? [])
  const rows = await queries<{ id: string; is_awaited: boolean }[]>`
    WITH open AS MATERIALIZED (
      SELECT id FROM top_ups WHERE id = ANY(${ids}::text[]) AND credited_at IS NULL ORDER BY id FOR UPDATE
    ), awaited AS (
      UPDATE top_ups SET look_at = least(coalesce(look_at, ${lookAt}), ${lookAt})
      FROM open WHERE top_ups.id = open.id RETURNING top_ups.id
    )
    SELECT top_up.id, awaited.id IS NOT NULL AS is_awaited
    FROM top_ups top_up LEFT JOIN awaited ON awaited.id = top_up.id WHERE top_up.id = ANY(${ids}::text[])`
  const known = new Map(rows.map(({ id, is_awaited: isAwaited }) => [id, isAwaited]))
  return topUpIds.map(id => {
    const isAwaited = id === undefined ? undefined : known.get(id)
    if (isAwaited === undefined) return 'NotOurs'
    return isAwaited ? 'Awaited' : 'AlreadyCredited'
  })
}
