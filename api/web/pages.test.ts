import { Hono } from 'hono'
import { beforeEach, expect, test } from 'vitest'
import type { Catalogue } from '../../crds/catalogue.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { HttpError } from '../http/errors.ts'
import type { RateLimits } from '../http/rate-limits.ts'
import type { RequestVariables } from '../http/request.ts'
import { type TopUpView, topUpPages } from './pages.ts'
import { styleSource } from './style.ts'

const TOKEN = 'tok_0123456789abcdef'
const RAZORPAY = 'http://127.0.0.1:8082'
const catalogue: Catalogue = {
  games: {},
  tiers: { standard: { title: 'Standard', pricePaisePerHour: 6000, sizes: [], osDiskGiB: 128 } },
  sizes: {},
  images: {},
  regions: {},
}

let topUp: TopUpView
let paymentUrl: string | undefined
let failure: Error | undefined
let app: Hono<{ Variables: RequestVariables }>

beforeEach(() => {
  topUp = { firstName: 'Asha', amountPaise: 50_000n, state: 'Open', balancePaise: 0n }
  paymentUrl = `${RAZORPAY}/l/abc`
  failure = undefined
  const limits: RateLimits = {
    count: async () => {
      if (failure) throw failure
      return { limit: 1, remaining: 1, resetSeconds: 1, isRefused: false }
    },
  }
  app = new Hono<{ Variables: RequestVariables }>()
  app.use((context, next) => {
    context.set('requestId', 'id-of-the-request')
    return next()
  })
  app.route(
    '/',
    topUpPages({
      log: createLogger({ program: 'test', level: 'silent' }),
      limits,
      catalogue: () => catalogue,
      affordableSeconds: ({ paise, ratePaisePerHour }) => Number((paise * 3600n) / ratePaisePerHour),
      topUp: async token => (token === TOKEN ? topUp : undefined),
      paymentUrl: async token => (token === TOKEN ? paymentUrl : undefined),
      isSignedReturn: parameters => parameters.razorpay_signature === 'signed',
      botUrl: () => 'https://t.me/wasd_cloud_bot',
      paymentOrigins: [RAZORPAY],
    }),
  )
})

test('the page says who, how much and what it buys, and pays by one button', async () => {
  const reply = await app.request(`/top-up/${TOKEN}`)
  const text = await reply.text()
  expect(reply.status).toBe(200)
  expect(text).toContain('Asha’s wallet')
  expect(text).toContain('₹500.00')
  expect(text).toContain('8 h 20 min')
  expect(text).toContain(`<form method="post" action="/top-up/${TOKEN}">`)
})

test('the content policy permits our style sheet and the way to the payment, and no script', async () => {
  const policy = (await app.request(`/top-up/${TOKEN}`)).headers.get('Content-Security-Policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain(`style-src ${styleSource}`)
  expect(policy).toContain(RAZORPAY)
  expect(policy).not.toContain('unsafe')
})

test("a player's name cannot be markup", async () => {
  topUp.firstName = '<script>alert(1)</script>'
  expect(await (await app.request(`/top-up/${TOKEN}`)).text()).not.toContain('<script>')
})

test('paying leads to the payment page', async () => {
  const reply = await app.request(`/top-up/${TOKEN}`, { method: 'POST' })
  expect(reply.status).toBe(303)
  expect(reply.headers.get('Location')).toBe(paymentUrl)
})

test('what can no longer be paid leads back to its page, which says why', async () => {
  paymentUrl = undefined
  const reply = await app.request(`/top-up/${TOKEN}`, { method: 'POST' })
  expect(reply.headers.get('Location')).toBe(`/top-up/${TOKEN}`)
  topUp.state = 'Expired'
  const page = await app.request(`/top-up/${TOKEN}`)
  expect(page.status).toBe(410)
  expect(await page.text()).toContain('Nothing was charged')
})

test('back from a payment it waits for the confirmation, then shows the balance', async () => {
  const path = `/top-up/${TOKEN}/done?razorpay_payment_link_status=paid&razorpay_signature=signed`
  const waiting = await (await app.request(path)).text()
  expect(waiting).toContain('http-equiv="refresh"')
  expect(waiting).toContain('is confirming')

  Object.assign(topUp, { state: 'Credited', balancePaise: 50_000n })
  const credited = await (await app.request(path)).text()
  expect(credited).toContain('The money is in the wallet')
  expect(credited).not.toContain('http-equiv="refresh"')
})

test('I5: a forged return address says that nothing has arrived', async () => {
  const path = `/top-up/${TOKEN}/done?razorpay_payment_link_status=paid&razorpay_signature=forged`
  expect(await (await app.request(path)).text()).toContain('No payment has arrived yet')
})

test.each([
  '/top-up/unknown-token',
  '/top-up/unknown-token/done',
  '/top-up/x',
  '/top-up/a/b/c',
  '/top-up/%3Cscript%3E',
])('I8: %s belongs to no top-up, and says what to do', async path => {
  const reply = await app.request(path)
  expect(reply.status).toBe(404)
  expect(await reply.text()).toContain('/topup')
})

test.each([
  [new HttpError('TooManyRequests', { retryAfterSeconds: 7 }), 429, 'Wait a minute'],
  [Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), 503, 'Nothing was charged'],
  [new Error('password=hunter2'), 500, 'never lost'],
])('I8: a failure is a page for people too (%s)', async (error, status, words) => {
  failure = error
  const reply = await app.request(`/top-up/${TOKEN}`)
  const text = await reply.text()
  expect(reply.status).toBe(status)
  expect(reply.headers.get('Content-Type')).toMatch(/^text\/html/)
  expect(text).toContain(words)
  expect(text).toContain('id-of-the-request')
  expect(text).not.toContain('hunter2')
})
