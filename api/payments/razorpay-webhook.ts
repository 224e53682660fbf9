// Works Razorpay's webhooks off from the store. What counts is the payment, refund or dispute in the signed body, by its
// own id, whatever event tells of it, in whatever order and however often.
// https://razorpay.com/docs/webhooks/payments/ https://razorpay.com/docs/webhooks/refunds/
// https://razorpay.com/docs/webhooks/disputes/
import { z } from 'zod'
import type { Database } from '../../lib/database/pool.ts'
import { inBatches } from '../../lib/process/batches.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { PermanentError } from '../queue/errors.ts'
import { forGoodIfContradiction } from './contradictions.ts'
import { type Crediting, creditedAmong } from './crediting.ts'
import { PaymentError } from './errors.ts'
import { awaitCaptures, bringIn, bringInPayments, type MovementOutcome } from './movements.ts'
import type { HostedRail, Movement, PaymentSeen } from './rail.ts'
import {
  disputeSchema,
  disputeSeen,
  isCaptured,
  noteOf,
  paymentSchema,
  paymentSeen,
  refundSchema,
  refundSeen,
} from './razorpay-entities.ts'

export interface RazorpayOutside {
  database: Database
  rail: HostedRail
  /** The `account_id` that is ours. */
  accountId: string
  log: Logger
}

/** What came of a webhook; kept beside it. */
export type WebhookOutcome =
  | MovementOutcome
  /** An event that moves no money. */
  | 'Ignored'
  /** The payment that it tells of is not captured. */
  | 'NotCaptured'
  /** Of another account that shares the secret. */
  | 'ForeignAccount'

const eventSchema = z.looseObject({
  event: z.string(),
  account_id: z.string(),
  payload: z.looseObject({
    payment: z.looseObject({ entity: paymentSchema }).optional(),
    payment_link: z.looseObject({ entity: z.looseObject({ reference_id: z.string().nullish() }) }).optional(),
    refund: z.looseObject({ entity: refundSchema }).optional(),
    dispute: z.looseObject({ entity: disputeSchema }).optional(),
  }),
})
type Event = z.infer<typeof eventSchema>

/** Events that tell of captured money. One payment may bring all three. */
const PAID_EVENTS = ['payment.captured', 'order.paid', 'payment_link.paid']

/** Webhooks that one statement loads, looks up, or records. */
const BATCH_SIZE = 100

/** The handler of `razorpay.webhook`. Throws `PermanentError` for what a person has to look at. */
export type WorkOffWebhook = (order: { webhookId: string; now: Date }) => Promise<WebhookOutcome>

/** Many that are worked off at once share their statements. */
export function razorpayWebhooks(outside: RazorpayOutside): WorkOffWebhook {
  const { database, log } = outside
  const load = inBatches<string, string | undefined>({ limit: BATCH_SIZE, run: ids => bodiesOf(database, ids) })
  const together = inGroups(database)
  const record = inBatches<Recorded, undefined>({ limit: BATCH_SIZE, run: outcomes => recordAll(database, outcomes) })

  return async ({ webhookId, now }) => {
    const rawBody = await load(webhookId)
    if (rawBody === undefined) throw new PermanentError('WebhookMalformed', `There is no stored webhook ${webhookId}.`)
    const event = parsed(rawBody)
    const outcome = await outcomeOf(event, { ...outside, ...together }, now).catch((error: unknown) => {
      throw forGoodIfContradiction(error)
    })
    // By itself: were it lost, the work would be done again, and come to nothing new.
    const { payment, refund, dispute } = event.payload
    const paymentId = payment?.entity.id ?? refund?.entity.payment_id ?? dispute?.entity.payment_id
    await record({ webhookId, outcome, now, paymentId, topUpId: topUpIdIn(event) })
    const about = { payment: payment?.entity.id, refund: refund?.entity.id, dispute: dispute?.entity.id }
    log.info({ event: event.event, ...about, outcome }, 'Worked a Razorpay webhook off')
    return outcome
  }
}

/** What most webhooks tell by themselves, many at once. */
function inGroups(database: Database) {
  const rail = 'Razorpay'
  const isKnown = inBatches<string, boolean>({
    limit: BATCH_SIZE,
    async run(paymentIds) {
      const known = await creditedAmong(database, { rail, paymentIds })
      return paymentIds.map(id => known.has(id))
    },
  })
  const bringIn = inBatches<{ payment: PaymentSeen; now: Date }, Crediting | { error: unknown }>({
    limit: BATCH_SIZE,
    run: told => bringInPayments(database, { rail, payments: told.map(({ payment }) => payment), now: latest(told) }),
  })
  const awaitCapture = inBatches<{ topUpId: string | undefined; now: Date }, MovementOutcome>({
    limit: BATCH_SIZE,
    run: told => awaitCaptures(database, { topUpIds: told.map(({ topUpId }) => topUpId), now: latest(told) }),
  })
  return {
    awaitCapture,
    async credit(told: { payment: PaymentSeen; now: Date }): Promise<Crediting> {
      // Most that is told is told again: whoever knows it waits for no money to move.
      if (await isKnown(told.payment.id)) return 'AlreadyCredited'
      const outcome = await bringIn(told)
      if (typeof outcome === 'object') throw outcome.error
      return outcome
    },
  }
}

