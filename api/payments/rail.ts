// A way by which money comes in and goes back. A rail only tells and does; what it comes to in the books is decided by
// crediting, refunds and disputes, the same for all.
import type { TopUp } from './top-ups.ts'

export const rails = ['Razorpay', 'Stars'] as const
export type RailName = (typeof rails)[number]

export function isRail(text: string): text is RailName {
  return rails.some(rail => rail === text)
}

/** Paise. Razorpay gives back no less than a rupee. https://razorpay.com/docs/api/refunds/ */
export const MINIMUM_REFUND_PAISE = 100n
/** Whether a part of a payment can be given back; else all of it or nothing. */
export const refundsInPart = { Razorpay: true, Stars: false } as const satisfies Record<RailName, boolean>

/** An amount in what the gateway counts in: paise of INR, or whole Stars (XTR). */
export interface Money {
  currency: string
  units: bigint
}

/** Money that the gateway has taken for us. */
export interface PaymentSeen {
  /** The gateway's id of the payment: the key by which it is credited once. */
  id: string
  /** The top-up that it was made for, where the gateway says so. */
  topUpId: string | undefined
  paid: Money
  /** Who paid, as Telegram knows them; of Stars alone. */
  payerId?: bigint
  /** When it was made, where the gateway says so. */
  madeAt?: Date
  /** Some of it was given back already: its refunds have to be looked at. */
  hasRefunds: boolean
}

/** Money that the gateway gives back, whoever asked it to. */
export interface RefundSeen {
  /** The gateway's id of the refund. */
  id: string
  paymentId: string
  /** Our id of it, when we asked and the gateway carries such a thing. */
  refundId: string | undefined
  returned: Money
  state: 'Pending' | 'Processed' | 'Failed'
  /** The gateway's own word for its state, where it is none that we know: pending until somebody has looked. */
  unknownState?: string
}

/** A bank asks for a payment back on its customer's behalf. */
export interface DisputeSeen {
  id: string
  paymentId: string
  disputed: Money
  /** What the bank has taken of it, where it was contested in part; without it, all. Of one that is `Lost`. */
  taken?: Money
  /** `Won`: the money stays with us; so does that of a dispute that was closed without taking any. */
  state: 'Open' | 'Won' | 'Lost'
}

export type Movement =
  | { is: 'Payment'; payment: PaymentSeen }
  /** The payer's bank has agreed, but the money is not taken yet. */
  | { is: 'Authorization'; topUpId: string | undefined; paymentId: string }
  | { is: 'Refund'; refund: RefundSeen }
  | { is: 'Dispute'; dispute: DisputeSeen }

export interface RefundOrder {
  /** Ours: asked for again under the same one, it is the same refund. */
  refundId: string
  paymentId: string
  returned: Money
  /** Who paid, as Telegram knows them; Stars go back to nobody else. */
  telegramUserId: bigint | undefined
}

/** Every call throws `PaymentError`; one whose outcome is unknown was looked up before that. */
export interface PaymentRail {
  readonly name: RailName
  /**
   * Gives money back, once per `refundId`, and tells how it stands. `GatewayRefused`: it never will.
   */
  refund(order: RefundOrder): Promise<RefundSeen>
  /**
   * A page of what has moved, from where `cursor` left off; without one, from as far back as money may still be on its
   * way. The same may be told again. `isLast`: nothing more is there at the moment.
   */
  movements(cursor: string | undefined, now: Date): Promise<{ movements: Movement[]; cursor: string; isLast: boolean }>
}

export interface PaymentPage {
  /** The gateway's id of the page. */
  id: string
  url: string
}

/** A rail whose payments are made on a page of the gateway's own. */
export interface HostedRail extends PaymentRail {
  /** Makes the page on which the top-up is paid, or finds the one that was made before. */
  open(topUp: TopUp, about: { returnUrl: string; now: Date }): Promise<PaymentPage>
  /** Takes what was authorised for this top-up, and tells what was taken; none when nothing was, or nothing yet. */
  collect(topUp: TopUp): Promise<PaymentSeen[]>
  /** The top-up that a payment was made for, by the gateway's own records. `undefined` when it was not made for one. */
  topUpIdOf(paymentId: string): Promise<string | undefined>
  /** All refunds of a payment. */
  refundsOf(paymentId: string): Promise<RefundSeen[]>
}
