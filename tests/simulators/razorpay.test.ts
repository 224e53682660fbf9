// The Razorpay simulator as its own npm client, a browser and a webhook endpoint see it.
import { createHmac } from 'node:crypto'
import Razorpay from 'razorpay'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Delivery, startEndpoint, startSimulator } from './program.ts'

const ready = z.object({ listening: z.string(), keyId: z.string(), keySecret: z.string(), webhookSecret: z.string() })
const start = async (...options: string[]) => await startSimulator('razorpay', ready, options)

/** The SDK has no option for its address; this is the one way that its 2.9.8 honours. */
function clientOf(simulator: { listening: string; keyId: string; keySecret: string }): Razorpay {
  const client = new Razorpay({ key_id: simulator.keyId, key_secret: simulator.keySecret })
  const inside = z.object({ api: z.custom<{ rq: { defaults: { baseURL: string } } }>(value => value !== undefined) })
  inside.parse(client).api.rq.defaults.baseURL = simulator.listening
  return client
}

const eventShape = z.object({
  event: z.string(),
  contains: z.array(z.string()),
  payload: z.record(z.string(), z.object({ entity: z.looseObject({ id: z.string(), status: z.string() }) })),
})
const read = ({ raw, headers }: Delivery) => ({ event: eventShape.parse(JSON.parse(raw)), raw, headers })
type Received = ReturnType<typeof read>

/** What the endpoint answers next, before it is well again. */
const answers: number[] = []
let endpoint: Awaited<ReturnType<typeof startEndpoint<Received>>>
let simulator: Awaited<ReturnType<typeof start>>
let razorpay: Razorpay
beforeAll(async () => {
  endpoint = await startEndpoint(read, () => answers.shift() ?? 200)
  const quick = ['--retry-scale', '0.002', '--disorder', '0.02', '--seed', 'tests']
  simulator = await start('--webhook-url', endpoint.url, ...quick)
  razorpay = clientOf(simulator)
})
afterAll(async () => {
  expect(await simulator.stop()).toBe(0)
  endpoint.close()
})
afterEach(async () => {
  await fetch(`${simulator.listening}/simulator/faults`, { method: 'DELETE' })
})

