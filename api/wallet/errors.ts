// What the wallet refuses.
export const walletSentences = {
  InsufficientFunds: 'The wallet holds less than that costs. Top up, then try again.',
  InvalidAmount: 'The amount must be a whole number of paise, above zero. Nothing was booked.',
  IdempotencyConflict: 'This key was used before, for something else. Use a new key for a new booking.',
  HoldUnknown: 'No money is held under this session. Nothing was booked.',
  HoldReleased: 'What was held for this session was given back already. Start a new session.',
  PaymentUnknown: 'No payment of this id was credited to this wallet, so nothing can go back to it. Check its id.',
  RefundTooLarge: 'More than what is left of that payment, or free in the wallet, cannot be refunded. Ask for less.',
  RefundUnknown: 'There is no refund of this id. Start one first.',
  RefundEnded: 'This refund has ended already, and otherwise. Book what happened since as a new one.',
} as const

export type WalletErrorCode = keyof typeof walletSentences

export class WalletError extends Error {
  override readonly name = 'WalletError'
  readonly code: WalletErrorCode
  /** For `InsufficientFunds` and `RefundTooLarge`: what it takes, and what is there for it. */
  readonly funds: { neededPaise: bigint; availablePaise: bigint } | undefined

  constructor(
    code: WalletErrorCode,
    options: { cause?: unknown; funds?: { neededPaise: bigint; availablePaise: bigint } } = {},
  ) {
    super(walletSentences[code], { cause: options.cause })
    this.code = code
    this.funds = options.funds
  }
}
