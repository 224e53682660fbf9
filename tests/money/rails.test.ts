// Both rails over their simulators, behaving alike, and what Razorpay alone can do.
import { Api } from 'grammy'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { railBehaves } from '../../api/payments/rail.suite.ts'
import type { HostedRail } from '../../api/payments/rail.ts'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { connectRazorpay } from '../../api/payments/razorpay-client.ts'
import { starsRail } from '../../api/payments/stars-rail.ts'
import type { TopUp } from '../../api/payments/top-ups.ts'
import { startRazorpay } from '../api/razorpay.ts'
import type { Control } from '../api/simulator.ts'
import { startTelegram } from '../api/telegram.ts'

const AMOUNT = 50_000

const madeSchema = z.looseObject({ id: z.string() })
const logSchema = z.object({ calls: z.array(z.looseObject({ fault: z.string().optional() })) })

/** A simulator's faults, and when the call is through that ran into the last one. */
function faultsOf({ control }: { control: Control }) {
  let last = ''
  return {
    async fault(what: object) {
      last = madeSchema.parse(await control('POST', '/faults', what)).id
    },
    async through() {
      const met = async () => logSchema.parse(await control('GET', '/log')).calls.map(({ fault }) => fault)
      await expect.poll(met, { timeout: 10_000 }).toContain(last)
    },
    async noFaults() {
      await control('DELETE', '/faults')
    },
  }
}

describe('Razorpay', () => {
  let razorpay: Awaited<ReturnType<typeof startRazorpay>>
  let rail: HostedRail
  let faults: ReturnType<typeof faultsOf>
  beforeAll(async () => {
    razorpay = await startRazorpay()
    faults = faultsOf(razorpay)
    rail = razorpayRail(razorpay)
  })
  afterAll(async () => await razorpay.stop())

  const paidSchema = z.object({ payment: z.looseObject({ id: z.string() }) })

  function topUp(id: string): TopUp {
    const createdAt = new Date()
    const expiresAt = new Date(createdAt.getTime() + 3_600_000)
    const nothing = { stars: undefined, page: undefined, creditedAt: undefined }
    const amountPaise = BigInt(AMOUNT)
    return { id, token: '', playerId: '', rail: 'Razorpay', amountPaise, createdAt, expiresAt, ...nothing }
  }

  async function pay(topUpId: string, how: object = {}) {
    await rail.open(topUp(topUpId), { returnUrl: 'http://127.0.0.1:3000/done', now: new Date() })
    const { payment } = paidSchema.parse(await razorpay.control('POST', `/payment-links/${topUpId}/pay`, how))
    return {
      paymentId: payment.id,
      returned: { currency: 'INR', units: BigInt(AMOUNT) },
      telegramUserId: 1n,
    }
  }

  railBehaves(() => ({
    rail,
    nowhere: razorpayRail({ ...razorpay, baseUrl: 'http://127.0.0.1:9' }),
    impatient: razorpayRail({ ...razorpay, timeoutSeconds: 1 }),
    pay,
    ...faults,
    fault: what => faults.fault({ method: 'POST', path: '/v1/payments', ...what }),
  }))

  test('a gateway that hangs makes one link in the end, however often it is asked for', async () => {
    const impatient = razorpayRail({ ...razorpay, timeoutSeconds: 1 })
    const about = { returnUrl: 'http://127.0.0.1:3000/done', now: new Date() }
    await faults.fault({ method: 'POST', path: '/v1/payment_links', delay: 2 })
    const page = await impatient.open(topUp('hung'), about) // It is looked up, and asked for again.
    await faults.through()
    expect(await rail.open(topUp('hung'), about)).toEqual(page)
    const linksSchema = z.object({
      payment_links: z.array(z.looseObject({ id: z.string(), reference_id: z.string() })),
    })
    const { payment_links: links } = linksSchema.parse(await razorpay.control('GET', '/state'))
    expect(links.filter(link => link.reference_id === 'hung').map(({ id }) => id)).toEqual([page.id])
  })

  test('what is authorised and was not captured is captured by us, once, and only for what was asked', async () => {
    const { paymentId } = await pay('late', { outcome: 'authorized' })
    const other = { ...topUp('late'), amountPaise: 10_000n }
    expect(await rail.collect(other)).toEqual([])
    const taken = await Promise.all([1, 2, 3].map(() => rail.collect(topUp('late'))))
    for (const payments of taken) expect(payments).toMatchObject([{ id: paymentId, topUpId: 'late' }])
  })

  test('a capture whose reply was lost is looked up', async () => {
    const { paymentId } = await pay('lost-capture', { outcome: 'authorized' })
    await razorpay.control('POST', '/faults', { method: 'POST', path: '/v1/payments', loseReply: true })
    expect(await rail.collect(topUp('lost-capture'))).toMatchObject([{ id: paymentId }])
  })

  test('a part that two workers give back at once goes back once: a second look sees nothing, the key does', async () => {
    const payment = await pay('in-part')
    const order = { ...payment, returned: { currency: 'INR', units: 10_000n }, refundId: 'refund-in-part' }
    // Both have looked before either has asked.
    await razorpay.control('POST', '/faults', { method: 'POST', path: '/v1/payments', delay: 0.3, times: 2 })
    const [first, second] = await Promise.all([rail.refund(order), rail.refund(order)])
    expect(second).toEqual(first)
    expect(await rail.refundsOf(payment.paymentId)).toMatchObject([
      { refundId: order.refundId, returned: { units: 10_000n } },
    ])
  })

  test('more than a page of movements is told to its end', async () => {
    const { sdk } = connectRazorpay(razorpay)
    await Promise.all(
      Array.from({ length: 120 }, async (_, index) => {
        const reference = `many-${index}`
        const notes = { top_up: reference }
        await sdk.paymentLink.create({ amount: 100, reference_id: reference, customer: {}, notes })
        await razorpay.control('POST', `/payment-links/${reference}/pay`, {})
      }),
    )
    const told = new Set<string | undefined>()
    for (let cursor: string | undefined, isLast = false; !isLast; ) {
      const page = await rail.movements(cursor, new Date(Date.now() + 1000))
      for (const movement of page.movements) if (movement.is === 'Payment') told.add(movement.payment.topUpId)
      cursor = page.cursor
      isLast = page.isLast
    }
    expect([...told].filter(topUpId => topUpId?.startsWith('many-'))).toHaveLength(120)
  })
})

