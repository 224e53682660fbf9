// What of a player's payments can go back, and what went: as the player sees it, and only ever their own.
import { aliased } from '../../lib/database/columns.ts'
import type { Queries } from '../../lib/database/pool.ts'
import { refundablesPaise } from '../wallet/refunds.ts'
import { type CreditedPayment, paymentsOfPlayer } from './credited.ts'
import { gateways } from './crediting.ts'
import { MINIMUM_REFUND_PAISE, refundsInPart } from './rail.ts'
import { type Refund, type RefundRow, refundColumns, refundOf } from './refunds.ts'

/** Payments shown to a player in the chat and at the shell, the newest first. */
const PAYMENTS_SHOWN = 20

export interface Refundable {
  payment: CreditedPayment
  /** What could go back of it now. Zero while it is disputed, or where Stars are spent in part. */
  leftPaise: bigint
}

/** A page of the player's payments, the newest first, each with what of it can go back. */
export async function paymentsWithRest(
  queries: Queries,
  page: { playerId: string; limit: number; before?: string | undefined },
): Promise<Refundable[]> {
  const { playerId } = page
  const payments = await paymentsOfPlayer(queries, page)
  const disputed = await queries<{ payment_id: string }[]>`
    SELECT payment_id FROM disputes WHERE state <> 'Won' AND payment_id = ANY(${payments.map(({ id }) => id)}::text[])`
  const lots = payments.map(({ id: paymentId, rail }) => ({ source: gateways[rail], paymentId }))
  const rests = await refundablesPaise(queries, { playerId, payments: lots })
  return payments.map((payment, index) => {
    const { id, rail, amountPaise } = payment
    const rest = rests[index] ?? 0n
    const isFree = !disputed.some(({ payment_id: other }) => other === id)
    const isEnough = rest >= (refundsInPart[rail] ? MINIMUM_REFUND_PAISE : amountPaise)
    return { payment, leftPaise: isFree && isEnough ? rest : 0n }
  })
}

/** The player's payments of which something can go back now, and how much; the newest first. */
export async function refundables(queries: Queries, playerId: string): Promise<Refundable[]> {
  const payments = await paymentsWithRest(queries, { playerId, limit: PAYMENTS_SHOWN })
  return payments.filter(({ leftPaise }) => leftPaise > 0n)
}

/** The player's refunds, whoever asked for them; the newest first, those before the one of id `before`. */
export async function refundsOfPlayer(
  queries: Queries,
  { playerId, limit, before }: { playerId: string; limit: number; before?: string | undefined },
): Promise<Refund[]> {
  const rows = await queries<
    RefundRow[]
  >`${ofPlayer(queries, playerId)} AND (${before ?? null}::text IS NULL OR (refund.asked_at, refund.id) <
      (SELECT last.asked_at, last.id FROM refunds last WHERE last.id = ${before ?? null}))
    ORDER BY refund.asked_at DESC, refund.id DESC LIMIT ${limit}`
  return rows.map(refundOf)
}

/** A refund of this player's. `undefined` when there is none of this id, or it is another's. */
export async function refundOfPlayer(
  queries: Queries,
  { playerId, id }: { playerId: string; id: string },
): Promise<Refund | undefined> {
  const [row] = await queries<RefundRow[]>`${ofPlayer(queries, playerId)} AND refund.id = ${id}`
  return row && refundOf(row)
}

function ofPlayer(queries: Queries, playerId: string) {
  return queries`
    SELECT ${queries(aliased('refund', refundColumns))} FROM refunds refund JOIN payments payment
      ON payment.rail = refund.rail AND payment.id = refund.payment_id
      JOIN top_ups top_up ON top_up.id = payment.top_up_id
    WHERE top_up.player_id = ${playerId}`
}
