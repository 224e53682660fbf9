// The two signatures of Razorpay, both hex HMAC-SHA256: the webhook's over its raw body, the callback's over four
// fields. razorpay.com/docs/webhooks/validate-test, razorpay.com/docs/payments/payment-links/apis#verify-signature
import { createHmac } from 'node:crypto'
import type { PaymentLink } from './state.ts'

export function sign(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('hex')
}

/** Where the browser is sent after a payment; undefined for a link without callback_url. */
export function signedCallback(link: PaymentLink, given: { paymentId: string; keySecret: string }): string | undefined {
  if (link.callback_url === '') return undefined
  const { paymentId, keySecret } = given
  const url = new URL(link.callback_url)
  url.searchParams.set('razorpay_payment_id', paymentId)
  url.searchParams.set('razorpay_payment_link_id', link.id)
  url.searchParams.set('razorpay_payment_link_reference_id', link.reference_id)
  url.searchParams.set('razorpay_payment_link_status', link.status)
  const signed = [link.id, link.reference_id, link.status, paymentId].join('|')
  url.searchParams.set('razorpay_signature', sign(signed, keySecret))
  return url.href
}
