// Works Razorpay's webhooks off from the store. What counts is the payment, refund or dispute in the signed body, by its
// own id, whatever event tells of it, in whatever order and however often.
// https://razorpay.com/docs/webhooks/payments/ https://razorpay.com/docs/webhooks/refunds/
// https://razorpay.com/docs/webhooks/disputes/
import { z } from 'zod'
import type { Database } from '../../lib/database/pool.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { PermanentError } from '../queue/errors.ts'
import { PaymentError } from './errors.ts'
import { bringIn, type MovementOutcome } from './movements.ts'
import type { HostedRail, Movement } from './rail.ts'
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

/** The handler of `razorpay.webhook`. Throws `PermanentError` for what a person has to look at. */
export async function workOffRazorpayWebhook(
  outside: RazorpayOutside,
  { webhookId, now }: { webhookId: string; now: Date },
): Promise<WebhookOutcome> {
  const { database, log } = outside
  const [stored] = await database<{ raw_body: string }[]>`
    SELECT raw_body FROM razorpay_webhooks WHERE id = ${BigInt(webhookId)}`
  if (!stored) throw new PermanentError('WebhookMalformed', `There is no stored webhook ${webhookId}.`)

  const event = parsed(stored.raw_body)
  const outcome = await outcomeOf(event, outside, now).catch((error: unknown) => {
    const isFinal = error instanceof PaymentError && ['TopUpUnknown', 'PaymentMismatch'].includes(error.code)
    throw isFinal ? new PermanentError(error.code, error.message, { cause: error }) : error
  })
  // By itself: were it lost, the work would be done again, and come to nothing new.
  await database`
    UPDATE razorpay_webhooks SET worked_off_at = ${now}, outcome = ${outcome} WHERE id = ${BigInt(webhookId)}`
  const { payment, refund, dispute } = event.payload
  const about = { payment: payment?.entity.id, refund: refund?.entity.id, dispute: dispute?.entity.id }
  log.info({ event: event.event, ...about, outcome }, 'Worked a Razorpay webhook off')
  return outcome
}

function parsed(rawBody: string): Event {
  try {
    return eventSchema.parse(JSON.parse(rawBody))
  } catch (cause) {
    const error = new PaymentError('WebhookMalformed', { cause })
    throw new PermanentError(error.code, error.message, { cause })
  }
}

async function outcomeOf(event: Event, outside: RazorpayOutside, now: Date): Promise<WebhookOutcome> {
  if (event.account_id !== outside.accountId) return 'ForeignAccount'
  const told = await movementsOf(event, outside)
  if (typeof told === 'string') return told
  const outcomes = await bringIn(outside.database, { rail: 'Razorpay', movements: told, now })
  return outcomes.at(-1) ?? 'Ignored'
}

/** What the event tells, in the order in which it has to be brought in. */
async function movementsOf(
  { event, payload }: Event,
  outside: RazorpayOutside,
): Promise<Movement[] | 'Ignored' | 'NotCaptured'> {
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
    const topUpId = payload.payment_link?.entity.reference_id ?? noteOf(payment)
    const known = topUpId || !isPaid ? topUpId || undefined : await outside.rail.topUpIdOf(payment.id)
    movements.push({ is: 'Payment', payment: paymentSeen(payment, known) })
  }
  if (isPaid) return movements.length > 0 ? movements : 'NotCaptured'
  if (isRefund) movements.push({ is: 'Refund', refund: refundSeen(refund) })
  if (isDispute) movements.push({ is: 'Dispute', dispute: disputeSeen(dispute) })
  return movements
}
