// One table from Azure's error codes to what we do about them. The order matters: the first row that matches decides.
// Codes and their meaning: Azure/azure-sdk-for-go-extensions `pkg/errors`, and
// https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
import { type AzureError, BUDGET_SPENT, OPERATION_FAILED, THROTTLED, UNAUTHENTICATED, UNREACHABLE } from './errors.ts'

export type Decision =
  /** The same call again, after `afterSeconds` or with backoff. Says nothing about the machine. */
  | { do: 'Retry'; afterSeconds?: number }
  /** Azure is busy with this very resource: look again after `afterSeconds`, then try again. */
  | { do: 'LookAgain'; afterSeconds: number }
  /** The capacity or quota is not to be had here; another placement may be. */
  | { do: 'Refused'; scope: RefusalScope; ttlSeconds: number; regularTtlSeconds?: number }
  /** Trying again will not mend it. `remedy` tells a person what will. */
  | { do: 'Stall'; remedy: string }

/**
 * What a refusal rules out: `Placement` this size, priority and region; `Size` both priorities of the size;
 * `Spot` all spot of the region, `Regular` all on-demand; `Region` everything there. `regularTtlSeconds` holds in place
 * of `ttlSeconds` where on-demand was refused.
 */
export type RefusalScope = 'Placement' | 'Size' | 'Spot' | 'Regular' | 'Region'

const MINUTE = 60
const HOUR = 3600

interface Row {
  code: RegExp
  /** A part of the message, where one code stands for several things. */
  message?: RegExp
  decision: Decision
}

