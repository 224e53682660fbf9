// A top-up over the web: the page, Razorpay's hosted page, the way back, and the signed webhook that alone makes money.
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { sign } from '../../demo/simulators/razorpay/signatures.ts'
import type { FrontStack } from './front.ts'
import type { Person } from './telegram.ts'

export function topUpsArePaidOnTheWeb(stackOf: () => FrontStack): void {
  describe('a top-up over the web', () => {
    let stack: FrontStack
    let asha: Person
    /** The page that the bot links to. */
    let page: string
    beforeAll(() => {
      stack = stackOf()
    })
    beforeEach(async () => {
      asha = await stack.telegram.person('Asha')
      await asha.writes('/topup 500')
      await asha.reads('Top up ₹500.00')
      page = String((await asha.presses('🌐 Pay on the web (UPI, cards)')).url)
    })

    const linkSchema = z.looseObject({ id: z.string(), short_url: z.string(), reference_id: z.string() })
    const stateSchema = z.looseObject({ payment_links: z.array(linkSchema), payments: z.array(z.looseObject({})) })

    /** Presses "Pay" on our page; the address that it leads to. */
    async function pressPay(): Promise<Response> {
      return await fetch(page, { method: 'POST', redirect: 'manual' })
    }

    /** Pays on Razorpay's hosted page; the address to which the browser is sent back. */
    async function payAt(hosted: string): Promise<string> {
      const reply = await fetch(hosted, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ outcome: 'captured' }),
      })
      expect(reply.status).toBe(303)
      return String(reply.headers.get('Location'))
    }

    async function balanceText(): Promise<string> {
      await asha.writes('/balance')
      return (await asha.reads('Your balance')).text
    }

    function webhook(body: string, signature: string): Promise<Response> {
      return fetch(`${stack.publicUrl}/webhooks/razorpay`, {
        method: 'POST',
        headers: { 'X-Razorpay-Signature': signature, 'x-razorpay-event-id': crypto.randomUUID() },
        body,
      })
    }

    test('I5: the page leads to Razorpay, a payment there is credited once, and chat and page say so', async () => {
      const hosted = await pressPay()
      expect(hosted.status).toBe(303)
      const back = await payAt(String(hosted.headers.get('Location')))
      expect(back).toContain(`${page}/done?`)

      await asha.reads('₹500.00 is in your wallet')
      const done = await (await fetch(back)).text()
      expect(done).toContain('The money is in the wallet')
      expect(done).toContain('Balance: <strong>₹500.00</strong>')
      expect(await (await fetch(page)).text()).toContain('The money is in the wallet')
      expect(await balanceText()).toContain('₹500.00')
    })

    test('pressing Pay twice, or at once in two windows, makes one link', async () => {
      const replies = await Promise.all([pressPay(), pressPay()])
      replies.push(await pressPay())
      const places = new Set(replies.map(reply => reply.headers.get('Location')))
      expect(places.size).toBe(1)
      const { payment_links } = stateSchema.parse(await stack.razorpay.control('GET', '/state'))
      expect(payment_links.filter(({ short_url }) => places.has(short_url))).toHaveLength(1)
    })

    test('I5: a return address without a payment changes nothing', async () => {
      await pressPay()
      const forged = new URLSearchParams({
        razorpay_payment_id: 'pay_forged',
        razorpay_payment_link_id: 'plink_forged',
        razorpay_payment_link_reference_id: 'forged',
        razorpay_payment_link_status: 'paid',
        razorpay_signature: '0'.repeat(64),
      })
      expect(await (await fetch(`${page}/done?${forged}`)).text()).toContain('No payment has arrived yet')
      expect(await balanceText()).toContain('₹0.00')
    })

    test.each([
      ['without a signature', ''],
      ['with a made-up signature', 'f'.repeat(64)],
      ['signed by another secret', undefined],
    ])('I5: a webhook %s is refused, and nothing is kept', async (_name, signature) => {
      const count = async () => (await stack.database`SELECT count(*)::int AS n FROM razorpay_webhooks`)[0]?.n
      const before = await count()
      const body = JSON.stringify({ event: 'payment.captured', payload: {} })
      const reply = await webhook(body, signature ?? sign(body, 'another-secret'))
      expect(reply.status).toBe(401)
      expect(reply.headers.get('Content-Type')).toBe('application/problem+json')
      expect(await reply.json()).toMatchObject({ code: 'SignatureInvalid', status: 401 })
      expect(await count()).toBe(before)
    })

    test('I5: the same webhook again, under a new event id, credits nothing more', async () => {
      const hosted = String((await pressPay()).headers.get('Location'))
      await payAt(hosted)
      await asha.reads('₹500.00 is in your wallet')
      const bodies = await stack.database<{ raw_body: string }[]>`SELECT raw_body FROM razorpay_webhooks`
      for (const { raw_body } of bodies) {
        expect((await webhook(raw_body, sign(raw_body, stack.razorpay.webhookSecret))).status).toBe(200)
      }
      const waiting = async () =>
        (await stack.database`SELECT FROM queue_items WHERE topic = 'razorpay.webhook' AND dead_at IS NULL`).count
      await expect.poll(waiting, { timeout: 10_000 }).toBe(0)
      expect(await balanceText()).toContain('₹500.00')
    })

    test.each([
      ['an answer of 500', { status: 500 }],
      ['no answer at all', { loseReply: true }],
    ])('I8: with %s from Razorpay the page says what to do, and pressing again works', async (_name, fault) => {
      await stack.razorpay.control('POST', '/faults', { path: '/v1/payment_links', times: 3, ...fault })
      const reply = await pressPay()
      expect(reply.status).toBe(503)
      expect(await reply.text()).toContain('Nothing was charged')
      await stack.razorpay.control('DELETE', '/faults')
      expect((await pressPay()).status).toBe(303)
    })

    test('I8: an expired top-up is told as such, and is not paid', async () => {
      const token = page.split('/').at(-1) ?? ''
      await stack.database`UPDATE top_ups SET expires_at = now() - interval '1 minute' WHERE token = ${token}`
      const shown = await fetch(page)
      expect(shown.status).toBe(410)
      expect(await shown.text()).toContain('Ask the bot for a new one')
      expect((await pressPay()).headers.get('Location')).toBe(`/top-up/${token}`)
    })
  })
}
