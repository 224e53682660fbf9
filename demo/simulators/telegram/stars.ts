// Telegram Stars: an invoice is sent, the person pays, the bot is asked (pre-checkout), and only its `ok` within the
// time moves the Stars and writes `successful_payment`. core.telegram.org/bots/payments-stars
import { unixSeconds } from '../clock.ts'
import { ControlError } from '../control-api.ts'
import { refuse } from './errors.ts'
import type { Button } from './keyboard.ts'
import { change, messageBody, post } from './messages.ts'
import { booleanOf, integerOf, isObject, type Parameters, structureOf, textOf } from './parameters.ts'
import {
  type Chat,
  type Invoice,
  type Message,
  type Payment,
  type StarTransaction,
  starBalance,
  type World,
} from './state.ts'
import { enqueue } from './updates.ts'

/** Bytes, 1 to this. core.telegram.org/bots/api#sendinvoice */
const PAYLOAD_LIMIT = 128
const TITLE_LIMIT = 32
const DESCRIPTION_LIMIT = 255
/** Stars; Telegram's own limit is not documented, its clients stop here. */
const AMOUNT_LIMIT = 100_000

export function parseInvoice(parameters: Parameters): Invoice {
  const title = textOf(parameters, 'title') ?? ''
  const description = textOf(parameters, 'description') ?? ''
  const payload = textOf(parameters, 'payload') ?? ''
  if (title === '' || title.length > TITLE_LIMIT) throw refuse('InvoiceTitleInvalid')
  if (description === '' || description.length > DESCRIPTION_LIMIT) throw refuse('InvoiceDescriptionInvalid')
  const payloadBytes = Buffer.byteLength(payload)
  if (payloadBytes === 0 || payloadBytes > PAYLOAD_LIMIT) throw refuse('InvoicePayloadInvalid')
  if (textOf(parameters, 'currency') !== 'XTR') throw refuse('CurrencyInvalid')
  if ((textOf(parameters, 'provider_token') ?? '') !== '') throw refuse('ProviderInvalid')

  const prices = structureOf(parameters, 'prices')
  if (!Array.isArray(prices) || prices.length !== 1) throw refuse('StarsInvoiceInvalid')
  const price: unknown = prices[0]
  const amount = isObject(price) ? price.amount : undefined
  const whole = typeof amount === 'number' && Number.isInteger(amount)
  if (!whole || amount < 1 || amount > AMOUNT_LIMIT) throw refuse('AmountInvalid')
  return { title, description, payload, currency: 'XTR', total_amount: amount }
}

export function sendInvoice(world: World, given: { chat: Chat; invoice: Invoice; buttons: Button[][] }): Message {
  const { chat, invoice, buttons } = given
  const first = buttons[0]?.[0]
  if (first !== undefined && !first.pay) throw refuse('StarsInvoiceInvalid')
  const pay: Button[][] = [[{ text: `Pay ⭐${invoice.total_amount}`, pay: true }]]
  const content = { invoice: { ...invoice, paid: false }, buttons: first === undefined ? pay : buttons }
  return post(world, { chat, from: 'bot', content })
}

export type PayOutcome =
  | { paid: true; telegram_payment_charge_id: string; total_amount: number; message_id: number }
  | { paid: false; reason: 'Refused' | 'Timeout'; error: string }

/** The person pays `invoice`; resolves when the bot has answered or `answerSeconds` have passed. */
export async function pay(
  world: World,
  given: { chat: Chat; invoice: Invoice; message: Message | undefined; answerSeconds: number },
): Promise<PayOutcome> {
  const { state, random, watch } = world
  const { chat, invoice, message } = given
  const id = String(random.integer(10 ** 14, 10 ** 15 - 1))
  const query = { id, answer: undefined, closed: false }
  state.preCheckoutQueries.set(id, query)
  const { currency, total_amount, payload: invoice_payload } = invoice
  const payload = { id, from: chat.person, currency, total_amount, invoice_payload }
  enqueue(world, { chatId: chat.id, kind: 'pre_checkout_query', payload })

  const answer = await watch.until(() => state.preCheckoutQueries.get(id)?.answer, given.answerSeconds)
  query.closed = true
  if (answer === undefined) {
    return { paid: false, reason: 'Timeout', error: `The bot did not answer within ${given.answerSeconds} s.` }
  }
  if (!answer.ok) return { paid: false, reason: 'Refused', error: answer.error }

  const telegram_payment_charge_id = `stx${random.word(42)}`
  const payment: Payment = {
    currency,
    total_amount,
    invoice_payload,
    telegram_payment_charge_id,
    provider_payment_charge_id: `${chat.id}_${random.integer(1, 999_999)}`,
  }
  if (message?.invoice) change(world, message, { invoice: { ...message.invoice, paid: true }, buttons: [] })
  state.transactions.push(transaction(world, { payment, chat, direction: 'payment' }))
  const receipt = post(world, { chat, from: 'user', content: { successful_payment: payment } })
  enqueue(world, { chatId: chat.id, kind: 'message', payload: messageBody(world, chat, receipt) })
  return { paid: true, telegram_payment_charge_id, total_amount, message_id: receipt.message_id }
}

