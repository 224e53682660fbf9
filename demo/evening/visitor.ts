// A web browser, used well and badly: pays on the hosted page, and tries what an attacker would.
import { request } from 'undici'
import type { Timeline } from '../timeline.ts'
import type { Control } from './control.ts'

export interface Visitor {
  /** Opens the bot's link, goes on to Razorpay, presses Pay, and comes back. */
  paysOnTheWeb(link: string): Promise<void>
  /** Throws unless the webhook is refused. */
  forgesAWebhook(): Promise<void>
  /** Throws unless the repeated delivery is accepted as one that is known. */
  replaysTheWebhook(razorpay: Control): Promise<void>
}

export function visitor(options: { apiUrl: string; timeline: Timeline }): Visitor {
  const { apiUrl, timeline } = options

  async function open(
    url: string,
    form?: Record<string, string>,
  ): Promise<{ status: number; location: string | undefined; text: string }> {
    const { statusCode, headers, body } = await request(url, {
      method: form ? 'POST' : 'GET',
      ...(form && {
        body: new URLSearchParams(form).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }),
    })
    const location = typeof headers.location === 'string' ? new URL(headers.location, url).href : undefined
    return { status: statusCode, location, text: await body.text() }
  }

  return {
    async paysOnTheWeb(link) {
      const page = await open(link)
      if (page.status !== 200)
        throw new Error(`The top-up page was answered by ${page.status}: ${page.text.slice(0, 300)}`)
      timeline.say(
        'web',
        `The page says: ${
          /<h1[^>]*>([\s\S]*?)<\/h1>/
            .exec(page.text)?.[1]
            ?.replace(/<[^>]+>/g, '')
            .trim() ?? 'Top up'
        }`,
      )
      const onward = await open(link, {})
      if (onward.location === undefined)
        throw new Error(`Going on to pay was answered by ${onward.status}: ${onward.text.slice(0, 300)}`)
      timeline.say('web', `Razorpay's page opens: ${onward.location}`)
      const paid = await open(onward.location, { outcome: 'captured' })
      timeline.say('gamer', 'Presses Pay; Razorpay captures ₹500.00 and signs a webhook')
      if (paid.location !== undefined) await open(paid.location)
    },
    async forgesAWebhook() {
      const forged = JSON.stringify({
        event: 'payment.captured',
        payload: { payment: { entity: { id: 'pay_forged', amount: 99_999_900, currency: 'INR', status: 'captured' } } },
      })
      const { statusCode, body } = await request(`${apiUrl}/webhooks/razorpay`, {
        method: 'POST',
        body: forged,
        headers: {
          'content-type': 'application/json',
          'x-razorpay-signature': '0'.repeat(64),
          'x-razorpay-event-id': 'evt_forged',
        },
      })
      const text = await body.text()
      if (statusCode !== 401) throw new Error(`A forged webhook was answered by ${statusCode}: ${text}`)
      const { detail = text }: { detail?: string } = JSON.parse(text) // RFC 9457
      timeline.say('web', `The forged webhook is refused with 401: ${detail}`)
    },
    async replaysTheWebhook(razorpay) {
      const { payments } = await razorpay.get<{ payments: { id: string }[] }>('/simulator/state')
      await razorpay.post('/simulator/redeliver', { payment: payments[0]?.id, newEventId: true })
      timeline.say('web', 'The repeated webhook is accepted, and is to credit nothing')
    },
  }
}
