// Whether Azure can still be asked. A person may let go of an object only where it cannot: silence alone proves it after
// a while, a refusal of ourselves (who we are, what we may, what we pay from) at once. Being asked to wait is an answer.
import { type AzureError, UNAUTHENTICATED, UNREACHABLE } from './errors.ts'

const refusals = new RegExp(
  `^(${UNAUTHENTICATED}|InvalidAuthenticationToken|InvalidAuthenticationTokenTenant|ExpiredAuthenticationToken|AuthorizationFailed|LinkedAuthorizationFailed|ReadOnlyDisabledSubscription|DisabledSubscription|SubscriptionNotFound|InvalidSubscriptionId)$`,
)

/** Azure, or Entra, does not deal with us any more: nothing that we could do will be done. */
export function isTurnedAway({ code }: { code: string }): boolean {
  return refusals.test(code)
}

/** No answer came, or one that says nothing but that Azure is not well. */
export function isSilence({ code, status }: AzureError): boolean {
  return code === UNREACHABLE || (status !== undefined && status >= 500)
}
