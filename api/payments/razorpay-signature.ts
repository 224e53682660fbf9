// Razorpay's two signatures, both hex HMAC-SHA256, compared in a time that tells nothing.
// https://razorpay.com/docs/webhooks/validate-test/
import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * True when one of `secrets` made `signature` over `rawBody`, the very bytes that came. Several, since after a rotation
 * older events still bear the older one's. Throws `RangeError` for an empty secret, under which anybody could sign.
 */
export function isSignedWebhook(delivery: { rawBody: string; signature: string; secrets: readonly string[] }): boolean {
  const { rawBody, signature, secrets } = delivery
  if (secrets.length === 0) throw new RangeError('Without a webhook secret nothing can be verified.')
  // All of them, always: the time must not tell which one fits.
  return secrets.map(secret => isSigned({ text: rawBody, signature, secret })).includes(true)
}

/** True when Razorpay signed the parameters with which it sent the browser back. They say nothing about money. */
export function isSignedReturn(parameters: Record<string, string>, keySecret: string): boolean {
  const names = ['link_id', 'link_reference_id', 'link_status'].map(name => `razorpay_payment_${name}`)
  const values = [...names, 'razorpay_payment_id'].map(name => parameters[name])
  if (values.includes(undefined)) return false
  return isSigned({ text: values.join('|'), signature: parameters.razorpay_signature ?? '', secret: keySecret })
}

function isSigned({ text, signature, secret }: { text: string; signature: string; secret: string }): boolean {
  if (secret === '') throw new RangeError('An empty secret signs everything.')
  const expected = createHmac('sha256', secret).update(text).digest()
  const given = Buffer.from(/^[0-9a-f]{64}$/i.test(signature) ? signature : '', 'hex')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
