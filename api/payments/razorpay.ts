// Razorpay's hosted payment links. The link's reference is the top-up's id, which Razorpay keeps unique: after an unknown
// outcome it is looked up by that, so that a repetition never makes a second link.
// https://razorpay.com/docs/api/payments/payment-links/
import type Razorpay from 'razorpay'
import { z } from 'zod'
import { isPaymentError, PaymentError } from './errors.ts'
import type { CapturedPayment, PaymentPage, PaymentRail } from './rail.ts'
import { call, connectRazorpay, type RazorpaySettings } from './razorpay-client.ts'
import type { TopUp } from './top-ups.ts'

/** Minutes for which a link must at least be good: Razorpay asks for 15. */
const MINIMUM_MINUTES = 16
/** The key of our note on the link, which Razorpay copies to order and payment. */
export const TOP_UP_NOTE = 'top_up'

export const paymentSchema = z.looseObject({
  id: z.string().regex(/^pay_\w{1,40}$/),
  amount: z.int().min(1),
  currency: z.string(),
  status: z.string(),
  order_id: z.string().nullish(),
  /** An empty list when there are none. */
  notes: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]).nullish(),
})
export type RazorpayPayment = z.infer<typeof paymentSchema>

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

export function razorpayRail(settings: RazorpaySettings): PaymentRail {
  const client = connectRazorpay(settings)
  return {
    name: 'Razorpay',
    open: (topUp, about) => open(client, topUp, about),
    captured: topUp => captured(client, topUp),
    async topUpIdOf(paymentId) {
      const links = await linksBy(client, { payment_id: paymentId })
      return links.length === 1 ? (links[0]?.reference_id ?? undefined) : undefined
    },
  }
}

async function open(client: Razorpay, topUp: TopUp, about: { returnUrl: string; now: Date }): Promise<PaymentPage> {
  const make = () => call(linkSchema, () => client.paymentLink.create(linkOrder(topUp, about)))
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

async function captured(client: Razorpay, topUp: TopUp): Promise<CapturedPayment[]> {
  const { page } = topUp
  const link = page
    ? await call(linkSchema, () => client.paymentLink.fetch(page.id))
    : await linkByReference(client, topUp.id)
  if (!link) return []

  // The order knows more than the link: money that came after the link's expiry is not told there.
  const { order_id: orderId } = link
  const ofOrder = orderId ? (await call(paymentsSchema, () => client.orders.fetchPayments(orderId))).items : []
  const told = (link.payments ?? []).map(({ payment_id: id }) => id)
  const missing = told.filter(id => !ofOrder.some(payment => payment.id === id))
  const fetched = await Promise.all(missing.map(id => call(paymentSchema, () => client.payments.fetch(id))))
  return [...ofOrder, ...fetched].filter(isCaptured).map(capturedOf)
}

/** Captured, and in rupees: what may be credited. */
export function isCaptured({ status, currency }: RazorpayPayment): boolean {
  return status === 'captured' && currency === 'INR'
}

export function capturedOf({ id, amount }: RazorpayPayment): CapturedPayment {
  return { id, amountPaise: BigInt(amount) }
}

async function linkByReference(client: Razorpay, reference: string): Promise<Link | undefined> {
  const links = await linksBy(client, { reference_id: reference })
  return links.find(link => link.reference_id === reference)
}

async function linksBy(client: Razorpay, by: { reference_id: string } | { payment_id: string }): Promise<Link[]> {
  const query = { count: 10, ...by } // The package's types know the paging alone; its code passes on all of it.
  return (await call(linksSchema, () => client.paymentLink.all(query))).payment_links
}

function pageOf(link: Link): PaymentPage {
  if (!/^https?:$/.test(new URL(link.short_url).protocol)) throw new PaymentError('GatewayOutcomeUnknown')
  return { id: link.id, url: link.short_url }
}