async function control(path: string, body?: unknown) {
  const response = await fetch(`${simulator.listening}/simulator${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  })
  const json: unknown = await response.json()
  return { status: response.status, body: z.record(z.string(), z.unknown()).parse(json) }
}

const paidShape = z.object({
  payment: z.looseObject({ id: z.string(), status: z.string(), order_id: z.string() }),
  callback_url: z.string().optional(),
})
const pay = async (link: string, body: unknown = {}) =>
  paidShape.parse((await control(`/payment-links/${link}/pay`, body)).body)

let count = 0
function topUp(fields: Record<string, unknown> = {}) {
  count += 1
  const usual = { amount: 50_000, currency: 'INR', reference_id: `topup-${count}`, description: 'Play', customer: {} }
  return razorpay.paymentLink.create({ ...usual, ...fields })
}

/** The first argument of a rejection of the SDK: a plain object. */
async function refusal(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'no refusal',
    (reason: unknown) => reason,
  )
}
const refused = (description: string, more: Record<string, unknown> = {}) =>
  expect.objectContaining({
    statusCode: 400,
    error: expect.objectContaining({ code: 'BAD_REQUEST_ERROR', description, ...more }),
  })

const eventsOf = (payment: string) =>
  endpoint.received.filter(({ raw }) => raw.includes(payment)).map(({ event }) => event.event)

describe('payment links', () => {
  test('a link is created, found by id and by reference, paid, and its payment and order agree', async () => {
    const link = await topUp({ notes: { player: 'asha' } })
    expect(link).toMatchObject({ status: 'created', amount: 50_000, amount_paid: 0, payments: null })
    expect(await razorpay.paymentLink.fetch(link.id)).toEqual(link)

    const { payment } = await pay(link.id)
    const found = z.object({ payment_links: z.array(z.looseObject({ id: z.string(), status: z.string() })) })
    const list: unknown = await Reflect.apply(razorpay.paymentLink.all, razorpay.paymentLink, [
      { reference_id: link.reference_id },
    ])
    expect(found.parse(list).payment_links).toMatchObject([{ id: link.id, status: 'paid', amount_paid: 50_000 }])
    expect(await razorpay.payments.fetch(payment.id)).toMatchObject({
      status: 'captured',
      captured: true,
      amount: 50_000,
    })
    expect(await razorpay.orders.fetch(payment.order_id)).toMatchObject({ status: 'paid', amount_due: 0 })
    expect((await razorpay.orders.fetchPayments(payment.order_id)).items).toMatchObject([{ id: payment.id }])
    expect((await razorpay.payments.all({ count: 1 })).items).toMatchObject([{ id: payment.id }])
  })

  test.each([
    [{ amount: 99 }, 'The amount must be at least INR 1.00.', 'amount'],
    [{ amount: 100.5 }, 'The amount must be an integer.', 'amount'],
    [{ amount: undefined }, 'The amount field is required.', 'amount'],
    [{ reference_id: 'x'.repeat(41) }, 'reference_id: the length must be no more than 40.', 'reference_id'],
    [{ expire_by: Math.floor(Date.now() / 1000) + 60 }, 'timestamp must be atleast 15 minutes in future', 'expire_by'],
    [{ callback_url: 'https://a.b/' }, 'callback_method: must be a valid value.', 'callback_method'],
    [{ colour: 'red' }, 'colour is/are not required and should not be sent', 'colour'],
  ])('%j is refused in words', async (wrong, description, field) => {
    const reason = 'input_validation_failed'
    expect(await refusal(topUp(wrong))).toEqual(refused(description, { field, reason }))
  })

  test('a reference id is taken once', async () => {
    const { reference_id } = await topUp()
    const again = await refusal(topUp({ reference_id }))
    expect(again).toEqual(refused('payment link creation with reference ID already attempted'))
  })

  test('a cancelled link cannot be paid, a paid one not cancelled', async () => {
    const cancelled = await topUp()
    expect(await razorpay.paymentLink.cancel(cancelled.id)).toMatchObject({ status: 'cancelled' })
    expect((await control(`/payment-links/${cancelled.id}/pay`, {})).status).toBe(409)
    const paid = await topUp()
    await pay(paid.id)
    const late = await refusal(razorpay.paymentLink.cancel(paid.id))
    expect(late).toEqual(refused('cannot cancel or expire an already paid/partially paid link'))
  })

  test('wrong and missing credentials are 401 in its shape', async () => {
    const other = clientOf({ ...simulator, keySecret: 'wrong' })
    const error = { code: 'BAD_REQUEST_ERROR', description: 'Authentication failed' }
    expect(await refusal(other.orders.fetch('order_1'))).toMatchObject({ statusCode: 401, error })
    expect((await fetch(`${simulator.listening}/v1/payments`)).status).toBe(401)
  })
})

describe('the hosted page', () => {
  test('shows amount and description, and paying there sends the browser on with a signature that verifies', async () => {
    const link = await topUp({
      description: 'Ten <hours>',
      callback_url: 'http://127.0.0.1:9/done?x=1',
      callback_method: 'get',
    })
    const page = await (await fetch(link.short_url)).text()
    expect(page).toContain('₹500.00')
    expect(page).toContain('Ten &lt;hours&gt;')

    const body = new URLSearchParams({ outcome: 'captured' })
    const response = await fetch(link.short_url, { method: 'POST', body, redirect: 'manual' })
    expect(response.status).toBe(303)
    const query = new URL(response.headers.get('location') ?? '').searchParams
    const { validatePaymentVerification } = await import('razorpay/dist/utils/razorpay-utils.js')
    const signed = {
      payment_link_id: query.get('razorpay_payment_link_id') ?? '',
      payment_id: query.get('razorpay_payment_id') ?? '',
      payment_link_reference_id: query.get('razorpay_payment_link_reference_id') ?? '',
      payment_link_status: query.get('razorpay_payment_link_status') ?? '',
    }
    expect(signed).toMatchObject({ payment_link_id: link.id, payment_link_status: 'paid' })
    const signature = query.get('razorpay_signature') ?? ''
    expect(validatePaymentVerification(signed, signature, simulator.keySecret)).toBe(true)
    expect((await fetch(link.short_url, { method: 'POST', body })).status).toBe(409)
  })

  test('a failed payment leaves the link open for another try', async () => {
    const link = await topUp()
    const response = await fetch(link.short_url, { method: 'POST', body: new URLSearchParams({ outcome: 'failed' }) })
    expect(await response.text()).toContain('The payment failed')
    await expect.poll(() => endpoint.received.map(({ event }) => event.event)).toContain('payment.failed')
    expect((await pay(link.id)).payment.status).toBe('captured')
  })
})

describe('webhooks', () => {
  test('one paid link is four events, signed over their raw bodies, each with an id of its own', async () => {
    const { payment } = await pay((await topUp()).id)
    const all = ['order.paid', 'payment.authorized', 'payment.captured', 'payment_link.paid']
    await expect.poll(() => eventsOf(payment.id).toSorted()).toEqual(all)
    const mine = endpoint.received.filter(({ raw }) => raw.includes(payment.id))
    for (const { raw, headers } of mine) {
      const signature = createHmac('sha256', simulator.webhookSecret).update(raw).digest('hex')
      expect(headers['x-razorpay-signature']).toBe(signature)
      expect(Razorpay.validateWebhookSignature(raw, signature, simulator.webhookSecret)).toBe(true)
    }
    expect(new Set(mine.map(({ headers }) => headers['x-razorpay-event-id'])).size).toBe(4)
    const authorized = mine.find(({ event }) => event.event === 'payment.authorized')
    expect(authorized?.event.payload.payment?.entity.status).toBe('authorized') // A snapshot, not the payment of now.
  })

  test('a refused delivery comes again, and a redelivery may carry a new event id', async () => {
    answers.push(500, 500, 500, 500, 500)
    const { payment } = await pay((await topUp()).id)
    await expect.poll(() => eventsOf(payment.id).length).toBe(9)
    expect(new Set(eventsOf(payment.id)).size).toBe(4)

    const ids = () => new Set(endpoint.received.map(({ headers }) => headers['x-razorpay-event-id']))
    const before = ids().size
    const again = await control('/redeliver', { payment: payment.id, newEventId: true })
    expect(again.body.events).toHaveLength(4)
    expect(ids().size).toBe(before + 4)
    expect(eventsOf(payment.id)).toHaveLength(13)
  })

  test('a late authorisation fails first and is captured later under the same payment id', async () => {
    const link = await topUp()
    const { payment } = await pay(link.id, { outcome: 'late-authorized', lateSeconds: 0.1 })
    expect(payment.status).toBe('failed')
    await expect.poll(async () => (await razorpay.payments.fetch(payment.id)).status).toBe('captured')
    await expect.poll(() => eventsOf(payment.id)).toContain('payment_link.paid')
    expect(eventsOf(payment.id)).toContain('payment.failed')
  })

  test("an order's second, late success goes back at once", async () => {
    const link = await topUp()
    const late = await pay(link.id, { outcome: 'late-authorized', lateSeconds: 0.1 })
    await pay(link.id)
    await expect.poll(async () => (await razorpay.payments.fetch(late.payment.id)).status).toBe('refunded')
    expect(await razorpay.payments.fetch(late.payment.id)).toMatchObject({ captured: false, refund_status: 'full' })
  })

  test('after a day of failures the webhook is disabled, until it is set again', async () => {
    const failing = await start('--disorder', '0', '--retry-scale', '0.000002', '--webhook-url', 'http://127.0.0.1:9/')
    const link = await clientOf(failing).paymentLink.create({ amount: 100, customer: {} })
    const base = `${failing.listening}/simulator`
    await fetch(`${base}/payment-links/${link.id}/pay`, { method: 'POST' })
    const shape = z.object({ webhook: z.object({ active: z.boolean() }) })
    const active = async () => shape.parse(await (await fetch(`${base}/state`)).json()).webhook.active
    await expect.poll(active).toBe(false)
    await fetch(`${base}/webhook`, { method: 'POST', body: JSON.stringify({ url: endpoint.url }) })
    expect(await active()).toBe(true)
    await failing.stop()
  })

  test('where capture is manual, an authorised payment waits for the merchant, who captures it once and whole', async () => {
    const manual = await start('--capture', 'manual')
    const client = clientOf(manual)
    const link = await client.paymentLink.create({ amount: 50_000, customer: {} })
    const response = await fetch(`${manual.listening}/simulator/payment-links/${link.id}/pay`, { method: 'POST' })
    const { payment } = paidShape.parse(await response.json())
    expect(payment.status).toBe('authorized')
    const partly = await refusal(client.payments.capture(payment.id, 100, 'INR'))
    expect(partly).toEqual(refused('Capture amount must be equal to the amount authorized'))
    expect(await client.payments.capture(payment.id, 50_000, 'INR')).toMatchObject({ status: 'captured' })
    const again = await refusal(client.payments.capture(payment.id, 50_000, 'INR'))
    expect(again).toEqual(refused('This payment has already been captured'))
    await manual.stop()
  })

  test('an automatic capture that does not come leaves the payment to the merchant', async () => {
    const { payment } = await pay((await topUp()).id, { outcome: 'authorized' })
    expect(await razorpay.payments.fetch(payment.id)).toMatchObject({ status: 'authorized', captured: false })
    await razorpay.payments.capture(payment.id, 50_000, 'INR')
    await expect.poll(() => eventsOf(payment.id)).toContain('payment_link.paid')
  })

  test('after a rotation what had happened before still bears the old secret', async () => {
    const rotated = await start('--webhook-secret', 'the-old-one')
    const link = await clientOf(rotated).paymentLink.create({ amount: 100, customer: {} })
    const control = async (path: string, body: unknown) =>
      await fetch(`${rotated.listening}/simulator${path}`, { method: 'POST', body: JSON.stringify(body) })
    await control(`/payment-links/${link.id}/pay`, { outcome: 'failed' })
    await control('/webhook', { url: endpoint.url, secret: 'the-new-one' })
    await control(`/payment-links/${link.id}/pay`, {})
    const ours = () => endpoint.received.filter(({ raw }) => raw.includes(link.id.slice('plink_'.length)))
    await expect.poll(() => ours().length).toBeGreaterThanOrEqual(4)
    const secretOf = ({ raw, headers }: Received) =>
      ['the-old-one', 'the-new-one'].find(
        secret => createHmac('sha256', secret).update(raw).digest('hex') === headers['x-razorpay-signature'],
      )
    for (const delivery of ours()) {
      expect(secretOf(delivery)).toBe(delivery.event.event === 'payment.failed' ? 'the-old-one' : 'the-new-one')
    }
    await rotated.stop()
  })

  test('events that arise before there is a webhook wait for it', async () => {
    const lonely = await start('--disorder', '0')
    const link = await clientOf(lonely).paymentLink.create({ amount: 100, customer: {} })
    const base = `${lonely.listening}/simulator`
    await fetch(`${base}/payment-links/${link.id}/pay`, { method: 'POST' })
    await fetch(`${base}/webhook`, { method: 'POST', body: JSON.stringify({ url: endpoint.url }) })
    await expect.poll(() => endpoint.received.filter(({ raw }) => raw.includes(link.id)).length).toBe(1)
    await lonely.stop()
  })
})

describe('refunds and disputes', () => {
  test('partial, then the rest; never more than was captured', async () => {
    const { payment } = await pay((await topUp()).id)
    await razorpay.payments.refund(payment.id, { amount: 20_000 })
    expect(await razorpay.payments.fetch(payment.id)).toMatchObject({ status: 'captured', refund_status: 'partial' })
    const tooMuch = await refusal(razorpay.payments.refund(payment.id, { amount: 40_000 }))
    expect(tooMuch).toEqual(refused('The refund amount provided is greater than amount captured.'))
    await razorpay.payments.refund(payment.id, {})
    expect(await razorpay.payments.fetch(payment.id)).toMatchObject({ status: 'refunded', amount_refunded: 50_000 })
    const over = await refusal(razorpay.payments.refund(payment.id, {}))
    expect(over).toEqual(refused('The payment has been fully refunded already.'))
    expect((await razorpay.payments.fetchMultipleRefund(payment.id)).items).toHaveLength(2)
    await expect.poll(() => eventsOf(payment.id).filter(event => event === 'refund.processed')).toHaveLength(2)
  })

  test('the same idempotency key is the same refund; another body under it is refused', async () => {
    const { payment } = await pay((await topUp()).id)
    const refund = async (amount: number) => {
      const response = await fetch(`${simulator.listening}/v1/payments/${payment.id}/refund`, {
        method: 'POST',
        headers: {
          Authorization: `Basic ${btoa(`${simulator.keyId}:${simulator.keySecret}`)}`,
          'Content-Type': 'application/json',
          'X-Refund-Idempotency': `refund-of-${payment.id}`,
        },
        body: JSON.stringify({ amount }),
      })
      return {
        status: response.status,
        id: z.looseObject({ id: z.string().optional() }).parse(await response.json()).id,
      }
    }
    const first = await refund(10_000)
    expect(first.status).toBe(200)
    expect(await refund(10_000)).toEqual(first)
    expect((await refund(20_000)).status).toBe(409)
  })

  test('a refund waits at the bank, whose refusal gives the money back to the merchant', async () => {
    const { payment } = await pay((await topUp()).id)
    await control('/refund-outcome', { status: 'pending' })
    const refund = await razorpay.payments.refund(payment.id, {})
    await control('/refund-outcome', { status: 'processed' })
    expect(refund).toMatchObject({ status: 'pending' })
    expect(await razorpay.payments.fetch(payment.id)).toMatchObject({ amount_refunded: 50_000, status: 'refunded' })
    await control('/refunds', { refund_id: refund.id, status: 'failed' })
    expect(await razorpay.payments.fetch(payment.id)).toMatchObject({ amount_refunded: 0, status: 'captured' })
    expect((await control('/refunds', { refund_id: refund.id, status: 'processed' })).status).toBe(409)
    await expect.poll(() => eventsOf(payment.id)).toContain('refund.failed')
  })

  test('the dashboard refunds, a bank disputes and wins', async () => {
    const { payment } = await pay((await topUp()).id)
    expect((await control('/refunds', { payment_id: payment.id, amount: 1000 })).status).toBe(201)
    const raised = await control('/disputes', { payment_id: payment.id })
    await control('/disputes', { dispute_id: raised.body.id, status: 'lost' })
    await expect.poll(() => eventsOf(payment.id)).toContain('payment.dispute.lost')
    expect((await razorpay.disputes.all()).items).toContainEqual(expect.objectContaining({ id: raised.body.id }))
    expect(await razorpay.disputes.fetch(String(raised.body.id))).toMatchObject({ amount_deducted: 50_000 })
    expect((await control('/refunds', { payment_id: payment.id, amount: 50_000 })).status).toBe(409)
  })
})

describe('faults', () => {
  test('500 in its shape, 502 as HTML from a proxy, each once, then all is well', async () => {
    await control('/faults', { path: '/v1/payment_links', method: 'POST', status: 500 })
    await control('/faults', { path: '/v1/payment_links', status: 502 })
    expect(await refusal(topUp())).toMatchObject({ statusCode: 500, error: { code: 'SERVER_ERROR' } })
    expect(await refusal(topUp())).toEqual({ statusCode: 502, error: undefined })
    expect(await topUp()).toMatchObject({ status: 'created' })
  })

  test('a lost reply: the link exists, and can be found by its reference', async () => {
    await control('/faults', { path: '/v1/payment_links', method: 'POST', loseReply: true })
    const lost = await refusal(topUp({ reference_id: 'lost-reply' }))
    expect(lost).toBeInstanceOf(TypeError) // The SDK's own fault: it takes every failure for an answer.
    expect((await control('/payment-links/lost-reply/pay', {})).status).toBe(200)
    const { calls } = z
      .object({ calls: z.array(z.looseObject({ fault: z.string().optional() })) })
      .parse((await control('/log')).body)
    expect(calls.at(-1)?.fault).toMatch(/^fault-/)
  })
})
