// What can go wrong with a payment. "They said no", "no answer came" and "nobody knows" are three codes.
export const paymentSentences = {
  AmountOutOfRange: 'A top-up is at least ₹10 and at most ₹10,000, in whole rupees. Choose another amount.',
  TopUpUnknown: 'There is no such top-up. Ask the bot for a new one with /topup.',
  SignatureInvalid:
    'The header X-Razorpay-Signature does not fit the body. Only Razorpay calls this address; if this is Razorpay, put ' +
    'the secret of its webhook into the settings.',
  WebhookMalformed: 'The body is signed, but is none of Razorpay’s events as they are documented.',
  PaymentMismatch:
    'A payment was taken that is not what the top-up asked for. It was not credited; compare it with the gateway.',
  NothingToRefund: 'Nothing of this payment can go back: it is spent, held for your session, owed, or less than ₹1.',
  RefundNotWhole:
    'Telegram gives Stars back whole or not at all, and some of these are spent. Use up the rest by playing.',
  PaymentDisputed: 'This payment is disputed at its bank, which decides where the money goes. Wait for its decision.',
  GatewayRefused: 'The gateway refuses the call, and would again. Look at its reason in the log.',
  GatewayUnavailable: 'The gateway cannot be reached at the moment. Nothing was charged. Try again in a minute.',
  GatewayOutcomeUnknown: 'The gateway did not answer in time; whether it acted is looked up. Try again in a minute.',
} as const

export type PaymentErrorCode = keyof typeof paymentSentences

export class PaymentError extends Error {
  override readonly name = 'PaymentError'
  readonly code: PaymentErrorCode
  /** The gateway's own words, where it spoke. */
  readonly detail: string | undefined
  /** HTTP status, where an answer came. */
  readonly status: number | undefined

  constructor(code: PaymentErrorCode, options: { cause?: unknown; detail?: string; status?: number } = {}) {
    super(options.detail === undefined ? paymentSentences[code] : `${paymentSentences[code]} (${options.detail})`, {
      cause: options.cause,
    })
    this.code = code
    this.detail = options.detail
    this.status = options.status
  }
}

export function isPaymentError(error: unknown, ...codes: PaymentErrorCode[]): error is PaymentError {
  return error instanceof PaymentError && (codes.length === 0 || codes.includes(error.code))
}
