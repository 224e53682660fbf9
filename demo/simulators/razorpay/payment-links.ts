// Payment links: created -> paid, cancelled or expired; each of the three is final.
// razorpay.com/docs/api/payments/payment-links
import { unixSeconds } from '../clock.ts'
import { invalid, refuse } from './errors.ts'
import {
  amountOf,
  booleanOf,
  currencyOf,
  type Fields,
  isObject,
  notesOf,
  onlyKnown,
  paged,
  pageOf,
  textOf,
  timeOf,
} from './fields.ts'
import type { PaymentLink, World } from './state.ts'

/** Seconds. razorpay.com/docs/api/payments/payment-links/create-standard */
const EARLIEST_EXPIRY = 15 * 60
const LATEST_EXPIRY = 184 * 24 * 3600
const REFERENCE_LIMIT = 40
const DESCRIPTION_LIMIT = 2048

const CREATE_FIELDS = [
  'amount',
  'currency',
  'accept_partial',
  'first_min_partial_amount',
  'upi_link',
  'description',
  'reference_id',
  'customer',
  'expire_by',
  'notify',
  'notes',
  'callback_url',
  'callback_method',
  'reminder_enable',
  'options',
]
const EDIT_FIELDS = ['accept_partial', 'reference_id', 'expire_by', 'notes', 'reminder_enable']

export function createLink(world: World, fields: Fields): PaymentLink {
  const { state, random } = world
  onlyKnown(fields, CREATE_FIELDS)
  const amount = amountOf(fields, 'amount')
  const currency = currencyOf(fields)
  if (booleanOf(fields, 'accept_partial')) throw invalid('accept_partial', 'partial payments are not modelled')
  if (booleanOf(fields, 'upi_link')) {
    throw invalid(
      'upi_link',
      'UPI Payment Links is not supported in Test Mode. Please experience the product in Live Mode.',
    )
  }
  const callback = callbackOf(fields)
  const now = unixSeconds(world.clock)
  const code = random.word(8)
  const link: PaymentLink = {
    id: `plink_${random.word(14)}`,
    code,
    accept_partial: false,
    amount,
    amount_paid: 0,
    ...callback,
    cancelled_at: 0,
    created_at: now,
    currency,
    customer: customerOf(fields),
    description: textOf(fields, { name: 'description', limit: DESCRIPTION_LIMIT }) ?? '',
    expire_by: expiryOf(fields, now),
    expired_at: 0,
    first_min_partial_amount: 0,
    notes: notesOf(fields),
    notify: notifyOf(fields),
    order_id: undefined,
    payments: null,
    reference_id: freeReference(world, fields),
    reminder_enable: booleanOf(fields, 'reminder_enable') ?? false,
    reminders: [],
    short_url: `${state.account.publicUrl}/i/${code}`,
    status: 'created',
    updated_at: now,
    upi_link: false,
    user_id: '',
  }
  state.paymentLinks.set(link.id, link)
  return link
}

export function editLink(world: World, given: { id: string; fields: Fields }): PaymentLink {
  const link = findLink(world, given.id)
  onlyKnown(given.fields, EDIT_FIELDS)
  if (link.status !== 'created') throw refuse('LinkNotEditable')
  const now = unixSeconds(world.clock)
  if (given.fields.expire_by !== undefined) link.expire_by = expiryOf(given.fields, now)
  if (given.fields.notes !== undefined) link.notes = notesOf(given.fields)
  if (given.fields.reference_id !== undefined && given.fields.reference_id !== link.reference_id) {
    link.reference_id = freeReference(world, given.fields)
  }
  link.reminder_enable = booleanOf(given.fields, 'reminder_enable') ?? link.reminder_enable
  link.updated_at = now
  return link
}

export function cancelLink(world: World, id: string): PaymentLink {
  const link = findLink(world, id)
  if (link.status === 'paid') throw refuse('LinkPaid')
  if (link.status !== 'created') throw refuse('LinkOver')
  const now = unixSeconds(world.clock)
  Object.assign(link, { status: 'cancelled', cancelled_at: now, updated_at: now })
  world.emit('payment_link.cancelled', { payment_link: linkBody(link) })
  return link
}

