import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { bringIn } from '../../api/payments/movements.ts'
import { paymentUrl } from '../../api/payments/page.ts'
import type { HostedRail, PaymentRail } from '../../api/payments/rail.ts'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { paymentSchema, TOP_UP_NOTE } from '../../api/payments/razorpay-entities.ts'
import { pruneWebhooks, razorpayInbox, webhooksKeptOf } from '../../api/payments/razorpay-inbox.ts'
import { isSignedReturn } from '../../api/payments/razorpay-signature.ts'
import { razorpayWebhooks, type WorkOffWebhook } from '../../api/payments/razorpay-webhook.ts'
import { reconcileOnce } from '../../api/payments/reconciliation.ts'
import { checkStars, createStarsInvoice } from '../../api/payments/stars.ts'
import { createTopUp, stateOf, type TopUp, topUpById } from '../../api/payments/top-ups.ts'
import { deletePlayer } from '../../api/players/deletion.ts'
import type { Player } from '../../api/players/players.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { sign } from '../../demo/simulators/razorpay/signatures.ts'
import type { Database } from '../../lib/database/pool.ts'
import { type Clock, systemClock } from '../../lib/process/clock.ts'
import { startRazorpay } from '../api/razorpay.ts'
import { type Books, brokenInvariants, newPlayer, openBooks, silent } from './books.ts'

const SECRET = 'the-webhook-secret'
const ACCOUNT = 'acc_ours'
let books: Books
let database: Database
let razorpay: Awaited<ReturnType<typeof startRazorpay>>
let rail: HostedRail
/** Nobody pays with Stars here. */
const noStars: PaymentRail = {
  name: 'Stars',
  refund: () => Promise.reject(new Error('No refund is expected.')),
  movements: async () => ({ movements: [], cursor: '0', isLast: true }),
}
let player: Player
let topUp: TopUp

beforeAll(async () => {
  books = await openBooks()
  database = books.database
  razorpay = await startRazorpay()
  rail = razorpayRail(razorpay)
})
afterAll(async () => {
  expect(await brokenInvariants(database)).toEqual([])
  await razorpay.stop()
  await books.stop()
})
beforeEach(async () => {
  player = await newPlayer(database)
  topUp = await newTopUp(50_000n)
})
afterEach(async () => void (await razorpay.control('DELETE', '/faults')))

const newTopUp = (amountPaise: bigint) =>
  createTopUp(database, { playerId: player.id, amountPaise, payBy: { rail: 'Razorpay' }, now: new Date() })

const openPage = (token = topUp.token) =>
  paymentUrl({ database, rail, publicUrl: 'http://127.0.0.1:3000' }, { token, now: new Date() })

const balance = async () => (await balanceOf(database, player.id)).postedPaise

const paidSchema = z.object({ payment: paymentSchema, callback_url: z.url().optional() })
const pay = async (how: object = {}) =>
  paidSchema.parse(await razorpay.control('POST', `/payment-links/${topUp.id}/pay`, how))

/** A delivery as Razorpay makes it. */
function delivered(body: unknown, secret = SECRET) {
  const rawBody = JSON.stringify(body)
  const signature = sign(rawBody, secret)
  return { rawBody, signature, eventId: 'evt_1', now: new Date() }
}

function captured(change: Record<string, unknown> = {}, event = 'payment_link.paid') {
  const id = `pay_${topUp.id.slice(-14)}`
  return {
    event,
    account_id: ACCOUNT,
    payload: {
      payment: { entity: { id, amount: 50_000, currency: 'INR', status: 'captured', notes: [], ...change } },
      payment_link: { entity: { reference_id: topUp.id } },
    },
  }
}

const receive = (delivery: ReturnType<typeof delivered>, webhookSecrets = [SECRET]) =>
  razorpayInbox({ database, webhookSecrets })(delivery)

const workOffWebhook: WorkOffWebhook = order =>
  razorpayWebhooks({ database, rail, accountId: ACCOUNT, log: silent })(order)

/** Works off what was received; what is queued is taken by nobody else here. */
async function workOff() {
  const rows = await database<{ webhookId: string }[]>`
    DELETE FROM queue_items WHERE topic = 'razorpay.webhook' RETURNING payload ->> 'webhookId' AS "webhookId"`
  const outcomes = []
  for (const { webhookId } of rows) {
    outcomes.push(await workOffWebhook({ webhookId, now: new Date() }))
  }
  return outcomes
}

