// A dispute: a bank asks for a payment back. From its first sight on, what it asks for is out of the player's reach; what
// is spent already is owed. Won, it returns; lost, what the bank has taken stays there, and the rest returns.
//
// Open: Won or Lost. Both are final: events come in any order, and a late "created" says nothing new. What the bank asks
// for once more is another dispute, with an id of its own. https://razorpay.com/docs/payments/disputes/
import type { Queries, Transaction } from '../../lib/database/pool.ts'
import { enqueue } from '../queue/queue.ts'
import { debit } from '../wallet/refunds.ts'
import { creditBack } from '../wallet/wallet.ts'
import { lockedPayment, paiseOf } from './credited.ts'
import { gateways, wakeMeter } from './crediting.ts'
import type { DisputeSeen, RailName } from './rail.ts'

/** `NotOurs`: of a payment that was not credited. */
export type DisputeOutcome = 'DisputeOpened' | 'DisputeWon' | 'DisputeLost' | 'DisputeKnown' | 'NotOurs'

export async function settleDispute(
  transaction: Transaction,
  { rail, dispute, now }: { rail: RailName; dispute: DisputeSeen; now: Date },
): Promise<DisputeOutcome> {
  const payment = await lockedPayment(transaction, { rail, id: dispute.paymentId })
  if (!payment) return 'NotOurs'
  const [known] = await transaction<{ state: DisputeSeen['state']; amount_paise: bigint }[]>`
    SELECT state, amount_paise FROM disputes WHERE rail = ${rail} AND id = ${dispute.id}`
  if (known && (known.state !== 'Open' || dispute.state === 'Open')) return 'DisputeKnown'

  const { playerId } = payment
  const { disputed, taken = disputed } = dispute
  const amountPaise = known?.amount_paise ?? paiseOf(payment, dispute.state === 'Lost' ? taken : disputed)
  const backPaise = dispute.state === 'Lost' ? amountPaise - paiseOf(payment, taken) : amountPaise
  const endedAt = dispute.state === 'Open' ? null : now
  const source = gateways[rail]
  const about = { playerId, source, now }
  await transaction`
    INSERT INTO disputes (rail, id, payment_id, amount_paise, state, opened_at, ended_at)
    VALUES (${rail}, ${dispute.id}, ${payment.id}, ${amountPaise}, ${dispute.state}, ${now}, ${endedAt})
    ON CONFLICT (rail, id) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at`

  // Won before we heard of it: nothing was taken, and nothing is to be given back.
  if (known && dispute.state !== 'Open' && backPaise > 0n) {
    await wakeMeter(transaction, { playerId, now })
    const idempotencyKey = `${source}:dispute:${dispute.id}:won`
    const back = { ...about, amountPaise: backPaise, reference: payment.id, idempotencyKey }
    const { balance, repaidPaise } = await creditBack(transaction, back)
    const notification = {
      type: 'DisputeWon',
      amountPaise: String(backPaise),
      repaidPaise: String(repaidPaise),
      balancePaise: String(balance.availablePaise),
    } as const
    await enqueue(transaction, 'telegram.notification', { playerId, notification })
  }
  if (dispute.state === 'Won') return 'DisputeWon'

  if (!known) {
    const { balance } = await debit(transaction, {
      ...about,
      amountPaise,
      kind: 'Dispute',
      paymentId: payment.id,
      reference: dispute.id,
      idempotencyKey: `${source}:dispute:${dispute.id}`,
    })
    const notification = {
      type: 'MoneyTakenBack',
      because: 'Dispute',
      amountPaise: String(amountPaise),
      balancePaise: String(balance.availablePaise),
      owedPaise: String(balance.owedPaise),
    } as const
    await enqueue(transaction, 'telegram.notification', { playerId, notification })
  }
  return dispute.state === 'Lost' ? 'DisputeLost' : 'DisputeOpened'
}

/** As it is stored. */
export interface DisputeRow {
  rail: RailName
  id: string
  payment_id: string
  amount_paise: bigint
  state: DisputeSeen['state']
  opened_at: Date
  ended_at: Date | null
}

/** The disputes of a player's payments, the newest first. */
export async function disputesOfPlayer(
  queries: Queries,
  { playerId, limit }: { playerId: string; limit: number },
): Promise<DisputeRow[]> {
  return await queries<DisputeRow[]>`
    SELECT dispute.rail, dispute.id, dispute.payment_id, dispute.amount_paise, dispute.state, dispute.opened_at,
      dispute.ended_at
    FROM disputes dispute JOIN payments payment
      ON payment.rail = dispute.rail AND payment.id = dispute.payment_id
      JOIN top_ups top_up ON top_up.id = payment.top_up_id
    WHERE top_up.player_id = ${playerId} ORDER BY dispute.opened_at DESC, dispute.id DESC LIMIT ${limit}`
}