describe('Telegram Stars', () => {
  let telegram: Awaited<ReturnType<typeof startTelegram>>
  let api: Api
  let faults: ReturnType<typeof faultsOf>
  let telegramUserId: number
  beforeAll(async () => {
    telegram = await startTelegram()
    faults = faultsOf(telegram)
    api = new Api(telegram.token, { apiRoot: telegram.apiRoot })
    const person = await telegram.person('Asha')
    telegramUserId = person.chatId
    await person.writes('/start')
  })
  afterAll(async () => await telegram.stop())

  const paidSchema = z.object({ paid: z.literal(true), telegram_payment_charge_id: z.string() })
  let offset = 0

  /** Says yes to the next pre-checkout query, as the bot does. */
  async function agree(): Promise<void> {
    for (;;) {
      for (const update of await api.getUpdates({ offset, timeout: 5 })) {
        offset = update.update_id + 1
        if (!update.pre_checkout_query) continue
        await api.answerPreCheckoutQuery(update.pre_checkout_query.id, true)
        return
      }
    }
  }

  railBehaves(
    () => ({
      rail: starsRail(telegram),
      impatient: starsRail({ ...telegram, timeoutSeconds: 1 }),
      nowhere: starsRail({ ...telegram, apiRoot: 'http://127.0.0.1:9' }),
      async pay(topUpId) {
        const prices = [{ label: 'Top up', amount: 385 }]
        const link = await api.createInvoiceLink('Top up', 'Puts money in.', topUpId, '', 'XTR', prices)
        const paying = telegram.control('POST', `/chats/${telegramUserId}/pay`, { invoice_link: link })
        await agree()
        const { telegram_payment_charge_id: paymentId } = paidSchema.parse(await paying)
        return { paymentId, returned: { currency: 'XTR', units: 385n }, telegramUserId: BigInt(telegramUserId) }
      },
      ...faults,
      fault: what =>
        faults.fault({ method: 'refundStarPayment', ...('loseReply' in what ? { lose_reply: true } : what) }),
    }),
    // grammY's error for "no answer came" does not say whether anything was sent; to ask again is harmless here.
    { nowhere: 'GatewayOutcomeUnknown' },
  )
})
