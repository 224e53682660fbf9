import { expect, test } from 'vitest'
import { limitsOf, type Reply, readingsOf } from './limits.ts'

const root = 'https://management.azure.com/subscriptions/S1'
const vm = `${root}/resourceGroups/play/providers/Microsoft.Compute/virtualMachines/Vm-1`
const nic = `${root}/resourceGroups/play/providers/Microsoft.Network/networkInterfaces/nic-1`
const call = (method: string, url: string) => ({ method, url: `${url}?api-version=2026-04-01`, region: 'westeurope' })
const buckets = (method: string, url: string) => limitsOf(call(method, url)).map(({ bucket }) => bucket)

test.each<{ title: string; method: string; url: string; counts: string[] }>([
  {
    title: 'a VM is asked for',
    method: 'PUT',
    url: vm,
    counts: [
      'arm/s1/writes',
      'compute/putvmresourcemaximum//subscriptions/s1/resourcegroups/play/providers/microsoft.compute/virtualmachines/vm-1',
      'compute/putvmsubscriptionmaximum/s1/westeurope',
    ],
  },
  {
    title: 'a deallocation counts as a deletion, of the same machine',
    method: 'POST',
    url: `${vm}/deallocate`,
    counts: [
      'arm/s1/writes',
      'compute/deletevmresourcemaximum//subscriptions/s1/resourcegroups/play/providers/microsoft.compute/virtualmachines/vm-1',
      'compute/deletevmsubscriptionmaximum/s1/westeurope',
    ],
  },
  {
    title: 'a change of tags counts as an update of the machine too',
    method: 'PATCH',
    url: `${vm}/providers/Microsoft.Resources/tags/default`,
    counts: [
      'arm/s1/writes',
      'compute/updatevmresourcemaximum//subscriptions/s1/resourcegroups/play/providers/microsoft.compute/virtualmachines/vm-1',
      'compute/updatevmsubscriptionmaximum/s1/westeurope',
    ],
  },
  {
    title: 'a page of the fleet',
    method: 'GET',
    url: `${root}/providers/Microsoft.Compute/virtualMachines`,
    counts: ['arm/s1/reads', 'compute/listvmsubscriptionmaximum/s1/westeurope'],
  },
  {
    title: 'an operation tells its own region',
    method: 'GET',
    url: `${root}/providers/Microsoft.Compute/locations/centralindia/operations/op-1`,
    counts: [
      'arm/s1/reads',
      'compute/longrunningoperationstatusresourcemaximum//subscriptions/s1/providers/microsoft.compute/locations/centralindia/operations/op-1',
      'compute/longrunningoperationstatussubscriptionmaximum/s1/centralindia',
    ],
  },
  { title: 'a disk', method: 'DELETE', url: vm.replace('virtualMachines', 'disks'), counts: ['arm/s1/deletes'] },
  {
    title: 'a deletion in the network counts as a write there',
    method: 'DELETE',
    url: nic,
    counts: ['arm/s1/deletes', 'network/s1/westeurope/writes'],
  },
  { title: 'no subscription, no limit', method: 'GET', url: 'https://management.azure.com/providers', counts: [] },
])('$title: $counts', ({ method, url, counts }) => {
  expect(buckets(method, url)).toEqual(counts)
})

const reply = (status: number, headers: Record<string, string>, body?: string): Reply => ({
  status,
  header: name => headers[name],
  body,
})

test('a reply tells what is left in each bucket that it names', () => {
  const headers = {
    'x-ms-ratelimit-remaining-subscription-writes': '187',
    'x-ms-ratelimit-remaining-resource':
      'Microsoft.Compute/PutVMResourceMaximum;11,Microsoft.Compute/PutVMSubscriptionMaximum;1499',
  }
  expect(readingsOf(call('PUT', vm), reply(201, headers))).toEqual([
    { bucket: buckets('PUT', vm)[0], left: 187 },
    { bucket: buckets('PUT', vm)[1], left: 11 },
    { bucket: buckets('PUT', vm)[2], left: 1499 },
  ])
})

const computeBody = JSON.stringify({
  error: {
    code: 'OperationNotAllowed',
    message: '',
    details: [{ code: 'TooManyRequests', target: 'PutVMSubscriptionMaximum' }],
  },
})

test.each<{
  title: string
  url: string
  body: string
  retryAfter?: string
  pauses: string | undefined
  seconds?: number
}>([
  {
    title: "Compute's limit, by its name",
    url: vm,
    body: computeBody,
    retryAfter: '17',
    pauses: buckets('PUT', vm)[2] ?? '',
    seconds: 17,
  },
  {
    title: "the subscription's limit",
    url: nic,
    body: '{"error":{"code":"SubscriptionRequestsThrottled"}}',
    retryAfter: '5',
    pauses: 'arm/s1/writes',
    seconds: 5,
  },
  {
    title: "the network's limit",
    url: nic,
    body: '{"error":{"code":"TooManyRequests"}}',
    retryAfter: '9',
    pauses: 'network/s1/westeurope/writes',
    seconds: 9,
  },
  { title: 'no Retry-After: a minute', url: nic, body: '', pauses: 'network/s1/westeurope/writes', seconds: 60 },
  {
    title: 'a lock on one resource pauses nothing',
    url: nic,
    body: '{"error":{"code":"RetryableErrorDueToAnotherOperation"}}',
    pauses: undefined,
  },
])('a 429 pauses exactly the bucket that it names: $title', ({ url, body, retryAfter, pauses, seconds }) => {
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
  const told = readingsOf(call('PUT', url), reply(429, headers, body))
  expect(told).toEqual(pauses === undefined ? [] : [{ bucket: pauses, pausedSeconds: seconds }])
})
