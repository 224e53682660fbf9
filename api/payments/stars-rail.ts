// Telegram Stars as a rail: refunds and the bot's list of transactions. Invoices and payments pass through the bot.
// https://core.telegram.org/bots/payments-stars
import { Api, GrammyError } from 'grammy'
import type { StarTransaction } from 'grammy/types'
import { PaymentError } from './errors.ts'
import type { Movement, PaymentRail, RefundOrder, RefundSeen } from './rail.ts'

/** Telegram's own maximum. https://core.telegram.org/bots/api#getstartransactions */
const PAGE_SIZE = 100
const TIMEOUT_SECONDS = 15
export const STARS_CURRENCY = 'XTR'

/** `timeoutSeconds`: for a whole call; 15. */
export function starsRail(settings: { token: string; apiRoot: string; timeoutSeconds?: number }): PaymentRail {
  const { token, apiRoot, timeoutSeconds = TIMEOUT_SECONDS } = settings
  const api = new Api(token, { apiRoot, timeoutSeconds, sensitiveLogs: false })
  return {
    name: 'Stars',
    refund: order => refund(api, order),
    async movements(cursor) {
      // The list only ever grows at its end: the cursor is how much of it was read.
      const offset = Number(cursor ?? 0)
      const { transactions } = await asked(() => api.getStarTransactions({ offset, limit: PAGE_SIZE }))
      return {
        movements: transactions.flatMap(transaction => movementOf(transaction) ?? []),
        cursor: String(offset + transactions.length),
        isLast: transactions.length < PAGE_SIZE,
      }
    },
  }
}

/** A charge can be given back once, and whole: to repeat the call is to look it up. */
async function refund(api: Api, { paymentId, returned, refundId, telegramUserId }: RefundOrder): Promise<RefundSeen> {
  if (telegramUserId === undefined)
    throw new PaymentError('GatewayRefused', { detail: 'who paid is not known any more' })
  const processed: RefundSeen = { id: paymentId, paymentId, refundId, returned, state: 'Processed' }
  try {
    await asked(() => api.refundStarPayment(Number(telegramUserId), paymentId))
  } catch (error) {
    const isDone = error instanceof PaymentError && error.detail?.includes('CHARGE_ALREADY_REFUNDED') === true
    if (!isDone) throw error
  }
  return processed
}

/** Payments for invoices, and their refunds, which bear the charge's id. */
function movementOf({ id, amount, source, receiver }: StarTransaction): Movement | undefined {
  const money = { currency: STARS_CURRENCY, units: BigInt(amount) }
  if (source?.type === 'user' && source.transaction_type === 'invoice_payment') {
    const payerId = BigInt(source.user.id)
    const payment = { id, topUpId: source.invoice_payload, paid: money, payerId, hasRefunds: false }
    return { is: 'Payment', payment }
  }
  if (receiver?.type === 'user' && receiver.transaction_type === 'invoice_payment') {
    return { is: 'Refund', refund: { id, paymentId: id, refundId: undefined, returned: money, state: 'Processed' } }
  }
  return undefined
}

/** Makes a call. Throws `PaymentError` only. */
async function asked<Reply>(ask: () => Promise<Reply>): Promise<Reply> {
  try {
    return await ask()
  } catch (error) {
    // grammY's other error says that no answer came; it carries the call, and with it the token.
    if (!(error instanceof GrammyError)) throw new PaymentError('GatewayOutcomeUnknown')
    const { error_code: status, description } = error
    const options = { status, detail: description.slice(0, 300) }
    if (status === 429) throw new PaymentError('GatewayUnavailable', options)
    throw new PaymentError(status >= 500 ? 'GatewayOutcomeUnknown' : 'GatewayRefused', options)
  }
}