/** The invoice that a person would pay next. Throws `ControlError`. */
export function payable(chat: Chat, messageId: number | undefined): Message & { invoice: Invoice } {
  const found = chat.messages.findLast(
    ({ invoice, deleted, message_id }) =>
      invoice !== null && !deleted && (messageId === undefined ? !invoice.paid : message_id === messageId),
  )
  if (found?.invoice == null) throw new ControlError(404, 'there is no unpaid invoice in this chat')
  if (found.invoice.paid) throw new ControlError(409, `the invoice ${found.message_id} is paid already`)
  return Object.assign(found, { invoice: found.invoice })
}

export function answerPreCheckout(world: World, parameters: Parameters): void {
  const query = world.state.preCheckoutQueries.get(textOf(parameters, 'pre_checkout_query_id') ?? '')
  if (query === undefined || query.closed || query.answer !== undefined) throw refuse('QueryTooOld')
  const ok = booleanOf(parameters, 'ok') ?? false
  const error = textOf(parameters, 'error_message') ?? ''
  if (!ok && error === '') throw refuse('ErrorMessageRequired')
  query.answer = ok ? { ok: true } : { ok: false, error }
  world.watch.notify()
}

export function refund(world: World, parameters: Parameters): void {
  const { state } = world
  const chat = state.chats.get(integerOf(parameters, 'user_id') ?? 0)
  if (chat === undefined) throw refuse('UserNotFound')
  const chargeId = textOf(parameters, 'telegram_payment_charge_id') ?? ''
  const payment = chat.messages.find(
    ({ successful_payment }) => successful_payment?.telegram_payment_charge_id === chargeId,
  )?.successful_payment
  if (payment == null) throw refuse('ChargeNotFound')
  if (state.transactions.some(({ id, direction }) => id === chargeId && direction === 'refund')) {
    throw refuse('ChargeAlreadyRefunded')
  }
  if (starBalance(state) < payment.total_amount) throw refuse('BalanceTooLow')
  state.transactions.push(transaction(world, { payment, chat, direction: 'refund' }))
  const notice = post(world, { chat, from: 'bot', content: { refunded_payment: payment } })
  enqueue(world, { chatId: chat.id, kind: 'message', payload: messageBody(world, chat, notice) })
}

function transaction(
  world: World,
  given: { payment: Payment; chat: Chat; direction: StarTransaction['direction'] },
): StarTransaction {
  const { payment, chat, direction } = given
  const { telegram_payment_charge_id: id, total_amount: amount, invoice_payload } = payment
  return { id, amount, date: unixSeconds(world.clock), direction, person: chat.person, invoice_payload }
}

/** The Bot API's StarTransactions, oldest first. */
export function transactionsBody(world: World, parameters: Parameters): unknown {
  const offset = integerOf(parameters, 'offset') ?? 0
  const limit = Math.min(Math.max(integerOf(parameters, 'limit') ?? 100, 1), 100)
  const transactions = world.state.transactions.slice(offset, offset + limit).map(each => {
    const partner = {
      type: 'user',
      transaction_type: 'invoice_payment',
      user: each.person,
      invoice_payload: each.invoice_payload,
    }
    const { id, amount, date } = each
    return each.direction === 'payment'
      ? { id, amount, date, source: partner }
      : { id, amount, date, receiver: partner }
  })
  return { transactions }
}
