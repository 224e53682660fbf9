// Refunds by Razorpay's API. Ours carry their id as receipt, by which they are found again, and as idempotency key.
// https://razorpay.com/docs/api/refunds/ https://razorpay.com/docs/api/refunds/normal-refunds-idempotent/
import { z } from 'zod'
import { isPaymentError } from './errors.ts'
import type { RefundOrder, RefundSeen } from './rail.ts'
import { call, type RazorpayClient } from './razorpay-client.ts'
import { refundSchema, refundSeen } from './razorpay-entities.ts'

/** A payment has few refunds: each is at least a rupee of at most ten thousand, and a person asks for each. */
const REFUNDS_AT_MOST = 100

const refundsSchema = z.looseObject({ items: z.array(refundSchema) })

export async function refundOnce(client: RazorpayClient, order: RefundOrder): Promise<RefundSeen> {
  const { refundId, paymentId, returned } = order
  // An attempt before this one may have come through, and its process have died.
  const known = await refundById(client, order)
  if (known) return known

  const body = { amount: Number(returned.units), speed: 'normal', receipt: refundId }
  const headers = { 'X-Refund-Idempotency': `refund-${refundId}` } // Ten characters at least.
  try {
    const path = `/v1/payments/${encodeURIComponent(paymentId)}/refund`
    return refundSeen(await call(refundSchema, () => client.post(path, body, headers)))
  } catch (error) {
    if (!isPaymentError(error, 'GatewayRefused', 'GatewayOutcomeUnknown')) throw error
    const made = await refundById(client, order)
    if (made) return made
    throw error
  }
}

export async function refundsOf(client: RazorpayClient, paymentId: string): Promise<RefundSeen[]> {
  const ask = { payment_id: paymentId, count: REFUNDS_AT_MOST }
  return (await call(refundsSchema, () => client.sdk.refunds.all(ask))).items.map(refundSeen)
}

async function refundById(client: RazorpayClient, order: RefundOrder): Promise<RefundSeen | undefined> {
  return (await refundsOf(client, order.paymentId)).find(({ refundId }) => refundId === order.refundId)
}
