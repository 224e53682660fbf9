// What two ends of a scene may not differ in, and what they may.
import { expect, test } from 'vitest'
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { accountOf } from './accounts.ts'

const since = '2026-11-27T07:00:00Z'
const condition = (type: string, reason: string) => ({
  ...{ type, reason, status: 'True' as const, message: 'As the spec asks.', lastTransitionTime: since },
})
const rescued = {
  phase: 'Running',
  powerState: 'Running',
  priority: 'Regular',
  evictions: 1,
  publicIP: '127.64.0.7',
  incarnation: { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted', since },
  conditions: [condition('Ready', 'Running'), condition('Playable', 'StreamAnswers')],
} satisfies GpuVmStatus

function machine(status: GpuVmStatus, metadata: Partial<GpuVm['metadata']> = {}): GpuVm {
  const disks = { os: { sizeGiB: 128, sku: 'StandardSSD_LRS' as const } }
  const wanted = { priority: 'Spot', onEviction: 'Regular', powerState: 'Running' } as const
  return {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GpuVm',
    metadata: { name: 'solo', finalizers: ['wasd.cloud/azure'], ...metadata },
    spec: { region: 'westeurope', size: 'Standard_NV12ads_A10_v5', image: 'linux-nvidia', disks, ...wanted },
    status,
  }
}

const { publicIP: _untold, ...addressless } = rescued
const usual = accountOf(machine(rescued))
const lastError = { code: 'Conflict', message: 'Busy.', retryable: true, step: 'DeleteVirtualMachine' }

test.for<[string, GpuVm | undefined]>([
  ['an eviction that is counted twice', machine({ ...rescued, evictions: 2 })],
  ['another reason', machine({ ...rescued, incarnation: { ...rescued.incarnation, reason: 'MachineLost' } })],
  ['another number', machine({ ...rescued, incarnation: { ...rescued.incarnation, number: 3 } })],
  ['another phase', machine({ ...rescued, phase: 'Starting' })],
  ['an operation that dangles', machine({ ...rescued, operation: { kind: 'Create', resource: '/vm', since } })],
  ['an error that has been outlived', machine({ ...rescued, lastError })],
  ['another error beside it', machine({ ...rescued, otherError: lastError })],
  ['a sign of an eviction that there was', machine({ ...rescued, evictedAt: since })],
  ['a notice that its guest gave', machine({ ...rescued, guest: { preemptAt: since } })],
  ['another size', machine({ ...rescued, size: 'Standard_NV6ads_A10_v5' })],
  ['an address that is not told', machine(addressless)],
  ['one condition more', machine({ ...rescued, conditions: [...rescued.conditions, condition('Stalled', 'Gone')] })],
  ['another reason of a condition', machine({ ...rescued, conditions: [condition('Ready', 'Paused')] })],
  ['a finalizer more', machine(rescued, { finalizers: ['wasd.cloud/azure', 'wasd.cloud/settlement'] })],
  ['a deletion', machine(rescued, { deletionTimestamp: since })],
  ['an object that is gone', undefined],
])('ends differ by %s', ([, other]) => {
  expect(accountOf(other)).not.toBe(usual)
})

test('ends differ neither by times, words and addresses, nor by the order of conditions, nor by what a scene calls unsure', () => {
  const later = '2026-11-27T08:00:00Z'
  const conditions = rescued.conditions
    .map(one => ({ ...one, message: 'In other words.', lastTransitionTime: later, observedGeneration: 4 }))
    .toReversed()
  const moments = { incarnation: { ...rescued.incarnation, since: later }, publicIP: '127.64.0.8' }
  const other = { ...rescued, ...moments, conditions }
  expect(accountOf(machine(other, { resourceVersion: '77', uid: 'another' }))).toBe(usual)

  const twice = machine({ ...rescued, evictions: 2 })
  expect(accountOf(twice, ['evictions'])).toBe(accountOf(machine(rescued), ['evictions']))
})
