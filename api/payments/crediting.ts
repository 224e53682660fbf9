// Payments that a gateway has taken become money in the wallet: each once, whoever tells of it and however often.
import type { Queries, Transaction } from '../../lib/database/pool.ts'
import { enqueueAll } from '../queue/queue.ts'
import { extend, sessionsToExtend } from '../sessions/extending.ts'
import { type Credited, credit, type Gateway } from '../wallet/wallet.ts'
import { PaymentError } from './errors.ts'
import type { Money, PaymentSeen, RailName } from './rail.ts'
import { CREDITED_LOOK_HOURS, type TopUp, topUpsById } from './top-ups.ts'

/** `NotOurs`: it was not made for a top-up. */
export type Crediting = 'Credited' | 'AlreadyCredited' | 'NotOurs'

/** The gateway's name in the ledger. */
export const gateways = { Razorpay: 'razorpay', Stars: 'stars' } as const satisfies Record<RailName, Gateway>

/**
 * Credits a payment that is known to have been taken, and tells the player. Throws `TopUpUnknown`, and `PaymentMismatch`
 * when it is not what was asked for.
 */
export async function creditPayment(
  transaction: Transaction,
  { rail, payment, now }: { rail: RailName; payment: PaymentSeen; now: Date },
): Promise<Crediting> {
  const [outcome] = await creditPayments(transaction, { rail, payments: [payment], now })
  if (outcome instanceof PaymentError) throw outcome
  return outcome ?? 'NotOurs'
}

/**
 * The same of many, in as many round trips as for one: what needs no answer to the one before it is sent along with it. One
 * outcome for each, in their order; the error of one keeps none of the others. Throws what the wallet says.
 */
export async function creditPayments(
  transaction: Transaction,
  { rail, payments, now }: { rail: RailName; payments: readonly PaymentSeen[]; now: Date },
): Promise<(Crediting | PaymentError)[]> {
  const [known, topUps] = await Promise.all([
    creditedAmong(transaction, { rail, paymentIds: payments.map(({ id }) => id) }),
    topUpsById(
      transaction,
      payments.flatMap(({ topUpId }) => topUpId ?? []),
    ),
  ])
  const judged = payments.map(payment => judge(payment, { rail, known, topUps }))
  // In one order everywhere, and all sessions before the first wallet: two replicas do not wait for each other.
  const due = judged.filter(each => typeof each === 'object' && 'topUp' in each).toSorted(byPlayer)
  const playerIds = [...new Set(due.map(({ topUp }) => topUp.playerId))]
  // The running sessions reach further now.
  const sessions = await sessionsToExtend(transaction, { playerIds, now })
  const credited = await Promise.all(
    due.map(async each => ({ ...each, due: each, credited: await creditOf(transaction, each, now) })),
  )
  const fresh = credited.filter(each => each.credited.isNew)
  for (const session of sessions) {
    if (fresh.some(({ topUp }) => topUp.playerId === session.playerId)) await extend(transaction, { session, now })
  }
  if (fresh.length > 0) await record(transaction, { rail, fresh, now })
  // One that is told twice among these is new but once.
  const isFresh = new Set(fresh.map(each => each.due))
  return judged.map(each => {
    if (typeof each === 'string' || each instanceof PaymentError) return each
    return isFresh.has(each) ? 'Credited' : 'AlreadyCredited'
  })
}

interface Due {
  payment: PaymentSeen
  topUp: TopUp
}

function judge(
  payment: PaymentSeen,
  { rail, known, topUps }: { rail: RailName; known: ReadonlySet<string>; topUps: ReadonlyMap<string, TopUp> },
): Due | PaymentError | 'AlreadyCredited' | 'NotOurs' {
  if (known.has(payment.id)) return 'AlreadyCredited'
  if (payment.topUpId === undefined) return 'NotOurs'
  const topUp = topUps.get(payment.topUpId)
  if (!topUp) return new PaymentError('TopUpUnknown', { detail: `payment ${payment.id}` })
  return mismatch(topUp, rail, payment) ?? { payment, topUp }
}

function byPlayer(left: Due, right: Due): number {
  const [one, other] = [left.topUp.playerId, right.topUp.playerId]
  return one === other ? 0 : one < other ? -1 : 1
}