const table: Row[] = [
  // Capacity and quota.
  { code: /^OperationNotAllowed$/, message: /LowPriorityCores/i, decision: refused('Spot', HOUR) },
  {
    code: /^(OperationNotAllowed|QuotaExceeded)$/,
    message: /Family Cores quota[\s\S]*Current Limit: 0\b/i,
    decision: refused('Placement', HOUR),
  },
  {
    code: /^(OperationNotAllowed|QuotaExceeded)$/,
    message: /Family Cores quota/i,
    decision: refused('Placement', 10 * MINUTE),
  },
  {
    code: /^(OperationNotAllowed|QuotaExceeded)$/,
    message: /Total Regional Cores quota/i,
    decision: refused('Regular', 10 * MINUTE),
  },
  { code: /^QuotaExceeded$/, decision: refused('Placement', 10 * MINUTE) },
  // On-demand of a size that a region does not have comes back by the day, spot by the hour.
  {
    code: /^SkuNotAvailable$/,
    decision: { do: 'Refused', scope: 'Placement', ttlSeconds: HOUR, regularTtlSeconds: 23 * HOUR },
  },
  { code: /^VMSizeNotSupported$/, decision: refused('Size', 23 * HOUR) },
  { code: /^BadRequest$/, message: /not supported for subscription/i, decision: refused('Size', 23 * HOUR) },
  { code: /^(Zonal)?AllocationFailed$/, decision: refused('Size', HOUR) },
  { code: /^Overconstrained(Zonal)?AllocationRequest$/, decision: refused('Placement', HOUR) },
  { code: /^(SpotPriceGreaterThanProvidedMaxPrice)$/, decision: refused('Placement', 10 * MINUTE) },
  { code: /^AzureSpotFeatureNotEnabledForSubscription$/, decision: refused('Spot', 24 * HOUR) },
  { code: /^PublicIPCountLimitReached$/, decision: refused('Region', 10 * MINUTE) },
  { code: /^SubnetIsFull$/, decision: refused('Region', 10 * MINUTE) },

  // Azure is busy with the resource, or something else holds it for a while.
  { code: /^NicReservedForAnotherV[mM]$/, decision: { do: 'LookAgain', afterSeconds: 30 } },
  { code: /^(AttachDiskWhileBeingDetached|DiskPreparationFailed)$/, decision: { do: 'LookAgain', afterSeconds: 10 } },
  {
    code: /^(AnotherOperationInProgress|RetryableErrorDueToAnotherOperation|OperationPreempted|ConflictingConcurrentWriteNotAllowed|Conflict)$/,
    decision: { do: 'LookAgain', afterSeconds: 10 },
  },
  {
    code: /^(NicInUse|PublicIPAddressCannotBeDeleted|NetworkSecurityGroupCannotBeDeleted|InUseNetworkSecurityGroupCannotBeDeleted|PublicIPAddressInUse)$/,
    decision: { do: 'LookAgain', afterSeconds: 5 },
  },
  { code: /^(PreconditionFailed|Http412)$/, decision: { do: 'LookAgain', afterSeconds: 1 } },

  // No answer, or "not now".
  {
    code: new RegExp(
      `^(${UNREACHABLE}|${THROTTLED}|${BUDGET_SPENT}|ServerTimeout|InternalServerError|ServiceUnavailable|GatewayTimeout|BadGateway|SubscriptionRequestsThrottled|InternalExecutionError|NetworkingInternalOperationError|${OPERATION_FAILED})$`,
    ),
    decision: { do: 'Retry' },
  },

  // What only a person can mend.
  {
    code: new RegExp(
      `^(${UNAUTHENTICATED}|InvalidAuthenticationToken|InvalidAuthenticationTokenTenant|ExpiredAuthenticationToken)$`,
    ),
    decision: stall(
      'Check the federated credential of the managed identity: its issuer, subject and audience must match this cluster and service account.',
    ),
  },
  {
    code: /^(AuthorizationFailed|LinkedAuthorizationFailed)$/,
    decision: stall("Grant the operator's identity the role listed in the README on the resource group."),
  },
  {
    code: /^(ReadOnlyDisabledSubscription|SubscriptionNotFound|DisabledSubscription|InvalidSubscriptionId)$/,
    decision: stall("Check the region's subscriptionId in the catalogue, and that the subscription is enabled."),
  },
  {
    code: /^ScopeLocked$/,
    decision: stall('A lock on the resource group or resource forbids it. Remove the lock.'),
  },
  {
    code: /^RequestDisallowedByPolicy$/,
    decision: stall('An Azure Policy forbids it. Exempt the resource group, or change what the catalogue asks for.'),
  },
  {
    code: /^(ImageNotFound|GalleryImageNotFound|InvalidImageReference|PlatformImageNotFound)$/,
    decision: stall("Check the image's id in the catalogue, and that the version is replicated to this region."),
  },
  {
    code: /^(ResourceGroupNotFound)$/,
    decision: stall("Create the resource group, or mend the region's resourceGroup in the catalogue."),
  },
  {
    code: /^(InvalidResourceReference|SubnetNotFound|NotFound|ResourceNotFound|ParentResourceNotFound)$/,
    decision: stall(
      "Something that the catalogue refers to does not exist; check the region's subnetId and networkSecurityGroupId.",
    ),
  },
  {
    code: /^(PropertyChangeNotAllowed|OperationNotAllowed|InvalidParameter|BadRequest|InvalidRequestContent|InvalidRequestFormat|ConflictingUserInput|LocationNotAvailableForResourceType|NoRegisteredProviderFound)$/,
    decision: stall("Azure refuses the request itself. Compare the message with the object's spec and the catalogue."),
  },
]

/**
 * What to do about an error. Unknown refusals stall rather than repeat for ever; unknown silences (no status, or one of
 * Azure's own faults) are retried.
 */
export function decideOn(error: AzureError): Decision {
  const row = table.find(
    ({ code, message }) => code.test(error.code) && (message === undefined || message.test(error.message)),
  )
  // A lock on one resource is told by 429 too, and is no throttling.
  if (error.status === 429 && row?.decision.do !== 'LookAgain')
    return { do: 'Retry', afterSeconds: error.retryAfterSeconds ?? MINUTE }
  if (row?.decision.do === 'Retry')
    return error.retryAfterSeconds === undefined ? row.decision : { do: 'Retry', afterSeconds: error.retryAfterSeconds }
  if (row) return row.decision
  if (error.status === undefined || error.status >= 500)
    return error.retryAfterSeconds === undefined
      ? { do: 'Retry' }
      : { do: 'Retry', afterSeconds: error.retryAfterSeconds }
  return stall(
    `Azure refused with ${error.code}, which this operator does not know. Look it up, then mend the spec or the catalogue.`,
  )
}

function refused(scope: RefusalScope, ttlSeconds: number): Decision {
  return { do: 'Refused', scope, ttlSeconds }
}

function stall(remedy: string): Decision {
  return { do: 'Stall', remedy }
}