export function findLink(world: World, id: string): PaymentLink {
  expireLinks(world)
  const link = world.state.paymentLinks.get(id)
  if (link === undefined) throw refuse('UnknownId')
  return link
}

/** The page's and the control API's way: by id, reference id or code. Undefined: there is none. */
export function lookUpLink(world: World, name: string): PaymentLink | undefined {
  expireLinks(world)
  const links = [...world.state.paymentLinks.values()]
  return links.find(({ id, code, reference_id }) => id === name || code === name || reference_id === name)
}

export function listLinks(world: World, query: Record<string, string>): Record<string, unknown> {
  expireLinks(world)
  const wanted = [...world.state.paymentLinks.values()].filter(
    ({ reference_id, payments }) =>
      (query.reference_id === undefined || reference_id === query.reference_id) &&
      (query.payment_id === undefined || payments?.some(({ payment_id }) => payment_id === query.payment_id)),
  )
  return { payment_links: paged(wanted, pageOf(query)).map(linkBody) }
}

/** Time passes for links too; to be called before any of them is looked at. */
export function expireLinks(world: World): void {
  const now = unixSeconds(world.clock)
  for (const link of world.state.paymentLinks.values()) {
    if (link.status !== 'created' || link.expire_by === 0 || now < link.expire_by) continue
    Object.assign(link, { status: 'expired', expired_at: now, updated_at: now })
    world.emit('payment_link.expired', { payment_link: linkBody(link) })
  }
}

export function linkBody(link: PaymentLink): Record<string, unknown> {
  const { code: _, order_id, ...entity } = link
  return order_id === undefined ? entity : { ...entity, order_id }
}

function freeReference({ state }: World, fields: Fields): string {
  const reference = textOf(fields, { name: 'reference_id', limit: REFERENCE_LIMIT }) ?? ''
  const taken = [...state.paymentLinks.values()].some(({ reference_id }) => reference_id === reference)
  if (reference !== '' && taken) throw refuse('ReferenceTaken')
  return reference
}

function expiryOf(fields: Fields, now: number): number {
  const expiry = timeOf(fields, 'expire_by') ?? 0
  if (expiry === 0) return 0
  if (expiry < now + EARLIEST_EXPIRY) throw invalid('expire_by', 'timestamp must be atleast 15 minutes in future')
  if (expiry > now + LATEST_EXPIRY) throw invalid('expire_by', 'expire_by cannot exceed more than six months')
  return expiry
}

function callbackOf(fields: Fields): Pick<PaymentLink, 'callback_url' | 'callback_method'> {
  const url = textOf(fields, { name: 'callback_url', limit: 2048 })
  const method = textOf(fields, { name: 'callback_method', limit: 10 })
  if (url === undefined) {
    if (method !== undefined)
      throw invalid('callback_url', 'callback_url: cannot be blank when callback_method is sent.')
    return { callback_url: '', callback_method: '' }
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw invalid('callback_url', 'callback_url: must be a valid URL.')
  }
  if (method !== 'get') throw invalid('callback_method', 'callback_method: must be a valid value.')
  return { callback_url: url, callback_method: method }
}

function customerOf(fields: Fields): PaymentLink['customer'] {
  const { customer } = fields
  if (customer === undefined || customer === null) return []
  if (!isObject(customer)) throw invalid('customer', 'The customer must be an object.')
  onlyKnown(customer, ['name', 'email', 'contact'])
  const given: Record<string, string> = {}
  for (const name of ['name', 'email', 'contact']) {
    const text = textOf(customer, { name, limit: 255 })
    if (text !== undefined) given[name] = text
  }
  if (given.email !== undefined && !given.email.includes('@')) {
    throw invalid('email', 'customer: (email: must be a valid email address.).')
  }
  if (given.contact !== undefined && !/^\+?\d{8,14}$/.test(given.contact)) {
    throw invalid(
      'contact',
      'customer: (contact: contact number contains invalid characters, length must be 8 to 14.).',
    )
  }
  return given
}

function notifyOf(fields: Fields): PaymentLink['notify'] {
  const { notify } = fields
  const wanted = isObject(notify) ? notify : {}
  const one = (name: string) => booleanOf(wanted, name) ?? false
  return { email: one('email'), sms: one('sms'), whatsapp: one('whatsapp') }
}