async function creditOf(transaction: Transaction, { payment, topUp }: Due, now: Date): Promise<Credited> {
  const { rail, playerId, amountPaise } = topUp
  const source = gateways[rail]
  const idempotencyKey = `${source}:payment:${payment.id}`
  return await credit(transaction, { playerId, amountPaise, source, reference: payment.id, idempotencyKey, now })
}

async function record(
  transaction: Transaction,
  { rail, fresh, now }: { rail: RailName; fresh: readonly (Due & { credited: Credited })[]; now: Date },
): Promise<void> {
  const column = <Value>(of: (each: Due & { credited: Credited }) => Value) => fresh.map(of)
  const topUpIds = column(({ topUp }) => topUp.id)
  await Promise.all([
    transaction`
      WITH paid AS (
        SELECT id FROM top_ups WHERE id = ANY(${topUpIds}::text[]) AND credited_at IS NULL ORDER BY id FOR UPDATE
      ), credited AS (
        UPDATE top_ups SET credited_at = ${now},
          look_at = CASE WHEN look_at IS NOT NULL THEN ${now}::timestamptz + make_interval(hours => ${CREDITED_LOOK_HOURS}) END
        FROM paid WHERE top_ups.id = paid.id
      )
      INSERT INTO payments (rail, id, top_up_id, amount_paise, transaction_id, credited_at)
      SELECT ${rail}, id, top_up_id, amount_paise, transaction_id, ${now}
      FROM unnest(${column(({ payment }) => payment.id)}::text[], ${topUpIds}::text[],
        ${column(({ topUp }) => String(topUp.amountPaise))}::bigint[],
        ${column(({ credited }) => String(credited.transactionId))}::bigint[])
        AS given (id, top_up_id, amount_paise, transaction_id)`,
    enqueueAll(
      transaction,
      'razorpay.refunds',
      fresh.filter(({ payment }) => mayHaveRefunds(payment, now)).map(({ payment }) => ({ paymentId: payment.id })),
    ),
    enqueueAll(
      transaction,
      'telegram.notification',
      fresh.map(({ topUp: { playerId, amountPaise }, credited: { repaidPaise, balance } }) => ({
        playerId,
        notification: {
          type: 'TopUpCredited' as const,
          amountPaise: String(amountPaise),
          repaidPaise: String(repaidPaise),
          balancePaise: String(balance.availablePaise),
          rail,
        },
      })),
    ),
  ])
}

/**
 * Seconds after which refunds of a payment may have been told of before it was credited, when they were nobody's: the list
 * of what has moved is read again for no longer than that (`OVERLAP_SECONDS` in razorpay-movements.ts).
 */
const LATE_SECONDS = 600

/** The snapshot may be older than its refunds. */
function mayHaveRefunds({ hasRefunds, madeAt }: PaymentSeen, now: Date): boolean {
  return hasRefunds || (madeAt !== undefined && now.getTime() - madeAt.getTime() > LATE_SECONDS * 1000)
}

/** Those of these payments that are in the books already. */
export async function creditedAmong(
  queries: Queries,
  { rail, paymentIds }: { rail: RailName; paymentIds: readonly string[] },
): Promise<ReadonlySet<string>> {
  const rows = await queries<{ id: string }[]>`
    SELECT id FROM payments WHERE rail = ${rail} AND id = ANY(${[...paymentIds]}::text[])`
  return new Set(rows.map(({ id }) => id))
}

/**
 * The running session reaches further with more money; its meter looks at once. To be called before the wallet is
 * touched: locks go from session to wallet.
 */
export async function wakeMeter(
  transaction: Transaction,
  { playerId, now }: { playerId: string; now: Date },
): Promise<void> {
  await transaction`UPDATE sessions SET meter_at = ${now} WHERE player_id = ${playerId} AND ended_at IS NULL`
}

function mismatch(topUp: TopUp, rail: RailName, { id, paid }: PaymentSeen): PaymentError | undefined {
  const asked: Money =
    topUp.stars === undefined ? { currency: 'INR', units: topUp.amountPaise } : { currency: 'XTR', units: topUp.stars }
  if (topUp.rail === rail && paid.currency === asked.currency && paid.units === asked.units) return undefined
  const told = `${rail} payment ${id} of ${paid.units} ${paid.currency}`
  const detail = `${told} for top-up ${topUp.id} of ${asked.units} ${asked.currency} by ${topUp.rail}`
  return new PaymentError('PaymentMismatch', { detail })
}
