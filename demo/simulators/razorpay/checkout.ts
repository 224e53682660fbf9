// What happens when a person pays: the page's buttons and the control API's `pay` come here.
import { attempt, authorize, fail } from './payments.ts'
import { signedCallback } from './signatures.ts'
import type { Method, Payment, PaymentLink, World } from './state.ts'

export const OUTCOMES = ['captured', 'failed', 'late-authorized'] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface Checkout {
  payment: Payment
  /** Where the browser goes; undefined when it stays on the page. */
  callbackUrl: string | undefined
}

/** The link must be open. A late authorisation fails now; `later` is given what has to be done after its time. */
export function checkout(
  world: World,
  given: { link: PaymentLink; method: Method; outcome: Outcome; later: (authorizeNow: () => void) => void },
): Checkout {
  const { link, method, outcome, later } = given
  const payment = attempt(world, { link, method })
  if (outcome === 'captured') {
    authorize(world, payment)
    const { keySecret } = world.state.account
    return { payment, callbackUrl: signedCallback(link, { paymentId: payment.id, keySecret }) }
  }
  fail(world, payment)
  if (outcome === 'late-authorized') later(() => authorize(world, payment))
  return { payment, callbackUrl: undefined }
}
