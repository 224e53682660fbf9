// Refunds: money that goes back to where it was paid from.
//
// Pending: asked for, debited, and on its way; or made in the gateway's dashboard and not paid out yet. Becomes Processed
// when the gateway has paid it out, or Failed when it cannot, and then the money is in the wallet again.
// Processed: Failed when the bank sends the money back after all. Failed is final: what is told late says nothing new. But
// what the gateway refused, and has all the same, is a refund that we know nothing of: debited as one of its dashboard.
import { columnsOf } from '../../lib/database/columns.ts'
import type { Database, Queries, Transaction } from '../../lib/database/pool.ts'
import { inTransaction } from '../../lib/database/pool.ts'
import { lowerCaseUlid } from '../players/ids.ts'
import { PermanentError } from '../queue/errors.ts'
import { enqueue } from '../queue/queue.ts'
import { WalletError } from '../wallet/errors.ts'
import { completeRefund, debit, failRefund, refundablePaise, startRefund } from '../wallet/refunds.ts'
import { balanceOf, creditBack } from '../wallet/wallet.ts'
import { type CreditedPayment, lockedPayment, moneyOf, paiseOf } from './credited.ts'
import { gateways, wakeMeter } from './crediting.ts'
import { isPaymentError, PaymentError } from './errors.ts'
import { MINIMUM_REFUND_PAISE, type PaymentRail, type RailName, type RefundSeen, refundsInPart } from './rail.ts'

/** Seconds until a pending refund is first asked about; later, half of its age. */
const LOOK_SECONDS = 900

export interface Refund {
  id: string
  rail: RailName
  paymentId: string
  gatewayId: string | undefined
  amountPaise: bigint
  askedBy: 'Player' | 'Operator' | 'Gateway'
  state: RefundSeen['state']
  /** The gateway's words, where it could not pay it out. */
  failure: string | undefined
  /** Who paid, as Telegram knows them; while it is pending. */
  payerId: bigint | undefined
  /** Who of us asked for it, and why. */
  author: string | undefined
  reason: string | undefined
  askedAt: Date
  endedAt: Date | undefined
}

/** As it is stored. */
export interface RefundRow {
  id: string
  rail: RailName
  payment_id: string
  gateway_id: string | null
  amount_paise: bigint
  asked_by: Refund['askedBy']
  state: Refund['state']
  failure: string | null
  payer_id: bigint | null
  author: string | null
  reason: string | null
  asked_at: Date
  ended_at: Date | null
}

export const refundColumns = columnsOf<RefundRow>()(
  'id rail payment_id gateway_id amount_paise asked_by state failure payer_id author reason asked_at ended_at',
)

export type RefundAsker = { askedBy: 'Player' } | { askedBy: 'Operator'; author: string; reason: string }

export interface RefundRequest {
  rail: RailName
  paymentId: string
  /** Whose payment it has to be; for a player's own request. */
  playerId?: string
  /** Without one, all that is left of the payment. */
  amountPaise?: bigint
  by: RefundAsker
  /** Who paid, where that is known from elsewhere than the account. */
  payerId?: bigint | undefined
  now: Date
}

/**
 * Debits the wallet and leaves the rest to the queue, in one transaction. Throws `PaymentUnknown`, `RefundTooLarge`,
 * `NothingToRefund`, `RefundNotWhole`, `PaymentDisputed`.
 */
export async function askRefund(queries: Queries, request: RefundRequest): Promise<Refund> {
  return await inTransaction(queries, transaction => ask(transaction, request))
}

async function ask(transaction: Transaction, request: RefundRequest): Promise<Refund> {
  const { rail, paymentId, by, now } = request
  const payment = await lockedPayment(transaction, { rail, id: paymentId })
  if (!payment || (request.playerId ?? payment.playerId) !== payment.playerId) throw new WalletError('PaymentUnknown')
  const disputed = await transaction`
    SELECT FROM disputes WHERE rail = ${rail} AND payment_id = ${paymentId} AND state <> 'Won'`
  if (disputed.length > 0) throw new PaymentError('PaymentDisputed')

  const { playerId } = payment
  const source = gateways[rail]
  const left = await refundablePaise(transaction, { playerId, source, paymentId })
  const amountPaise = request.amountPaise ?? (refundsInPart[rail] ? left : payment.amountPaise)
  if (left < MINIMUM_REFUND_PAISE || amountPaise < MINIMUM_REFUND_PAISE) throw new PaymentError('NothingToRefund')
  if (!refundsInPart[rail] && (amountPaise !== payment.amountPaise || left < amountPaise)) {
    throw new PaymentError('RefundNotWhole')
  }

  const refundId = lowerCaseUlid(now)
  const operator = by.askedBy === 'Operator' ? { author: by.author, reason: by.reason } : {}
  await startRefund(transaction, { refundId, playerId, amountPaise, source, paymentId, ...operator, now })
  // Where the gateway knows but one refund of a payment, it is this one.
  const gatewayId = refundsInPart[rail] ? null : paymentId
  // Kept until it has ended: the account may be deleted meanwhile.
  const payerId = rail === 'Stars' ? (request.payerId ?? payment.telegramUserId ?? null) : null
  const [row] = await transaction<RefundRow[]>`
    INSERT INTO refunds (id, rail, payment_id, gateway_id, amount_paise, asked_by, author, reason, payer_id, state,
      asked_at, look_at)
    VALUES (${refundId}, ${rail}, ${paymentId}, ${gatewayId}, ${amountPaise}, ${by.askedBy},
      ${operator.author ?? null}, ${operator.reason ?? null}, ${payerId}, 'Pending', ${now}, ${lookAfter(now)})
    RETURNING ${transaction(refundColumns)}`
  if (!row) throw new Error('The refund was not written.')
  await enqueue(transaction, 'payment.refund', { refundId })
  return refundOf(row)
}

