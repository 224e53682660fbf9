import { expect, test } from 'vitest'
import { decideOn, table } from './decisions.ts'
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
  { code: 'SkuNotAvailable', scope: 'ZonalPlacement', hours: 1, regularHours: 23 },
  { code: 'VMSizeNotSupported', scope: 'Size', hours: 23 },
  { code: 'BadRequest', message: 'The size is not supported for subscription S.', scope: 'Size', hours: 23 },
  { code: 'AllocationFailed', scope: 'Size', hours: 1 },
  { code: 'ZonalAllocationFailed', scope: 'ZonalSize', hours: 1 },
  { code: 'OverconstrainedAllocationRequest', scope: 'Placement', hours: 1 },
  { code: 'OverconstrainedZonalAllocationRequest', scope: 'ZonalPlacement', hours: 1 },
  { code: 'SpotPriceGreaterThanProvidedMaxPrice', scope: 'Placement', hours: 1 / 6 },
  { code: 'AzureSpotIsNotSupportedForThisVMSize', scope: 'Placement', hours: 23 },
  { code: 'AzureSpotFeatureNotEnabledForSubscription', scope: 'Spot', hours: 24 },
  { code: 'PublicIPCountLimitReached', scope: 'Region', hours: 1 / 6 },
  { code: 'SubnetIsFull', scope: 'Region', hours: 1 / 6 },
])('$code ($message) rules out the $scope for $hours h', ({ code, message = 'No.', scope, hours, regularHours }) => {
  for (const status of [409, undefined]) {
    expect(decideOn(new AzureError(code, message, { status }))).toMatchObject({
      do: 'Refused',
      scope,
      ttlSeconds: hours * 3600,
      ...(regularHours === undefined ? {} : { regularTtlSeconds: regularHours * 3600 }),
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

test('a copy whose source went is made again for a while, and then a person sees to who deletes it', () => {
  const decision = decideOn(new AzureError('CopySourceNotFound', 'Gone.', { status: 400 }))
  expect(decision).toMatchObject({ do: 'TryAWhile', remedy: expect.stringContaining('activity log') })
})

test('throttled, whatever the code: when Azure says so, or in a minute', () => {
  const throttled = (retryAfterSeconds?: number) =>
    decideOn(new AzureError('SubscriptionRequestsThrottled', 'Slow down.', { status: 429, retryAfterSeconds }))
  expect(throttled(17)).toEqual({ do: 'Retry', afterSeconds: 17 })
  expect(throttled()).toEqual({ do: 'Retry', afterSeconds: 60 })
  expect(decideOn(new AzureError('ServiceUnavailable', 'Later.', { status: 503, retryAfterSeconds: 9 }))).toEqual({
    do: 'Retry',
    afterSeconds: 9,
  })
})

test.each([
  ['AzureCredentialsRefused', 'azure.tenantId'],
  ['AzureCredentialsRefused', 'federated credential'],
  ['InvalidAuthenticationToken', 'federated credential'],
  ['ExpiredAuthenticationToken', 'federated credential'],
  ['AuthorizationFailed', 'role'],
  ['LinkedAuthorizationFailed', 'role'],
  ['ReadOnlyDisabledSubscription', 'subscriptionId'],
  ['SubscriptionNotFound', 'subscriptionId'],
  ['ScopeLocked', 'lock'],
  ['RequestDisallowedByPolicy', 'Policy'],
  ['ImageNotFound', 'spec.image'],
  ['GalleryImageNotFound', 'spec.image'],
  ['LocationNotAvailableForResourceType', 'spec.region'],
  ['ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint', 'spec.zone'],
  ['InvalidAvailabilityZone', 'spec.zone'],
  ['MissingSubscriptionRegistration', 'az provider register'],
  ['ResourceGroupNotFound', 'resourceGroup'],
  ['InvalidResourceReference', 'subnetId'],
  ['ResourceNotFound', 'subnetId'],
  ['PropertyChangeNotAllowed', 'create it anew'],
  ['InvalidParameter', 'spec and the catalogue'],
  ['OperationNotAllowed', 'spec and the catalogue'],
  ['BadRequest', 'spec and the catalogue'],
])('%s: a person has to act, and is told how (%s)', (code, words) => {
  const decision = decideOn(new AzureError(code, 'No.', { status: 400 }))
  expect(decision.do === 'Stall' && decision.remedy).toContain(words)
})

test('one code, several things: the message tells which', () => {
  const remedy = (code: string, message: string) => {
    const decision = decideOn(new AzureError(code, message, { status: 400 }))
    return decision.do === 'Stall' ? decision.remedy : decision.do
  }
  expect(remedy('InvalidParameter', 'The value X provided for the VM size is not valid.')).toContain('spec.size')
  expect(remedy('InvalidParameter', 'SKU Premium_ZRS is not available.')).toContain('spec.disks')
  expect(remedy('BadRequest', "Disk d cannot be attached to the VM because it is not in zone '1'.")).toContain(
    'spec.zone',
  )
  expect(remedy('ConflictingUserInput', "Disk d is already owned by VM 'v'.")).toBe('LookAgain')
  expect(remedy('ConflictingUserInput', 'Only CreateOption.Attach is supported.')).toBe('LookAgain')
})

test.each([400, 409, 500, 502, undefined])('what nobody knows is tried for a while only (status %s)', status => {
  expect(decideOn(new AzureError('WeHaveNeverSeenThis', 'No.', { status }))).toEqual({
    do: 'TryAWhile',
    remedy: expect.stringContaining('WeHaveNeverSeenThis'),
  })
})

test("a bare 5xx of a proxy is nobody's word", () => {
  expect(decideOn(new AzureError('Http502', 'Bad gateway.', { status: 502 }))).toEqual({ do: 'Retry' })
})

test('every row can be reached: none stands behind one that matches all it does', () => {
  for (const { codes, says = [], decision } of table) {
    for (const code of codes) {
      const found = decideOn(new AzureError(code, says.join(' '), { status: 409 }))
      expect(found, `${code} ${says}`).toEqual(decision)
    }
  }
})

test.each([
  { code: 'InvalidAvailabilityZone', message: 'The zone(s) 3 is not supported.', unfit: 'Zone' },
  { code: 'LocationNotSupportAvailabilityZones', message: 'It does not support zones there.', unfit: 'Zone' },
  {
    code: 'ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint',
    message:
      'Compute resource c has a zone constraint 1 but the PublicIPAddress has a different zone constraint Regional.',
    unfit: 'MachineInZone',
  },
  {
    code: 'BadRequest',
    message: "Disk d cannot be attached to the VM because it is not in zone '1'.",
    unfit: 'MachineInZone',
  },
  {
    code: 'BadRequest',
    message:
      "Disk d cannot be attached to the VM because it is not in the same zone as the VM. VM zone: '1'. Disk zone: '2'.",
    unfit: 'MachineInZone',
  },
])('$code ($message) is a person’s to mend, but for whoever may choose another zone', ({ code, message, unfit }) => {
  expect(decideOn(new AzureError(code, message, { status: 400 }))).toMatchObject({ do: 'Stall', unfit })
})

test('a request that is wrong in another way is not taken to another zone', () => {
  expect(decideOn(new AzureError('BadRequest', 'The disk is not there.', { status: 400 }))).not.toHaveProperty('unfit')
})