test('I5: a captured payment is credited once, and the player is told once', async () => {
  expect(await receive(delivered(captured()))).toBe('Stored')
  expect(await workOff()).toEqual(['Credited'])
  expect(await balance()).toBe(50_000n)

  // The same bytes again, under whatever event id; other events of the same payment; the whole again at once.
  expect(await receive({ ...delivered(captured()), eventId: 'evt_2' })).toBe('Repeated')
  for (const event of ['payment.captured', 'order.paid']) await receive(delivered(captured({}, event)))
  await receive(delivered(captured({ extra: 1 })))
  expect(await workOff()).toEqual(['AlreadyCredited', 'AlreadyCredited', 'AlreadyCredited'])
  expect(await balance()).toBe(50_000n)
  const told =
    await database`SELECT payload -> 'notification' ->> 'type' AS type FROM queue_items WHERE key = ${player.id}`
  expect(told).toEqual([{ type: 'TopUpCredited' }])
  expect(stateOf((await topUpById(database, topUp.id)) ?? topUp, new Date())).toBe('Credited')
})

test('I5: deliveries of one payment worked off at once are one credit', async () => {
  for (let time = 0; time < 30; time += 1) await receive(delivered(captured({ delivery: time })))
  const rows = await database<{ webhookId: string }[]>`
    DELETE FROM queue_items WHERE topic = 'razorpay.webhook' RETURNING payload ->> 'webhookId' AS "webhookId"`
  const outcomes = await Promise.all(rows.map(({ webhookId }) => workOffWebhook({ webhookId, now: new Date() })))
  expect(outcomes.filter(outcome => outcome === 'Credited')).toHaveLength(1)
  expect(await balance()).toBe(50_000n)
})

test('I5: a forged webhook is refused, and nothing of it is kept', async () => {
  const [before] = await database`SELECT count(*) FROM razorpay_webhooks`
  const honest = delivered(captured())
  const forgeries = [
    delivered(captured(), 'another-secret'),
    { ...honest, signature: '' },
    { ...honest, signature: 'zz'.repeat(32) },
    { ...honest, signature: honest.signature.slice(0, -2) },
    { ...honest, rawBody: `${honest.rawBody} ` },
    { ...honest, rawBody: honest.rawBody.replace('50000', '90000') },
  ]
  for (const forgery of forgeries) await expect(receive(forgery)).rejects.toMatchObject({ code: 'SignatureInvalid' })
  // With an empty secret anybody could sign: that is refused before it is compared.
  await expect(receive(delivered(captured(), ''), [''])).rejects.toThrow(RangeError)
  await expect(receive(honest, [])).rejects.toThrow(RangeError)
  expect((await database`SELECT count(*) FROM razorpay_webhooks`)[0]).toEqual(before)
  expect(await workOff()).toEqual([])
  expect(await balance()).toBe(0n)
})

test('After a rotation the older secret still counts', async () => {
  expect(await receive(delivered(captured(), 'the-old-one'), ['the-new-one', 'the-old-one'])).toBe('Stored')
  expect(await workOff()).toEqual(['Credited'])
})

test('What is not a captured payment of ours moves nothing', async () => {
  const cases: [object, string][] = [
    [captured({ status: 'authorized' }), 'NotCaptured'],
    [captured({ status: 'failed' }), 'NotCaptured'],
    [{ ...captured(), event: 'payment.failed' }, 'Ignored'],
    [{ ...captured(), event: 'refund.created', payload: {} }, 'Ignored'],
    [{ ...captured(), account_id: 'acc_other' }, 'ForeignAccount'],
    [{ ...captured(), event: 'payment.captured', payload: { payment: captured().payload.payment } }, 'NotOurs'],
  ]
  for (const [body, outcome] of cases) {
    await receive(delivered({ ...body, case: topUp.id }))
    expect(await workOff()).toEqual([outcome])
  }
  expect(await balance()).toBe(0n)
})

