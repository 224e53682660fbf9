// A way by which money comes in from a page of the gateway's own.
import type { TopUp } from './top-ups.ts'

export type RailName = 'Razorpay' | 'Stars'

/** Money that the gateway has taken for us. */
export interface CapturedPayment {
  /** The gateway's id of the payment: the key by which it is credited once. */
  id: string
  amountPaise: bigint
}

export interface PaymentPage {
  /** The gateway's id of the page. */
  id: string
  url: string
}

/** Every call throws `PaymentError`; one whose outcome is unknown was looked up before that. */
export interface PaymentRail {
  readonly name: RailName
  /** Makes the page on which the top-up is paid, or finds the one that was made before. */
  open(topUp: TopUp, about: { returnUrl: string; now: Date }): Promise<PaymentPage>
  /** What was really taken for this top-up; none when nothing was, or nothing yet. */
  captured(topUp: TopUp): Promise<CapturedPayment[]>
  /** The top-up that a payment was made for, by the gateway's own records. `undefined` when it was not made for one. */
  topUpIdOf(paymentId: string): Promise<string | undefined>
}
