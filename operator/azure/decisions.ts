// One table from Azure's error codes to what we do about them. The order matters: the first row that matches decides.
// Codes and their meaning: Azure/azure-sdk-for-go-extensions `pkg/errors`, and
// https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
import {
  type AzureError,
  BUDGET_SPENT,
  OPERATION_FAILED,
  TENANT_UNRESOLVED,
  THROTTLED,
  UNAUTHENTICATED,
  UNREACHABLE,
} from './errors.ts'

export type Decision =
  /** The same call again, after `afterSeconds` or with backoff. Says nothing about the machine. */
  | { do: 'Retry'; afterSeconds?: number }
  /** Azure is busy with this very resource: look again after `afterSeconds`, then try again. */
  | { do: 'LookAgain'; afterSeconds: number }
  /** The capacity or quota is not to be had here; another placement may be. */
  | Refused
  /** Nobody knows the code. It is shown, tried again more and more seldom for a while, and then it is a person's. */
  | { do: 'TryAWhile'; remedy: string }
  /** Trying again will not mend it. `remedy` tells a person what will. */
  | Stall

export interface Stall {
  do: 'Stall'
  remedy: string
  /**
   * Another zone may do, and whoever may choose one goes there: `Zone` has nothing for anybody, `MachineInZone` nothing
   * for this machine, whose disks or address belong elsewhere.
   */
  unfit?: 'Zone' | 'MachineInZone'
}

export interface Refused {
  do: 'Refused'
  scope: RefusalScope
  /** How long it is believed. */
  ttlSeconds: number
  /** The same of on-demand capacity, where that is another length. */
  regularTtlSeconds?: number
}

/**
 * What a refusal rules out: `Placement` this size, priority and region; `Size` both priorities of the size;
 * `Spot` all spot of the region, `Regular` all on-demand; `Region` everything there; `ZonalPlacement` and `ZonalSize` the
 * first two in the zone that was asked for alone, or in the region where none was. `regularTtlSeconds` holds in place
 * of `ttlSeconds` where on-demand was refused.
 */
export type RefusalScope = 'ZonalPlacement' | 'Placement' | 'ZonalSize' | 'Size' | 'Spot' | 'Regular' | 'Region'

const MINUTE = 60
const HOUR = 3600

/** A changed catalogue is read while the operator runs; changed values start it anew. */
const IDENTITY_PLACES =
  "in the catalogue's subscriptions where that names the subscription, else azure.tenantId and azure.clientId in the chart's values"

const ZONE_REMEDY =
  'Disks, address and machine have to agree on their zones. Set spec.zone to the one that its disks are in, or create a GpuVm anew with zone-redundant disks (…_ZRS).'
const NO_SUCH_ZONE_REMEDY =
  "The region has no such zone for it. Set spec.zone to one that it has (az vm list-skus --location REGION --zone), or create a GpuVm anew without it, and check the region's zones in the catalogue."

const NO_REDUNDANCY_REMEDY =
  'The region has no zone-redundant disks. Take zones from the region in the catalogue, or create the GpuVm anew with another sku in spec.disks (…_LRS).'

interface Row {
  codes: readonly string[]
  /** What its message has to say, all of it and whatever the case, where one code stands for several things. */
  says?: readonly string[]
  decision: Decision
}

