// Razorpay's webhooks: verified over the raw body, stored, answered; then worked off from the store. What is credited is
// the payment in the signed body, once by its id, whatever event tells of it, in whatever order and however often.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Database, inTransaction } from '../../lib/database/pool.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { PermanentError } from '../queue/errors.ts'
import { enqueue } from '../queue/queue.ts'
import { creditPayment } from './crediting.ts'
import { PaymentError } from './errors.ts'
import type { PaymentRail } from './rail.ts'
import { capturedOf, isCaptured, paymentSchema, type RazorpayPayment, TOP_UP_NOTE } from './razorpay.ts'
import { isSignedWebhook } from './razorpay-signature.ts'

export interface WebhookDelivery {
  rawBody: string
  signature: string
  /** From a header outside the signature: for triage only. */
  eventId: string | undefined
}

/**
 * Verifies, stores and queues in one transaction. The same body again is the same delivery, under whatever event id.
 * Throws `SignatureInvalid`; then nothing is kept.
 */
export async function receiveRazorpayWebhook(
  outside: { database: Database; webhookSecrets: readonly string[] },
  delivery: WebhookDelivery & { now: Date },
): Promise<'Stored' | 'Repeated'> {
  const { rawBody, signature, eventId, now } = delivery
  if (!isSignedWebhook({ rawBody, signature, secrets: outside.webhookSecrets })) {
    throw new PaymentError('SignatureInvalid')
  }
  const bodyHash = createHash('sha256').update(rawBody).digest()
  return await inTransaction(outside.database, async transaction => {
    const [stored] = await transaction<{ id: bigint }[]>`
      INSERT INTO razorpay_webhooks (body_hash, raw_body, event_id, received_at)
      VALUES (${bodyHash}, ${rawBody}, ${eventId?.slice(0, 100) ?? null}, ${now})
      ON CONFLICT (body_hash) DO NOTHING RETURNING id`
    if (!stored) return 'Repeated'
    await enqueue(transaction, 'razorpay.webhook', { webhookId: String(stored.id) })
    return 'Stored'
  })
}

export interface RazorpayOutside {
  database: Database
  rail: PaymentRail
  log: Logger
}

/** What came of a webhook; kept beside it. */
export type WebhookOutcome =
  | 'Credited'
  | 'AlreadyCredited'
  /** An event that moves no money. */
  | 'Ignored'
  /** The payment is not captured, or not in rupees. */
  | 'NotCaptured'
  /** A payment that was not made for a top-up of ours. */
  | 'NotOurs'

const eventSchema = z.looseObject({
  event: z.string(),
  payload: z.looseObject({
    payment: z.looseObject({ entity: paymentSchema }).optional(),
    payment_link: z.looseObject({ entity: z.looseObject({ reference_id: z.string().nullish() }) }).optional(),
  }),
})

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

  const { event, payment, reference } = parsed(stored.raw_body)
  const topUpId = payment && PAID_EVENTS.includes(event) ? await topUpIdOf(payment, reference, outside) : undefined
  return await inTransaction(database, async transaction => {
    const outcome = await outcomeOf()
    await transaction`
      UPDATE razorpay_webhooks SET worked_off_at = ${now}, outcome = ${outcome} WHERE id = ${BigInt(webhookId)}`
    log.info({ event, payment: payment?.id, topUp: topUpId, outcome }, 'Worked a Razorpay webhook off')
    return outcome

    async function outcomeOf(): Promise<WebhookOutcome> {
      if (payment === undefined || !PAID_EVENTS.includes(event)) return 'Ignored'
      if (!isCaptured(payment)) return 'NotCaptured'
      if (topUpId === undefined) return 'NotOurs'
      return (await creditPayment(transaction, { topUpId, payment: capturedOf(payment), now })).is
    }
  }).catch((error: unknown) => {
    if (error instanceof PaymentError) throw new PermanentError(error.code, error.message, { cause: error })
    throw error
  })
}

function parsed(rawBody: string): {
  event: string
  payment?: RazorpayPayment | undefined
  reference?: string | undefined
} {
  try {
    const { event, payload } = eventSchema.parse(JSON.parse(rawBody))
    return {
      event,
      payment: payload.payment?.entity,
      reference: payload.payment_link?.entity.reference_id ?? undefined,
    }
  } catch (cause) {
    const error = new PaymentError('WebhookMalformed', { cause })
    throw new PermanentError(error.code, error.message, { cause })
  }
}

/** By the link in the signed body, else by our note on the payment, else by Razorpay's records. */
async function topUpIdOf(
  payment: RazorpayPayment,
  reference: string | undefined,
  { rail }: RazorpayOutside,
): Promise<string | undefined> {
  if (reference) return reference
  const note = Array.isArray(payment.notes) ? undefined : payment.notes?.[TOP_UP_NOTE]
  return typeof note === 'string' ? note : await rail.topUpIdOf(payment.id)
}