function latest(told: readonly { now: Date }[]): Date {
  return new Date(Math.max(...told.map(({ now }) => now.getTime())))
}

interface Recorded {
  webhookId: string
  outcome: WebhookOutcome
  now: Date
  paymentId: string | undefined
  /** As the body has it. */
  topUpId: string | undefined
}

async function bodiesOf(database: Database, ids: readonly string[]): Promise<(string | undefined)[]> {
  const rows = await database<{ id: string; raw_body: string }[]>`
    SELECT id::text AS id, raw_body FROM razorpay_webhooks WHERE id = ANY(${[...ids]}::bigint[])`
  const bodies = new Map(rows.map(({ id, raw_body: body }) => [id, body]))
  return ids.map(id => bodies.get(id))
}

/** What a deleted player is told of is not kept; whoever is being deleted at this moment is waited for. */
async function recordAll(database: Database, outcomes: readonly Recorded[]): Promise<undefined[]> {
  const column = (of: (recorded: Recorded) => string | undefined) => outcomes.map(each => of(each) ?? null)
  const ids = column(({ webhookId }) => webhookId)
  await database`
    WITH came AS MATERIALIZED (
      SELECT given.id, given.outcome, given.at, coalesce(
        (SELECT top_up_id FROM payments payment WHERE payment.rail = 'Razorpay' AND payment.id = given.payment_id),
        (SELECT top_up.id FROM top_ups top_up WHERE top_up.id = given.told)) AS top_up_id
      FROM unnest(${ids}::bigint[], ${column(({ outcome }) => outcome)}::text[],
        ${column(({ now }) => now.toISOString())}::timestamptz[], ${column(({ paymentId }) => paymentId)}::text[],
        ${column(({ topUpId }) => topUpId)}::text[]) AS given (id, outcome, at, payment_id, told)
    ), whose AS MATERIALIZED (
      SELECT came.id, player.deleted_at IS NOT NULL AS is_deleted
      FROM came JOIN top_ups top_up ON top_up.id = came.top_up_id JOIN players player ON player.id = top_up.player_id
      FOR KEY SHARE OF player
    ), forgotten AS (
      DELETE FROM razorpay_webhooks webhook USING whose WHERE webhook.id = whose.id AND whose.is_deleted
      RETURNING webhook.id
    )
    UPDATE razorpay_webhooks webhook SET worked_off_at = came.at, outcome = came.outcome, top_up_id = came.top_up_id
    FROM came WHERE webhook.id = came.id AND webhook.id = ANY(${ids}::bigint[])
      AND came.id NOT IN (SELECT id FROM forgotten)`
  return outcomes.map(() => undefined)
}

function parsed(rawBody: string): Event {
  try {
    return eventSchema.parse(JSON.parse(rawBody))
  } catch (cause) {
    const error = new PaymentError('WebhookMalformed', { cause })
    throw new PermanentError(error.code, error.message, { cause })
  }
}

async function outcomeOf(
  event: Event,
  outside: RazorpayOutside & ReturnType<typeof inGroups>,
  now: Date,
): Promise<WebhookOutcome> {
  if (event.account_id !== outside.accountId) return 'ForeignAccount'
  const told = await movementsOf(event, outside)
  if (typeof told === 'string') return told
  const [first] = told
  if (told.length === 1 && first?.is === 'Payment') return await outside.credit({ payment: first.payment, now })
  if (told.length === 1 && first?.is === 'Authorization')
    return await outside.awaitCapture({ topUpId: first.topUpId, now })
  const outcomes = await bringIn(outside.database, { rail: 'Razorpay', movements: told, now })
  return outcomes.at(-1) ?? 'Ignored'
}

/** The top-up that it names, of whatever kind it is. */
function topUpIdIn({ payload: { payment, payment_link: link } }: Event): string | undefined {
  return link?.entity.reference_id ?? (payment && noteOf(payment.entity))
}

/** What the event tells, in the order in which it has to be brought in. */
async function movementsOf(told: Event, outside: RazorpayOutside): Promise<Movement[] | 'Ignored' | 'NotCaptured'> {
  const { event, payload } = told
  const payment = payload.payment?.entity
  if (event === 'payment.authorized' && payment) {
    return [{ is: 'Authorization', topUpId: noteOf(payment), paymentId: payment.id }]
  }
  const refund = payload.refund?.entity
  const dispute = payload.dispute?.entity
  const isPaid = PAID_EVENTS.includes(event)
  const isRefund = event.startsWith('refund.') && refund !== undefined
  const isDispute = event.startsWith('payment.dispute.') && dispute !== undefined
  if (!isPaid && !isRefund && !isDispute) return 'Ignored'

  const movements: Movement[] = []
  if (payment && isCaptured(payment)) {
    // Events come in any order: what is given back or disputed may not have been credited yet.
    const topUpId = topUpIdIn(told)
    const known = topUpId || !isPaid ? topUpId || undefined : await outside.rail.topUpIdOf(payment.id)
    movements.push({ is: 'Payment', payment: paymentSeen(payment, known) })
  }
  if (isPaid) return movements.length > 0 ? movements : 'NotCaptured'
  if (isRefund) movements.push({ is: 'Refund', refund: refundSeen(refund) })
  if (isDispute) movements.push({ is: 'Dispute', dispute: disputeSeen(dispute) })
  return movements
}
