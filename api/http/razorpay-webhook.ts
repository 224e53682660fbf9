// POST /webhooks/razorpay. The raw body is kept and answered fast: Razorpay waits five seconds, and switches a webhook
// off after a day of failures.
import { Hono } from 'hono'

export interface RazorpayInbox {
  /** Verifies, stores and queues. Throws when the signature is not Razorpay's; then nothing is kept. */
  receive(delivery: { rawBody: string; signature: string; eventId: string | undefined }): Promise<void>
}

export function razorpayWebhook(inbox: RazorpayInbox): Hono {
  return new Hono().post('/webhooks/razorpay', async context => {
    await inbox.receive({
      rawBody: await context.req.text(), // As sent: the signature is over these very bytes.
      signature: context.req.header('X-Razorpay-Signature') ?? '',
      eventId: context.req.header('x-razorpay-event-id'),
    })
    return context.json({})
  })
}
