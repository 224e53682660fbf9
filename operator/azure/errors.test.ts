import { createHttpHeaders, createPipelineRequest, RestError } from '@azure/core-rest-pipeline'
import { expect, test } from 'vitest'
import { AzureError, toAzureError } from './errors.ts'

test("a refusal keeps ARM's own code, its status, and the first line of its words", () => {
  const error = new RestError('None here.\n{"error": "the whole body"}', { code: 'SkuNotAvailable', statusCode: 409 })
  expect(toAzureError(error)).toMatchObject({
    name: 'AzureError',
    code: 'SkuNotAvailable',
    status: 409,
    message: 'None here.',
  })
})

test('what Azure tells in a list is told on one line', () => {
  const text =
    'The long-running operation has failed. OverconstrainedAllocationRequest. Allocation failed. Constraints applied are:\n  - Low Priority VMs\n  - VM Size\n'
  expect(toAzureError(new Error(text))).toMatchObject({
    message: 'Allocation failed. Constraints applied are: Low Priority VMs, VM Size',
  })
})

test('no answer and a refusal are two codes', () => {
  const silent = toAzureError(new RestError('connect ECONNREFUSED', { code: 'REQUEST_SEND_ERROR' }))
  expect(silent).toMatchObject({ code: 'AzureUnreachable', status: undefined })
  expect(toAzureError(new RestError('No.', { statusCode: 418 }))).toMatchObject({ code: 'Http418', status: 418 })
})

test.each([
  ['The long-running operation has failed. AllocationFailed. There is none.', 'AllocationFailed', 'There is none.'],
  [
    'The long-running operation has failed. OverconstrainedAllocationRequest. Allocation failed. VM(s) with constraints.',
    'OverconstrainedAllocationRequest',
    'Allocation failed. VM(s) with constraints.',
  ],
  ['The long-running operation has failed', 'OperationFailed', 'The long-running operation has failed'],
  ['The long-running operation has been canceled.', 'OperationFailed', 'The long-running operation has been canceled.'],
])('a late failure tells its code in its text: %s', (text, code, message) => {
  expect(toAzureError(new Error(text))).toMatchObject({ code, message, status: undefined })
})

test('credentials that Entra refuses are not an Entra that cannot be reached', () => {
  const thrown = (statusCode?: number) =>
    Object.assign(new Error('AADSTS700016: unknown application'), {
      name: 'AuthenticationError',
      ...(statusCode && { statusCode }),
    })
  const unresolved = Object.assign(new Error('endpoints_resolution_error: See …'), {
    name: 'CredentialUnavailableError',
  })
  expect(toAzureError(unresolved)).toMatchObject({
    code: 'AzureTenantUnresolved',
    message: expect.stringContaining('azure.tenantId'),
  })
  expect(toAzureError(thrown(400))).toMatchObject({ code: 'AzureCredentialsRefused' })
  expect(toAzureError(thrown(503))).toMatchObject({ code: 'AzureUnreachable' })
  expect(toAzureError(thrown())).toMatchObject({ code: 'AzureUnreachable' })
})

test('what is not theirs passes as it is', () => {
  const mistake = new TypeError('undefined is not a function')
  const abort = new DOMException('stopped', 'AbortError')
  const ours = new AzureError('X', 'y')
  for (const error of [mistake, abort, ours, 'text']) expect(toAzureError(error)).toBe(error)
})

test.each([
  ['17', 17],
  ['0', 0],
  [undefined, undefined],
  ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
])('Retry-After %s is %s s', (header, seconds) => {
  const request = createPipelineRequest({ url: 'https://management.azure.com' })
  const headers = createHttpHeaders(header === undefined ? {} : { 'retry-after': header })
  const error = new RestError('Slow down.', { statusCode: 429, request, response: { request, status: 429, headers } })
  expect(toAzureError(error)).toMatchObject({ code: 'TooManyRequests', retryAfterSeconds: seconds })
})
