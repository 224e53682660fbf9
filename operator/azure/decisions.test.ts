import { expect, test } from 'vitest'
import { decideOn } from './decisions.ts'
import { AzureError } from './errors.ts'

const quota = (name: string, limit: number) =>
  `Operation could not be completed as it results in exceeding approved ${name} quota. Additional details - Location: westeurope, Current Limit: ${limit}, Current Usage: 0.`

test.each([
  { code: 'OperationNotAllowed', message: quota('LowPriorityCores', 3), scope: 'Spot', hours: 1 },
  { code: 'OperationNotAllowed', message: quota('standardNVADSA10v5Family Cores', 0), scope: 'Placement', hours: 1 },
  { code: 'QuotaExceeded', message: quota('standardNVADSA10v5Family Cores', 0), scope: 'Placement', hours: 1 },
  {
    code: 'OperationNotAllowed',
    message: quota('standardNVADSA10v5Family Cores', 12),
    scope: 'Placement',
    hours: 1 / 6,
  },
  { code: 'OperationNotAllowed', message: quota('Total Regional Cores', 10), scope: 'Regular', hours: 1 / 6 },
  { code: 'QuotaExceeded', message: 'Some other quota.', scope: 'Placement', hours: 1 / 6 },
  { code: 'SkuNotAvailable', scope: 'Placement', hours: 1 },
  { code: 'VMSizeNotSupported', scope: 'Size', hours: 23 },
  { code: 'BadRequest', message: 'The size is not supported for subscription S.', scope: 'Size', hours: 23 },
  { code: 'AllocationFailed', scope: 'Size', hours: 1 },
  { code: 'ZonalAllocationFailed', scope: 'Size', hours: 1 },
  { code: 'OverconstrainedAllocationRequest', scope: 'Placement', hours: 1 },
  { code: 'OverconstrainedZonalAllocationRequest', scope: 'Placement', hours: 1 },
  { code: 'SpotPriceGreaterThanProvidedMaxPrice', scope: 'Placement', hours: 1 / 6 },
  { code: 'AzureSpotFeatureNotEnabledForSubscription', scope: 'Spot', hours: 24 },
  { code: 'PublicIPCountLimitReached', scope: 'Region', hours: 1 / 6 },
  { code: 'SubnetIsFull', scope: 'Region', hours: 1 / 6 },
])('$code ($message) rules out the $scope for $hours h', ({ code, message = 'No.', scope, hours }) => {
  for (const status of [409, undefined]) {
    expect(decideOn(new AzureError(code, message, { status }))).toMatchObject({
      do: 'Refused',
      scope,
      ttlSeconds: hours * 3600,
    })
  }
})

test.each([
  ['NicReservedForAnotherVm', 30],
  ['NicReservedForAnotherVM', 30],
  ['AttachDiskWhileBeingDetached', 10],
  ['DiskPreparationFailed', 10],
  ['AnotherOperationInProgress', 10],
  ['OperationPreempted', 10],
  ['ConflictingConcurrentWriteNotAllowed', 10],
  ['Conflict', 10],
  ['NicInUse', 5],
  ['PublicIPAddressCannotBeDeleted', 5],
  ['NetworkSecurityGroupCannotBeDeleted', 5],
  ['InUseNetworkSecurityGroupCannotBeDeleted', 5],
  ['PublicIPAddressInUse', 5],
  ['PreconditionFailed', 1],
  ['Http412', 1],
])('%s: Azure is busy with it, look again in %i s', (code, afterSeconds) => {
  expect(decideOn(new AzureError(code, 'Busy.', { status: 409 }))).toEqual({ do: 'LookAgain', afterSeconds })
})

test('a lock on one resource is told by 429 too, and is no throttling', () => {
  const error = new AzureError('RetryableErrorDueToAnotherOperation', 'Busy.', { status: 429, retryAfterSeconds: 60 })
  expect(decideOn(error)).toEqual({ do: 'LookAgain', afterSeconds: 10 })
})

test.each([
  'AzureUnreachable',
  'ServerTimeout',
  'InternalServerError',
  'ServiceUnavailable',
  'GatewayTimeout',
  'BadGateway',
  'InternalExecutionError',
  'NetworkingInternalOperationError',
  'OperationFailed',
])('%s says nothing about the machine: the same again', code => {
  expect(decideOn(new AzureError(code, 'Oops.'))).toEqual({ do: 'Retry' })
})

test('throttled, whatever the code: when Azure says so, or in a minute', () => {
  const throttled = (retryAfterSeconds?: number) =>
    decideOn(new AzureError('SubscriptionRequestsThrottled', 'Slow down.', { status: 429, retryAfterSeconds }))
  expect(throttled(17)).toEqual({ do: 'Retry', afterSeconds: 17 })
  expect(throttled()).toEqual({ do: 'Retry', afterSeconds: 60 })
  expect(decideOn(new AzureError('Whatever', 'Later.', { status: 503, retryAfterSeconds: 9 }))).toEqual({
    do: 'Retry',
    afterSeconds: 9,
  })
})

test.each([
  ['AzureCredentialsRefused', 'federated credential'],
  ['InvalidAuthenticationToken', 'federated credential'],
  ['ExpiredAuthenticationToken', 'federated credential'],
  ['AuthorizationFailed', 'role'],
  ['LinkedAuthorizationFailed', 'role'],
  ['ReadOnlyDisabledSubscription', 'subscriptionId'],
  ['SubscriptionNotFound', 'subscriptionId'],
  ['ScopeLocked', 'lock'],
  ['RequestDisallowedByPolicy', 'Policy'],
  ['ImageNotFound', "image's id"],
  ['GalleryImageNotFound', "image's id"],
  ['ResourceGroupNotFound', 'resourceGroup'],
  ['InvalidResourceReference', 'subnetId'],
  ['ResourceNotFound', 'subnetId'],
  ['PropertyChangeNotAllowed', 'spec and the catalogue'],
  ['InvalidParameter', 'spec and the catalogue'],
  ['OperationNotAllowed', 'spec and the catalogue'],
  ['BadRequest', 'spec and the catalogue'],
])('%s: a person has to act, and is told how (%s)', (code, words) => {
  const decision = decideOn(new AzureError(code, 'No.', { status: 400 }))
  expect(decision.do === 'Stall' && decision.remedy).toContain(words)
})

test('what nobody knows is never repeated for ever when it is an answer, and is when it is none', () => {
  expect(decideOn(new AzureError('WeHaveNeverSeenThis', 'No.', { status: 400 }))).toMatchObject({ do: 'Stall' })
  expect(decideOn(new AzureError('WeHaveNeverSeenThis', 'No.', { status: 502 }))).toEqual({ do: 'Retry' })
  expect(decideOn(new AzureError('WeHaveNeverSeenThis', 'No.'))).toEqual({ do: 'Retry' })
})
