// Orders: created -> attempted -> paid. A payment link makes its own at the first attempt to pay.
// razorpay.com/docs/api/orders
import { unixSeconds } from '../clock.ts'
import { refuse } from './errors.ts'
import { amountOf, collection, currencyOf, type Fields, notesOf, onlyKnown, paged, pageOf, textOf } from './fields.ts'
import type { Notes, Order, PaymentLink, World } from './state.ts'

const RECEIPT_LIMIT = 40
const CREATE_FIELDS = [
  'amount',
  'currency',
  'receipt',
  'notes',
  'partial_payment',
  'payment_capture',
  'payment',
  'customer_id',
  'method',
]

export function createOrder(world: World, fields: Fields): Order {
  onlyKnown(fields, CREATE_FIELDS)
  const amount = amountOf(fields, 'amount')
  currencyOf(fields)
  const receipt = textOf(fields, { name: 'receipt', limit: RECEIPT_LIMIT }) ?? null
  if (receipt !== null && [...world.state.orders.values()].some(order => order.receipt === receipt)) {
    throw refuse('ReceiptTaken')
  }
  return addOrder(world, { amount, receipt, notes: notesOf(fields) })
}

/** The link's order, made when it has none yet. */
export function orderOfLink(world: World, link: PaymentLink): Order {
  const existing = link.order_id === undefined ? undefined : world.state.orders.get(link.order_id)
  if (existing) return existing
  const receipt = link.reference_id === '' ? null : link.reference_id
  const order = addOrder(world, { amount: link.amount, receipt, notes: link.notes })
  link.order_id = order.id
  return order
}

function addOrder(world: World, given: { amount: number; receipt: string | null; notes: Notes }): Order {
  const order: Order = {
    id: `order_${world.random.word(14)}`,
    entity: 'order',
    amount: given.amount,
    amount_due: given.amount,
    amount_paid: 0,
    attempts: 0,
    created_at: unixSeconds(world.clock),
    currency: 'INR',
    notes: given.notes,
    offer_id: null,
    receipt: given.receipt,
    status: 'created',
  }
  world.state.orders.set(order.id, order)
  return order
}

export function findOrder({ state }: World, id: string): Order {
  const order = state.orders.get(id)
  if (order === undefined) throw refuse('UnknownId')
  return order
}

export function listOrders({ state }: World, query: Record<string, string>): Record<string, unknown> {
  const wanted = [...state.orders.values()].filter(
    ({ receipt, status }) =>
      (query.receipt === undefined || receipt === query.receipt) &&
      (query.authorized === undefined || (query.authorized === '1') === (status !== 'created')),
  )
  return collection(paged(wanted, pageOf(query)))
}

export function paymentsOfOrder(world: World, id: string): Record<string, unknown> {
  findOrder(world, id)
  return collection([...world.state.payments.values()].filter(({ order_id }) => order_id === id).reverse())
}