/**
 * The handler of `payment.refund`: asks the gateway, which may have been asked before. What it refuses for good goes
 * back into the wallet. Throws `GatewayUnavailable` and `GatewayOutcomeUnknown`, to be tried again.
 */
export async function workOffRefund(
  outside: { database: Database; rails: Record<RailName, PaymentRail> },
  { refundId, now }: { refundId: string; now: Date },
): Promise<{ rail: RailName; outcome: RefundOutcome }> {
  const refund = await refundById(outside.database, refundId)
  if (!refund) throw new PermanentError('RefundUnknown', `There is no refund ${refundId}.`)
  const { rail } = refund
  return { rail, outcome: refund.state === 'Pending' ? await bringToGateway(outside, { refund, now }) : 'RefundKnown' }
}

async function bringToGateway(
  outside: { database: Database; rails: Record<RailName, PaymentRail> },
  { refund, now }: { refund: Refund; now: Date },
): Promise<RefundOutcome> {
  const { database, rails } = outside
  const { id: refundId, rail, paymentId, amountPaise } = refund
  const payment = await inTransaction(database, transaction => lockedPayment(transaction, { rail, id: paymentId }))
  if (!payment) throw new Error(`The payment of refund ${refundId} is gone.`) // A foreign key sees to it.
  const telegramUserId = refund.payerId ?? payment.telegramUserId
  const order = { refundId, paymentId, returned: moneyOf(payment, amountPaise), telegramUserId }
  try {
    const seen = await rails[rail].refund(order)
    return await inTransaction(database, transaction => settleRefund(transaction, { rail, refund: seen, now }))
  } catch (error) {
    // Keys of ours that are not taken say nothing of this refund: it waits until they are mended.
    if (!isPaymentError(error, 'GatewayRefused') || error.status === 401) throw error
    const failure = error.detail ?? error.message
    return await inTransaction(database, async transaction => {
      await lockedPayment(transaction, { rail, id: paymentId })
      const current = await refundById(transaction, refundId)
      if (current?.state !== 'Pending') return 'RefundKnown'
      return await end(transaction, { payment, refund: current, state: 'Failed', failure, now })
    })
  }
}

/** `NotOurs`: of a payment that was not credited. */
export type RefundOutcome = 'RefundPending' | 'RefundProcessed' | 'RefundFailed' | 'RefundKnown' | 'NotOurs'

/** Brings the books to what a gateway says of a refund, ours or not. Throws `PaymentMismatch`. */
export async function settleRefund(
  transaction: Transaction,
  { rail, refund: seen, now }: { rail: RailName; refund: RefundSeen; now: Date },
): Promise<RefundOutcome> {
  const payment = await lockedPayment(transaction, { rail, id: seen.paymentId })
  if (!payment) return 'NotOurs'
  const [row] = await transaction<RefundRow[]>`
    SELECT ${transaction(refundColumns)} FROM refunds WHERE rail = ${rail} AND payment_id = ${payment.id} AND (gateway_id = ${seen.id}
      OR (asked_by <> 'Gateway' AND id = ${seen.refundId ?? null} AND (state <> 'Failed' OR gateway_id IS NOT NULL)))`
  const known = row && refundOf(row)
  if (!known) return await takeIn(transaction, { payment, seen, now })

  const isStale = known.state === 'Failed' || (known.state === 'Processed' && seen.state !== 'Failed')
  if (isStale) return 'RefundKnown'
  if (seen.state === 'Pending') {
    const isNew = known.gatewayId === undefined
    await transaction`UPDATE refunds SET gateway_id = ${seen.id} WHERE id = ${known.id}`
    return isNew ? 'RefundPending' : 'RefundKnown'
  }
  return await end(transaction, { payment, refund: known, state: seen.state, gatewayId: seen.id, now })
}

