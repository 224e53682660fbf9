// Refunds: of captured payments by the merchant, of late ones by Razorpay itself. X-Refund-Idempotency makes a repeat
// of the same request answer the same refund. razorpay.com/docs/api/refunds
import { unixSeconds } from '../clock.ts'
import { refuse } from './errors.ts'
import { amountOf, collection, type Fields, notesOf, onlyKnown, paged, pageOf, textOf } from './fields.ts'
import type { Payment, Refund, World } from './state.ts'

const KEY_MINIMUM = 10

export function refundByMerchant(
  world: World,
  given: { payment: Payment; fields: Fields; key: string | undefined },
): Refund {
  const { payment, fields, key } = given
  const request = JSON.stringify([payment.id, fields])
  if (key !== undefined) {
    if (key.length < KEY_MINIMUM) throw refuse('KeyTooShort')
    if (!/^[A-Za-z0-9_-]+$/.test(key)) throw refuse('KeyMalformed')
    const known = world.state.refundKeys.get(key)
    const done = known && world.state.refunds.get(known.refundId)
    if (known && known.request !== request) throw refuse('KeyReused')
    if (done) return done
  }
  onlyKnown(fields, ['amount', 'speed', 'notes', 'receipt'])
  const left = payment.amount - payment.amount_refunded
  if (payment.status === 'refunded' || (payment.captured && left === 0)) throw refuse('FullyRefunded')
  if (!payment.captured) throw refuse('NotCaptured')
  const amount = fields.amount === undefined || fields.amount === null ? left : amountOf(fields, 'amount')
  if (amount > left) throw refuse('RefundTooHigh')

  const receipt = textOf(fields, { name: 'receipt', limit: 40 }) ?? null
  const optimum = textOf(fields, { name: 'speed', limit: 20 }) === 'optimum'
  const asked = {
    receipt,
    notes: notesOf(fields),
    speed_requested: optimum ? ('optimum' as const) : ('normal' as const),
  }
  const refund = refundPayment(world, { payment, amount, status: world.state.refundOutcome, ...asked })
  if (key !== undefined) world.state.refundKeys.set(key, { request, refundId: refund.id })
  return refund
}

/** Gives the money back and says so; `status: failed` is the bank's refusal, which moves nothing; `pending`, not yet. */
export function refundPayment(
  world: World,
  given: { payment: Payment; amount: number; status?: Refund['status'] } & Partial<
    Pick<Refund, 'receipt' | 'notes' | 'speed_requested'>
  >,
): Refund {
  const { state, random, clock, emit } = world
  const { payment, amount, status = 'processed' } = given
  const refund: Refund = {
    id: `rfnd_${random.word(14)}`,
    entity: 'refund',
    amount,
    currency: 'INR',
    payment_id: payment.id,
    notes: given.notes ?? [],
    receipt: given.receipt ?? null,
    acquirer_data: { arn: null },
    created_at: unixSeconds(clock),
    batch_id: null,
    status: 'pending',
    speed_processed: 'normal',
    speed_requested: given.speed_requested ?? 'normal',
  }
  state.refunds.set(refund.id, refund)
  setRefunded(payment, payment.amount_refunded + amount)
  emit('refund.created', { refund, payment })

  if (status !== 'pending') settleRefund(world, { refund, payment, status })
  return refund
}

/** What the bank says of a refund: of a pending one, or of one that it sends back after all. */
export function settleRefund(
  world: World,
  given: { refund: Refund; payment: Payment; status: 'processed' | 'failed' },
): void {
  const { refund, payment, status } = given
  refund.status = status
  if (status === 'processed') refund.acquirer_data = { arn: String(world.random.integer(10 ** 14, 10 ** 15 - 1)) }
  else setRefunded(payment, payment.amount_refunded - refund.amount)
  world.emit(`refund.${status}`, { refund, payment })
}

function setRefunded(payment: Payment, amount: number): void {
  const full = amount >= payment.amount
  payment.amount_refunded = amount
  payment.refund_status = amount === 0 ? null : full ? 'full' : 'partial'
  if (full) payment.status = 'refunded'
  else if (payment.captured) payment.status = 'captured'
}

export function findRefund({ state }: World, given: { id: string; paymentId?: string }): Refund {
  const refund = state.refunds.get(given.id)
  const wrongPayment = given.paymentId !== undefined && refund?.payment_id !== given.paymentId
  if (refund === undefined || wrongPayment) throw refuse('UnknownId')
  return refund
}

export function listRefunds({ state }: World, given: { query: Record<string, string>; paymentId?: string }) {
  const { paymentId } = given
  const wanted = [...state.refunds.values()].filter(each => paymentId === undefined || each.payment_id === paymentId)
  return collection(paged(wanted, pageOf(given.query)))
}
