// Razorpay, whose payments are made on hosted payment links. The link's reference is the top-up's id, which Razorpay keeps
// unique: after an unknown outcome it is looked up by that, so that a repetition never makes a second link.
// https://razorpay.com/docs/api/payments/payment-links/
import { z } from 'zod'
import { isPaymentError, PaymentError } from './errors.ts'
import type { HostedRail, PaymentPage, PaymentSeen } from './rail.ts'
import { call, connectRazorpay, type RazorpayClient, type RazorpaySettings } from './razorpay-client.ts'
import { isCaptured, paymentSchema, paymentSeen, type RazorpayPayment, TOP_UP_NOTE } from './razorpay-entities.ts'
import { razorpayMovements } from './razorpay-movements.ts'
import { refundOnce, refundsOf } from './razorpay-refunds.ts'
import type { TopUp } from './top-ups.ts'

/** Minutes for which a link must at least be good: Razorpay asks for 15. */
const MINIMUM_MINUTES = 16

const linkSchema = z.looseObject({
  id: z.string(),
  short_url: z.url(),
  status: z.string(),
  reference_id: z.string().nullish(),
  order_id: z.string().nullish(),
  payments: z.array(z.looseObject({ payment_id: z.string() })).nullish(),
})
const linksSchema = z.looseObject({ payment_links: z.array(linkSchema) })
const paymentsSchema = z.looseObject({ items: z.array(paymentSchema) })
type Link = z.infer<typeof linkSchema>

export function razorpayRail(settings: RazorpaySettings): HostedRail {
  const client = connectRazorpay(settings)
  return {
    name: 'Razorpay',
    open: (topUp, about) => open(client, topUp, about),
    collect: topUp => collect(client, topUp),
    async topUpIdOf(paymentId) {
      const links = await linksBy(client, { payment_id: paymentId })
      return links.length === 1 ? (links[0]?.reference_id ?? undefined) : undefined
    },
    refund: order => refundOnce(client, order),
    refundsOf: paymentId => refundsOf(client, paymentId),
    movements: (cursor, now) => razorpayMovements(client, cursor, now),
  }
}

async function open(
  client: RazorpayClient,
  topUp: TopUp,
  about: { returnUrl: string; now: Date },
): Promise<PaymentPage> {
  const make = () => call(linkSchema, () => client.sdk.paymentLink.create(linkOrder(topUp, about)))
  try {
    return pageOf(await make())
  } catch (error) {
    // Refused may mean that it is there already; unknown, that it may be.
    if (!isPaymentError(error, 'GatewayRefused', 'GatewayOutcomeUnknown')) throw error
    const known = await linkByReference(client, topUp.id)
    if (known) return pageOf(known)
    if (error.code === 'GatewayRefused') throw error
    return pageOf(await make())
  }
}

function linkOrder({ id, amountPaise, expiresAt }: TopUp, { returnUrl, now }: { returnUrl: string; now: Date }) {
  const expiry = Math.max(expiresAt.getTime(), now.getTime() + MINIMUM_MINUTES * 60_000)
  return {
    amount: Number(amountPaise), // Bounded by the top-up's maximum, far below what a double holds exactly.
    currency: 'INR',
    accept_partial: false,
    reference_id: id,
    description: 'WASD Cloud wallet top-up',
    customer: {},
    expire_by: Math.floor(expiry / 1000),
    notify: { sms: false, email: false },
    reminder_enable: false,
    notes: { [TOP_UP_NOTE]: id },
    callback_url: returnUrl,
    callback_method: 'get',
  }
}

async function collect(client: RazorpayClient, topUp: TopUp): Promise<PaymentSeen[]> {
  const payments = await paymentsOf(client, topUp)
  const taken = payments.filter(isCaptured)
  // One is enough: Razorpay itself gives back what is not captured.
  const authorized = taken.length === 0 ? payments.find(payment => isDue(payment, topUp)) : undefined
  if (authorized) taken.push(...(await capture(client, authorized)))
  return taken.map(payment => paymentSeen(payment, topUp.id))
}

async function paymentsOf(client: RazorpayClient, topUp: TopUp): Promise<RazorpayPayment[]> {
  const { page } = topUp
  const link = page
    ? await call(linkSchema, () => client.sdk.paymentLink.fetch(page.id))
    : await linkByReference(client, topUp.id)
  if (!link) return []

  // The order knows more than the link: money that came after the link's expiry is not told there.
  const { order_id: orderId } = link
  const ofOrder = orderId ? (await call(paymentsSchema, () => client.sdk.orders.fetchPayments(orderId))).items : []
  const told = (link.payments ?? []).map(({ payment_id: id }) => id)
  const missing = told.filter(id => !ofOrder.some(payment => payment.id === id))
  return [...ofOrder, ...(await Promise.all(missing.map(id => paymentById(client, id))))]
}

/** Authorised late, or its automatic capture got lost; and exactly what was asked for. */
function isDue({ status, amount, currency }: RazorpayPayment, { amountPaise }: TopUp): boolean {
  return status === 'authorized' && currency === 'INR' && BigInt(amount) === amountPaise
}

/** None when it went another way meanwhile. https://razorpay.com/docs/api/payments/capture/ */
async function capture(client: RazorpayClient, { id, amount }: RazorpayPayment): Promise<RazorpayPayment[]> {
  try {
    return [await call(paymentSchema, () => client.sdk.payments.capture(id, amount, 'INR'))]
  } catch (error) {
    // Refused may mean that it was captured a moment ago; unknown, that it may be.
    if (!isPaymentError(error, 'GatewayRefused', 'GatewayOutcomeUnknown')) throw error
    const payment = await paymentById(client, id)
    if (isCaptured(payment)) return [payment]
    if (payment.status === 'authorized') throw error
    return []
  }
}

async function paymentById(client: RazorpayClient, id: string): Promise<RazorpayPayment> {
  return await call(paymentSchema, () => client.sdk.payments.fetch(id))
}

async function linkByReference(client: RazorpayClient, reference: string): Promise<Link | undefined> {
  const links = await linksBy(client, { reference_id: reference })
  return links.find(link => link.reference_id === reference)
}

async function linksBy(client: RazorpayClient, by: { reference_id: string } | { payment_id: string }): Promise<Link[]> {
  const query = { count: 10, ...by } // The package's types know the paging alone; its code passes on all of it.
  return (await call(linksSchema, () => client.sdk.paymentLink.all(query))).payment_links
}

function pageOf(link: Link): PaymentPage {
  if (!/^https?:$/.test(new URL(link.short_url).protocol)) throw new PaymentError('GatewayOutcomeUnknown')
  return { id: link.id, url: link.short_url }
}