/** A refund that we did not ask for. */
async function takeIn(
  transaction: Transaction,
  { payment, seen, now }: { payment: CreditedPayment; seen: RefundSeen; now: Date },
): Promise<RefundOutcome> {
  const { rail, playerId } = payment
  const amountPaise = paiseOf(payment, seen.returned)
  const endedAt = seen.state === 'Pending' ? null : now
  const lookAt = seen.state === 'Pending' ? lookAfter(now) : null
  await transaction`
    INSERT INTO refunds (id, rail, payment_id, gateway_id, amount_paise, asked_by, state, asked_at, ended_at, look_at)
    VALUES (${lowerCaseUlid(now)}, ${rail}, ${payment.id}, ${seen.id}, ${amountPaise}, 'Gateway', ${seen.state}, ${now},
      ${endedAt}, ${lookAt})`
  if (seen.state === 'Failed') return 'RefundFailed' // Nothing was taken, and nothing is to be given back.

  const source = gateways[rail]
  const { balance } = await debit(transaction, {
    kind: 'ExternalRefund',
    ...{ playerId, amountPaise, source, paymentId: payment.id, reference: seen.id, now },
    idempotencyKey: `${source}:refund:${seen.id}`,
  })
  const notification = {
    type: 'MoneyTakenBack',
    because: 'Refund',
    amountPaise: String(amountPaise),
    balancePaise: String(balance.availablePaise),
    owedPaise: String(balance.owedPaise),
  } as const
  await enqueue(transaction, 'telegram.notification', { playerId, notification })
  return seen.state === 'Processed' ? 'RefundProcessed' : 'RefundPending'
}

/** Writes how a refund ended, moves the money, and tells the player. */
async function end(
  transaction: Transaction,
  about: {
    payment: CreditedPayment
    refund: Refund
    state: 'Processed' | 'Failed'
    gatewayId?: string
    /** The words with which the gateway refused it: it has none of this id. */
    failure?: string
    now: Date
  },
): Promise<'RefundProcessed' | 'RefundFailed'> {
  const { payment, refund, state, gatewayId = null, failure = null, now } = about
  const { playerId } = payment
  const { rail, id: refundId, amountPaise } = refund
  const isOurs = refund.askedBy !== 'Gateway'
  const reference = gatewayId ?? refund.gatewayId
  let repaidPaise = 0n
  if (state === 'Failed') {
    await wakeMeter(transaction, { playerId, now })
    if (isOurs && refund.state === 'Pending') {
      const failed = await failRefund(transaction, { refundId, now, ...(reference === undefined ? {} : { reference }) })
      repaidPaise = failed.repaidPaise
    } else {
      // It had left the books for good, or was never in them as pending.
      const source = gateways[rail]
      const idempotencyKey = `${source}:refund:${reference ?? refundId}:returned`
      const back = { playerId, amountPaise, source, reference: payment.id, idempotencyKey, now }
      repaidPaise = (await creditBack(transaction, back)).repaidPaise
    }
  } else if (isOurs) await completeRefund(transaction, { refundId, reference: reference ?? refundId, now })

  await transaction`
    UPDATE refunds SET state = ${state}, failure = ${failure}, ended_at = ${now}, look_at = NULL, payer_id = NULL,
      gateway_id = CASE WHEN ${failure}::text IS NULL THEN coalesce(gateway_id, ${gatewayId}) END
    WHERE id = ${refundId}`
  const isNews = state === 'Failed' || isOurs // Of one made elsewhere the player was told when it was taken.
  if (isNews) {
    const { availablePaise } = await balanceOf(transaction, playerId)
    const amounts = { amountPaise: String(amountPaise), balancePaise: String(availablePaise), rail }
    const notification =
      state === 'Failed'
        ? ({ type: 'RefundFailed', ...amounts, repaidPaise: String(repaidPaise) } as const)
        : ({ type: 'RefundProcessed', ...amounts } as const)
    await enqueue(transaction, 'telegram.notification', { playerId, notification })
  }
  return state === 'Failed' ? 'RefundFailed' : 'RefundProcessed'
}

function lookAfter(now: Date): Date {
  return new Date(now.getTime() + LOOK_SECONDS * 1000)
}

export async function refundById(queries: Queries, id: string): Promise<Refund | undefined> {
  const [row] = await queries<RefundRow[]>`SELECT ${queries(refundColumns)} FROM refunds WHERE id = ${id}`
  return row && refundOf(row)
}

export function refundOf(row: RefundRow): Refund {
  return {
    id: row.id,
    rail: row.rail,
    paymentId: row.payment_id,
    gatewayId: row.gateway_id ?? undefined,
    amountPaise: row.amount_paise,
    askedBy: row.asked_by,
    state: row.state,
    failure: row.failure ?? undefined,
    payerId: row.payer_id ?? undefined,
    author: row.author ?? undefined,
    reason: row.reason ?? undefined,
    askedAt: row.asked_at,
    endedAt: row.ended_at ?? undefined,
  }
}