test('A signed payment of another amount, or for no top-up, or malformed, is for a person to look at', async () => {
  const cases: [unknown, string][] = [
    [captured({ amount: 49_999 }), 'PaymentMismatch'],
    [captured({ amount: 50_001 }), 'PaymentMismatch'],
    [captured({ currency: 'USD' }), 'PaymentMismatch'],
    [
      {
        ...captured(),
        payload: { payment: { entity: { ...captured().payload.payment.entity, notes: { top_up: 'no' } } } },
      },
      'TopUpUnknown',
    ],
    [{ ...captured(), payload: { payment: { entity: { id: 'pay_1', amount: '5' } } } }, 'WebhookMalformed'],
    [{ ...captured(), account_id: undefined }, 'WebhookMalformed'],
    [[], 'WebhookMalformed'],
  ]
  for (const [body, code] of cases) {
    await receive(delivered(body))
    await expect(workOff()).rejects.toMatchObject({ name: 'PermanentError', code })
  }
  expect(await balance()).toBe(0n)
})

test('The whole way over the simulator: link, payment, signed webhooks, signed return', async () => {
  const url = await openPage()
  expect(await openPage()).toBe(url)
  expect(await rail.collect((await topUpById(database, topUp.id)) ?? topUp)).toEqual([])
  const { payment, callback_url } = await pay({ method: 'upi' })
  const parameters = Object.fromEntries(new URL(callback_url ?? '').searchParams)
  expect(isSignedReturn(parameters, razorpay.keySecret)).toBe(true)
  expect(isSignedReturn({ ...parameters, razorpay_payment_id: 'pay_other' }, razorpay.keySecret)).toBe(false)
  expect(isSignedReturn({}, razorpay.keySecret)).toBe(false)

  expect(await rail.collect(topUp)).toEqual([
    expect.objectContaining({ id: payment.id, topUpId: topUp.id, paid: { currency: 'INR', units: 50_000n } }),
  ])
  expect(await rail.topUpIdOf(payment.id)).toBe(topUp.id)
  // Credited by the note on the payment alone, as a link that has expired meanwhile leaves us.
  await receive(delivered({ ...captured(), event: 'payment.captured', payload: { payment: { entity: payment } } }))
  expect(await workOff()).toEqual(['Credited'])
  expect(await balance()).toBe(50_000n)
  expect(await openPage()).toBeUndefined() // Paid: it is not offered again.
})

test('A payment that no webhook told of is found by asking, once', async () => {
  await openPage()
  await pay()
  const later: Clock = { ...systemClock, now: () => new Date(Date.now() + 61_000) }
  const rails = { Razorpay: rail, Stars: noStars }
  const passes = await Promise.all([1, 2, 3].map(() => reconcileOnce({ database, rails, clock: later, log: silent })))
  expect(passes.flat()).toEqual(['Credited'])
  expect(await balance()).toBe(50_000n)
  await receive(delivered(captured({ id: (await rail.collect(topUp))[0]?.id })))
  expect(await workOff()).toEqual(['AlreadyCredited'])
})

test('An authorisation that comes late, or whose capture got lost, is captured by us and credited once', async () => {
  await openPage()
  const { payment } = await pay({ outcome: 'authorized' })
  expect(payment.status).toBe('authorized')
  await receive(delivered({ ...captured(), event: 'payment.authorized', payload: { payment: { entity: payment } } }))
  expect(await workOff()).toEqual(['Awaited'])
  const later = (seconds: number): Clock => ({ ...systemClock, now: () => new Date(Date.now() + seconds * 1000) })
  const rails = { Razorpay: rail, Stars: noStars }
  // The gateway's own capture is given a minute.
  expect(await reconcileOnce({ database, rails, clock: later(30), log: silent })).not.toContain('Credited')
  expect(await balance()).toBe(0n)
  expect(await reconcileOnce({ database, rails, clock: later(61), log: silent })).toContain('Credited')
  expect(await balance()).toBe(50_000n)
  expect(await reconcileOnce({ database, rails, clock: later(3600), log: silent })).not.toContain('Credited')
  expect(await balance()).toBe(50_000n)
  // Told late, it is of a payment that is there.
  const late = { ...captured(), event: 'payment.authorized', payload: { payment: { entity: payment } } }
  await receive(delivered({ ...late, created_at: 1 }))
  expect(await workOff()).toEqual(['AlreadyCredited'])
})

