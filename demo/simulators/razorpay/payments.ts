// A payment's life: created -> authorized -> captured -> refunded; or failed, which is not final: a bank may authorise
// late (razorpay.com/docs/payments/payments/late-authorisation). Every step emits its event with a snapshot.
import { unixSeconds } from '../clock.ts'
import { invalid, refuse } from './errors.ts'
import { amountOf, collection, currencyOf, type Fields, onlyKnown, paged, pageOf } from './fields.ts'
import { orderOfLink } from './orders.ts'
import { linkBody } from './payment-links.ts'
import { refundPayment } from './refunds.ts'
import type { Method, Order, Payment, PaymentLink, World } from './state.ts'

/** Share of the amount, before 18 % tax on it, in hundredths. */
const FEE_PERCENT = 2
const TAX_PERCENT = 18

/** Somebody tries to pay the link; what comes of it is the caller's to say. */
export function attempt(world: World, given: { link: PaymentLink; method: Method }): Payment {
  const { link, method } = given
  const order = orderOfLink(world, link)
  order.attempts += 1
  if (order.status === 'created') order.status = 'attempted'
  const payment = newPayment(world, { link, method, orderId: order.id })
  world.state.payments.set(payment.id, payment)
  return payment
}

export function fail(world: World, payment: Payment): void {
  Object.assign(payment, {
    status: 'failed',
    error_code: 'BAD_REQUEST_ERROR',
    error_description: 'Your payment could not be completed as it was declined by the bank. Try another method.',
    error_source: 'bank',
    error_step: 'payment_authorization',
    error_reason: 'payment_failed',
  })
  world.emit('payment.failed', { payment })
}

/** The bank says yes, at once or late; capture follows where it is automatic. */
export function authorize(world: World, payment: Payment, capturing = world.state.account.capture): void {
  const nothing = {
    error_code: null,
    error_description: null,
    error_source: null,
    error_step: null,
    error_reason: null,
  }
  Object.assign(payment, { status: 'authorized', ...nothing })
  world.emit('payment.authorized', { payment })

  const order = payment.order_id === null ? undefined : world.state.orders.get(payment.order_id)
  // A second success of an order that is paid already goes back at once.
  if (order?.status === 'paid') refundPayment(world, { payment, amount: payment.amount })
  else if (capturing === 'automatic') capture(world, payment)
}

export function captureByMerchant(world: World, given: { id: string; fields: Fields }): Payment {
  const payment = findPayment(world, given.id)
  onlyKnown(given.fields, ['amount', 'currency'])
  const amount = amountOf(given.fields, 'amount')
  currencyOf(given.fields)
  if (payment.captured) throw refuse('AlreadyCaptured')
  if (payment.status !== 'authorized') throw refuse('NotAuthorized')
  if (amount !== payment.amount) throw refuse('CaptureAmount')
  capture(world, payment)
  return payment
}

function capture(world: World, payment: Payment): void {
  const fee = Math.round((payment.amount * FEE_PERCENT) / 100)
  const tax = Math.round((fee * TAX_PERCENT) / 100)
  Object.assign(payment, { status: 'captured', captured: true, fee: fee + tax, tax })
  world.emit('payment.captured', { payment })

  const order = payment.order_id === null ? undefined : world.state.orders.get(payment.order_id)
  if (order === undefined) return
  Object.assign(order, { status: 'paid', amount_paid: order.amount, amount_due: 0 } satisfies Partial<Order>)
  world.emit('order.paid', { payment, order })

  const link = [...world.state.paymentLinks.values()].find(({ order_id }) => order_id === order.id)
  // A link that was cancelled or has expired meanwhile stays so: the money has come all the same.
  if (link?.status !== 'created') return
  const now = unixSeconds(world.clock)
  const { id: payment_id, amount, method, created_at } = payment
  const paid = {
    amount,
    created_at,
    method,
    payment_id,
    plink_id: link.id,
    status: 'captured' as const,
    updated_at: now,
  }
  Object.assign(link, { status: 'paid', amount_paid: amount, payments: [paid], updated_at: now })
  world.emit('payment_link.paid', { payment_link: linkBody(link), order, payment })
}

export function findPayment({ state }: World, id: string): Payment {
  const payment = state.payments.get(id)
  if (payment === undefined) throw invalid('id', `${id} is not a valid id`)
  return payment
}

export function listPayments({ state }: World, query: Record<string, string>): Record<string, unknown> {
  return collection(paged(state.payments.values(), pageOf(query)))
}

function newPayment(world: World, given: { link: PaymentLink; method: Method; orderId: string }): Payment {
  const { random, clock } = world
  const { link, method, orderId } = given
  const customer = Array.isArray(link.customer) ? {} : link.customer
  const reference = String(random.integer(100_000_000_000, 999_999_999_999))
  const vpa = 'gamer@upi'
  return {
    id: `pay_${random.word(14)}`,
    entity: 'payment',
    amount: link.amount,
    currency: 'INR',
    base_amount: link.amount,
    status: 'created',
    order_id: orderId,
    invoice_id: null,
    international: false,
    method,
    amount_refunded: 0,
    amount_transferred: 0,
    refund_status: null,
    captured: false,
    description: `#${link.id.slice('plink_'.length)}`,
    card_id: method === 'card' ? `card_${random.word(14)}` : null,
    bank: method === 'netbanking' ? 'HDFC' : null,
    wallet: method === 'wallet' ? 'payzapp' : null,
    vpa: method === 'upi' ? vpa : null,
    email: customer.email ?? 'void@razorpay.com',
    contact: customer.contact ?? '+919999999999',
    notes: link.notes,
    fee: null,
    tax: null,
    error_code: null,
    error_description: null,
    error_source: null,
    error_step: null,
    error_reason: null,
    acquirer_data: acquirerData(method, reference),
    created_at: unixSeconds(clock),
    ...(method === 'upi' && { upi: { payer_account_type: 'bank_account', vpa, flow: 'intent' } }),
  }
}

function acquirerData(method: Method, reference: string): Payment['acquirer_data'] {
  if (method === 'upi') return { rrn: reference }
  if (method === 'card') return { auth_code: reference.slice(0, 6), rrn: reference }
  return method === 'netbanking' ? { bank_transaction_id: reference } : { transaction_id: null }
}
