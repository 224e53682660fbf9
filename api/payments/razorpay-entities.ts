// Razorpay's entities as its API and its webhooks send them, parsed and put into our words. What they say is believed
// only after the signature, or over an answered call.
// https://razorpay.com/docs/api/payments/ https://razorpay.com/docs/api/refunds/ https://razorpay.com/docs/api/disputes/
import { z } from 'zod'
import type { DisputeSeen, Money, PaymentSeen, RefundSeen } from './rail.ts'

/** The key of our note on a link, which Razorpay copies to its order and payment. */
export const TOP_UP_NOTE = 'top_up'

const amount = z.int().min(1)

export const paymentSchema = z.looseObject({
  id: z.string().regex(/^pay_\w{1,40}$/),
  amount,
  currency: z.string(),
  status: z.string(),
  captured: z.boolean().nullish(),
  amount_refunded: z.int().min(0).nullish(),
  /** Seconds since 1970. */
  created_at: z.int().min(0).nullish(),
  order_id: z.string().nullish(),
  /** An empty list when there are none. */
  notes: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]).nullish(),
})
export type RazorpayPayment = z.infer<typeof paymentSchema>

export const refundSchema = z.looseObject({
  id: z.string().regex(/^rfnd_\w{1,40}$/),
  payment_id: z.string(),
  amount,
  currency: z.string(),
  status: z.string(),
  receipt: z.string().nullish(),
})
export type RazorpayRefund = z.infer<typeof refundSchema>

export const disputeSchema = z.looseObject({
  id: z.string().regex(/^disp_\w{1,40}$/),
  payment_id: z.string(),
  amount,
  currency: z.string(),
  amount_deducted: z.int().min(0).nullish(),
  status: z.string(),
})
export type RazorpayDispute = z.infer<typeof disputeSchema>

/**
 * Money that was taken. `refunded` is it, too, when it had been captured: Razorpay gives back of its own accord what
 * never was. https://razorpay.com/docs/webhooks/refunds/
 */
export function isCaptured({ status, captured }: RazorpayPayment): boolean {
  return status === 'captured' || (status === 'refunded' && captured === true)
}

export function paymentSeen(payment: RazorpayPayment, topUpId = noteOf(payment)): PaymentSeen {
  const { id, amount_refunded: refunded, created_at: made } = payment
  const madeAt = typeof made === 'number' ? { madeAt: new Date(made * 1000) } : {}
  return { id, topUpId, paid: moneyOf(payment), ...madeAt, hasRefunds: (refunded ?? 0) > 0 }
}

export function noteOf({ notes }: RazorpayPayment): string | undefined {
  const note = Array.isArray(notes) ? undefined : notes?.[TOP_UP_NOTE]
  return typeof note === 'string' ? note : undefined
}

/**
 * `created` stands in the webhook of that name, `reversed` where the bank has sent it back.
 * https://razorpay.com/docs/payments/refunds/ https://razorpay.com/docs/payments/refunds/faqs/
 */
const refundStates: ReadonlyMap<string, RefundSeen['state']> = new Map([
  ['created', 'Pending'],
  ['pending', 'Pending'],
  ['processed', 'Processed'],
  ['failed', 'Failed'],
  ['reversed', 'Failed'],
])

export function refundSeen(refund: RazorpayRefund): RefundSeen {
  const state = refundStates.get(refund.status)
  return {
    id: refund.id,
    paymentId: refund.payment_id,
    refundId: refund.receipt ?? undefined,
    returned: moneyOf(refund),
    ...(state === undefined ? { state: 'Pending', unknownState: refund.status } : { state }),
  }
}

export function disputeSeen(dispute: RazorpayDispute): DisputeSeen {
  const { id, payment_id: paymentId, status, amount_deducted: deducted } = dispute
  const isOver = ['won', 'lost', 'closed'].includes(status)
  const isTaken = isOver && typeof deducted === 'number' && deducted > 0
  const state = status === 'lost' || isTaken ? 'Lost' : isOver ? 'Won' : 'Open'
  const taken = isTaken ? { taken: moneyOf({ ...dispute, amount: deducted }) } : {}
  return { id, paymentId, disputed: moneyOf(dispute), ...taken, state }
}

function moneyOf({ amount: units, currency }: { amount: number; currency: string }): Money {
  return { currency, units: BigInt(units) }
}