test('Old webhooks are forgotten once they are worked off, and a replay of one changes nothing', async () => {
  await receive(delivered(captured()))
  await workOff()
  await receive(delivered(captured({ amount: 1 }))) // Waits for a person.
  const kept = async () => (await database<{ n: number }[]>`SELECT count(*)::int AS n FROM razorpay_webhooks`)[0]?.n
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000)
  const before = await kept()
  expect(await pruneWebhooks(database, inDays(119))).toBe(0)
  expect(await pruneWebhooks(database, inDays(121))).toBeGreaterThan(0)
  const open = await database`SELECT FROM razorpay_webhooks WHERE worked_off_at IS NOT NULL`
  expect(open).toHaveLength(0)
  expect(await kept()).toBeLessThan(before ?? 0)

  await database`DELETE FROM queue_items WHERE topic = 'razorpay.webhook'`
  expect(await receive(delivered(captured()))).toBe('Stored')
  expect(await workOff()).toEqual(['AlreadyCredited'])
  expect(await balance()).toBe(50_000n)
})

test('Whoever is deleted leaves no e-mail address, number or UPI address in what Razorpay told, and a replay credits nothing', async () => {
  const personal = { email: 'asha@example.com', contact: '+919876543210', vpa: 'asha@upi' }
  const failed = { id: `pay_f${topUp.id.slice(-13)}`, amount: 1, currency: 'INR', status: 'failed', ...personal }
  const payload = { payment: { entity: { ...failed, notes: { [TOP_UP_NOTE]: topUp.id } } } }
  await receive(delivered({ event: 'payment.failed', account_id: ACCOUNT, payload }))
  const [leaving, paid, late] = [player, captured(personal), captured({ ...personal, came: 'late' })]
  await receive(delivered(paid))
  expect((await workOff()).toSorted()).toEqual(['Credited', 'Ignored'])
  player = await newPlayer(database)
  topUp = await newTopUp(50_000n)
  await receive(delivered(captured({ email: 'ben@example.com' })))
  expect(await workOff()).toEqual(['Credited'])
  await receive(delivered(late))
  const naming = async () => (await database`SELECT FROM razorpay_webhooks WHERE raw_body LIKE '%asha@%'`).count
  expect([await naming(), await webhooksKeptOf(database, leaving.id)]).toEqual([3, 2])

  await deletePlayer(database, { playerId: leaving.id, forfeitMoney: true, now: new Date() })
  expect(await naming(), 'what is not worked off yet').toBe(1)
  for (const body of [paid, { ...paid, event: 'order.paid' }]) expect(await receive(delivered(body))).toBe('Stored')
  expect(await workOff()).toEqual(['AlreadyCredited', 'AlreadyCredited', 'AlreadyCredited'])
  expect(await naming()).toBe(0)
  expect((await balanceOf(database, leaving.id)).postedPaise).toBe(50_000n)
  expect(await webhooksKeptOf(database, player.id), 'of another').toBe(1)
})

test('I5: Stars are checked before, and credited once per charge at the rate of the invoice', async () => {
  const now = new Date()
  const invoice = await createStarsInvoice(database, {
    playerId: player.id,
    amountPaise: 50_000n,
    paisePerStar: 130,
    now,
  })
  expect(invoice).toMatchObject({ stars: 385, amountPaise: 50_050n })
  const checkout = { payload: invoice.payload, stars: 385, currency: 'XTR', now }
  expect(await checkStars(database, checkout)).toBe('Accepted')
  expect(await checkStars(database, { ...checkout, stars: 1 })).toBe('AmountChanged')
  expect(await checkStars(database, { ...checkout, currency: 'INR' })).toBe('AmountChanged')
  expect(await checkStars(database, { ...checkout, payload: 'no' })).toBe('UnknownInvoice')
  expect(await checkStars(database, { ...checkout, payload: topUp.id })).toBe('UnknownInvoice')

  const credit = async (id: string, stars: bigint, currency = 'XTR') => {
    const payment = { id, topUpId: invoice.payload, paid: { currency, units: stars }, hasRefunds: false }
    return (await bringIn(database, { rail: 'Stars', movements: [{ is: 'Payment', payment }], now }))[0]
  }
  const charge = `charge-${player.id}`
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => credit(charge, 385n)))
  expect(outcomes.filter(outcome => outcome === 'Credited')).toHaveLength(1)
  expect(await balance()).toBe(50_050n)
  expect(await checkStars(database, checkout)).toBe('UnknownInvoice') // Paid: Telegram is not to take it twice.
  await expect(credit('x', 1n)).rejects.toMatchObject({ code: 'PaymentMismatch' })
  await expect(credit('y', 385n, 'INR')).rejects.toMatchObject({ code: 'PaymentMismatch' })
})
