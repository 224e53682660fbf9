// What happens when a person pays: the page's buttons and the control API's `pay` come here.
import { attempt, authorize, fail } from './payments.ts'
import { signedCallback } from './signatures.ts'
import type { Method, Payment, PaymentLink, World } from './state.ts'

export const OUTCOMES = ['captured', 'authorized', 'failed', 'late-authorized'] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface Checkout {
  payment: Payment
  /** Where the browser goes; undefined when it stays on the page. */
  callbackUrl: string | undefined
}

/**
 * The link must be open. A late authorisation fails now; `later` is given what has to be done after its time. With
 * `authorized` the automatic capture does not come: the merchant has to ask for it.
 */
export function checkout(
  world: World,
  given: { link: PaymentLink; method: Method; outcome: Outcome; later: (authorizeNow: () => void) => void },
): Checkout {
  const { link, method, outcome, later } = given
  const payment = attempt(world, { link, method })
  if (outcome === 'captured' || outcome === 'authorized') {
    authorize(world, payment, outcome === 'authorized' ? 'manual' : undefined)
    if (outcome === 'authorized') return { payment, callbackUrl: undefined }
    const { keySecret } = world.state.account
    return { payment, callbackUrl: signedCallback(link, { paymentId: payment.id, keySecret }) }
  }
  fail(world, payment)
  if (outcome === 'late-authorized') later(() => authorize(world, payment))
  return { payment, callbackUrl: undefined }
}