export const table: readonly Row[] = [
  // Capacity and quota.
  { codes: ['OperationNotAllowed'], says: ['LowPriorityCores'], decision: refused('Spot', HOUR) },
  {
    codes: ['OperationNotAllowed', 'QuotaExceeded'],
    says: ['Family Cores quota', 'Current Limit: 0,'],
    decision: refused('Placement', HOUR),
  },
  {
    codes: ['OperationNotAllowed', 'QuotaExceeded'],
    says: ['Family Cores quota'],
    decision: refused('Placement', 10 * MINUTE),
  },
  {
    codes: ['OperationNotAllowed', 'QuotaExceeded'],
    says: ['Total Regional Cores quota'],
    decision: refused('Regular', 10 * MINUTE),
  },
  { codes: ['QuotaExceeded'], decision: refused('Placement', 10 * MINUTE) },
  // On-demand of a size that a region does not have comes back by the day, spot by the hour.
  { codes: ['SkuNotAvailable'], decision: { ...refused('ZonalPlacement', HOUR), regularTtlSeconds: 23 * HOUR } },
  { codes: ['VMSizeNotSupported'], decision: refused('Size', 23 * HOUR) },
  { codes: ['BadRequest'], says: ['not supported for subscription'], decision: refused('Size', 23 * HOUR) },
  // Said of one zone, it says nothing of the others.
  { codes: ['ZonalAllocationFailed'], decision: refused('ZonalSize', HOUR) },
  { codes: ['AllocationFailed'], decision: refused('Size', HOUR) },
  { codes: ['OverconstrainedZonalAllocationRequest'], decision: refused('ZonalPlacement', HOUR) },
  { codes: ['OverconstrainedAllocationRequest'], decision: refused('Placement', HOUR) },
  { codes: ['SpotPriceGreaterThanProvidedMaxPrice'], decision: refused('Placement', 10 * MINUTE) },
  { codes: ['AzureSpotIsNotSupportedForThisVMSize'], decision: refused('Placement', 23 * HOUR) },
  { codes: ['AzureSpotFeatureNotEnabledForSubscription'], decision: refused('Spot', 24 * HOUR) },
  { codes: ['PublicIPCountLimitReached', 'SubnetIsFull'], decision: refused('Region', 10 * MINUTE) },

  // Azure is busy with the resource, or something else holds it for a while.
  { codes: ['NicReservedForAnotherVm', 'NicReservedForAnotherVM'], decision: { do: 'LookAgain', afterSeconds: 30 } },
  {
    codes: ['AttachDiskWhileBeingDetached', 'DiskPreparationFailed'],
    decision: { do: 'LookAgain', afterSeconds: 10 },
  },
  // The disk is still another machine's, or has come to be since it was looked at.
  { codes: ['ConflictingUserInput'], says: ['already owned by VM'], decision: { do: 'LookAgain', afterSeconds: 10 } },
  {
    codes: ['ConflictingUserInput'],
    says: ['Only CreateOption.Attach'],
    decision: { do: 'LookAgain', afterSeconds: 5 },
  },
  {
    codes: [
      'AnotherOperationInProgress',
      'RetryableErrorDueToAnotherOperation',
      'OperationPreempted',
      'ConflictingConcurrentWriteNotAllowed',
      'Conflict',
      'ReferencedResourceNotProvisioned',
    ],
    decision: { do: 'LookAgain', afterSeconds: 10 },
  },
  {
    codes: [
      'NicInUse',
      'PublicIPAddressCannotBeDeleted',
      'NetworkSecurityGroupCannotBeDeleted',
      'InUseNetworkSecurityGroupCannotBeDeleted',
      'PublicIPAddressInUse',
    ],
    decision: { do: 'LookAgain', afterSeconds: 5 },
  },
  { codes: ['PreconditionFailed', 'Http412'], decision: { do: 'LookAgain', afterSeconds: 1 } },

  // No answer, or "not now".
  {
    codes: [
      UNREACHABLE,
      THROTTLED,
      BUDGET_SPENT,
      'ServerTimeout',
      'InternalServerError',
      'ServiceUnavailable',
      'GatewayTimeout',
      'BadGateway',
      'SubscriptionRequestsThrottled',
      'InternalExecutionError',
      'NetworkingInternalOperationError',
      OPERATION_FAILED,
    ],
    decision: { do: 'Retry' },
  },

  {
    codes: [TENANT_UNRESOLVED],
    decision: { do: 'TryAWhile', remedy: "The tenant's id stands on the portal's page Microsoft Entra ID, Overview." },
  },

  // A copy between regions that stood still half way, since its source went.
  {
    codes: ['CopySourceNotFound'],
    decision: {
      do: 'TryAWhile',
      remedy:
        "Somebody deletes the snapshot while it is copied: its activity log in the portal tells who. Exempt what bears the operator's tags.",
    },
  },

  // What only a person can mend.
  ...['AADSTS90002', 'AADSTS900021', 'AADSTS900023'].map(code => ({
    codes: [UNAUTHENTICATED],
    says: [code],
    decision: stall(
      `There is no such tenant. Mend tenantId, ${IDENTITY_PLACES}; it stands on the portal's page Microsoft Entra ID, Overview.`,
    ),
  })),
  {
    codes: [UNAUTHENTICATED],
    says: ['AADSTS700016'],
    decision: stall(`The tenant has no such application. Mend clientId or tenantId, ${IDENTITY_PLACES}.`),
  },
  {
    codes: [
      UNAUTHENTICATED,
      'InvalidAuthenticationToken',
      'InvalidAuthenticationTokenTenant',
      'ExpiredAuthenticationToken',
    ],
    decision: stall(
      `Check tenantId and clientId, ${IDENTITY_PLACES}, and the managed identity's federated credential: issuer, subject and audience must match this cluster and service account.`,
    ),
  },
  {
    codes: ['AuthorizationFailed', 'LinkedAuthorizationFailed'],
    decision: stall("Grant the operator's identity the role listed in the README on the resource group."),
  },
  {
    codes: ['ReadOnlyDisabledSubscription', 'SubscriptionNotFound', 'DisabledSubscription', 'InvalidSubscriptionId'],
    decision: stall("Check the region's subscriptionId in the catalogue, and that the subscription is enabled."),
  },
  {
    codes: ['MissingSubscriptionRegistration', 'SubscriptionNotRegistered'],
    decision: stall('Register Microsoft.Compute and Microsoft.Network in the subscription (az provider register).'),
  },
  { codes: ['ScopeLocked'], decision: stall('A lock on the resource group or resource forbids it. Remove the lock.') },
  {
    codes: ['RequestDisallowedByPolicy'],
    decision: stall('An Azure Policy forbids it. Exempt the resource group, or change what the catalogue asks for.'),
  },
  {
    codes: ['ImageNotFound', 'GalleryImageNotFound', 'InvalidImageReference', 'PlatformImageNotFound'],
    decision: stall(
      "Check the id of spec.image in the catalogue's images, and that this version is replicated to the region.",
    ),
  },
  {
    codes: ['ResourceGroupNotFound'],
    decision: stall("Create the resource group, or mend the region's resourceGroup in the catalogue."),
  },
  {
    codes: ['InvalidResourceReference', 'SubnetNotFound', 'NotFound', 'ResourceNotFound', 'ParentResourceNotFound'],
    decision: stall(
      "Something that the catalogue refers to does not exist; check the region's subnetId and networkSecurityGroupId.",
    ),
  },
  {
    codes: ['LocationNotAvailableForResourceType', 'NoRegisteredProviderFound', 'InvalidLocation'],
    decision: stall(
      "Azure has no such region for it. Check spec.region and the catalogue's regions against `az account list-locations`.",
    ),
  },
  {
    codes: ['InvalidParameter'],
    says: ['VM size'],
    decision: stall('Set spec.size to a size that the region has (az vm list-skus --location REGION).'),
  },
  {
    codes: ['InvalidParameter'],
    says: ['SKU', '_ZRS'],
    decision: stall(NO_REDUNDANCY_REMEDY),
  },
  {
    codes: ['InvalidAvailabilityZone', 'LocationNotSupportAvailabilityZones'],
    decision: { do: 'Stall', remedy: NO_SUCH_ZONE_REMEDY, unfit: 'Zone' },
  },
  {
    codes: ['ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint'],
    decision: { do: 'Stall', remedy: ZONE_REMEDY, unfit: 'MachineInZone' },
  },
  // Compute has two sentences for it: "… not in zone '1'" and "… not in the same zone as the VM".
  {
    codes: ['BadRequest'],
    says: ['cannot be attached to the VM because it is not in'],
    decision: { do: 'Stall', remedy: ZONE_REMEDY, unfit: 'MachineInZone' },
  },
  {
    codes: ['ResourceAvailabilityZonesCannotBeModified', 'ZonesNotAllowedInBasicSkuResource'],
    decision: stall(ZONE_REMEDY),
  },
  {
    codes: ['PropertyChangeNotAllowed', 'VMPriorityCannotBeApplied', 'MaxPriceChangeNotAllowedForAllocatedVMs'],
    decision: stall('Azure does not let this change on a machine that stands. Delete the GpuVm and create it anew.'),
  },
  {
    codes: [
      'OperationNotAllowed',
      'InvalidParameter',
      'BadRequest',
      'InvalidRequestContent',
      'InvalidRequestFormat',
      'ConflictingUserInput',
    ],
    decision: stall("Azure refuses the request itself. Compare the message with the object's spec and the catalogue."),
  },
]

/** What to do about an error. Nothing is unknown to the table and repeated for ever. */
export function decideOn(error: AzureError): Decision {
  const row = table.find(({ codes, says = [] }) => codes.includes(error.code) && says.every(part => has(error, part)))
  // A lock on one resource is told by 429 too, and is no throttling.
  if (error.status === 429 && row?.decision.do !== 'LookAgain')
    return { do: 'Retry', afterSeconds: error.retryAfterSeconds ?? MINUTE }
  if (row?.decision.do === 'Retry' || isFaultOfAzure(error))
    return error.retryAfterSeconds === undefined
      ? { do: 'Retry' }
      : { do: 'Retry', afterSeconds: error.retryAfterSeconds }
  if (row) return row.decision
  const remedy = `This operator does not know ${error.code}. Look it up, then mend the spec or the catalogue.`
  return { do: 'TryAWhile', remedy }
}

/** A bare 5xx, as proxies give it: no code of anybody's. */
function isFaultOfAzure({ code }: AzureError): boolean {
  return /^Http5\d\d$/.test(code)
}

function has({ message }: AzureError, part: string): boolean {
  return message.toLowerCase().includes(part.toLowerCase())
}

function refused(scope: RefusalScope, ttlSeconds: number): Refused {
  return { do: 'Refused', scope, ttlSeconds }
}

function stall(remedy: string): Decision {
  return { do: 'Stall', remedy }
}
