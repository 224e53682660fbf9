import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import type { Operation } from './decision.ts'
import { verdictOn } from './phases.ts'
import {
  bare,
  type Different,
  evicted,
  leaving,
  now,
  playing,
  publicIPAddress,
  refusedBy,
  sight,
  virtualMachine,
  without,
} from './sights.fixture.ts'
import { statusOf } from './status.ts'

const unmade = without(playing, 'vmId', 'stream')
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000)
const running = { virtualMachine: undefined, sight: 'Operation', operation: { is: 'Running' } } as const

function operating(kind: Operation['kind'], minutes: number, metadata = {}) {
  const operation = { kind, resource: 'vm', poller: '{}', since: minutesAgo(minutes).toISOString() }
  return sight({ metadata, status: { ...evicted, operation }, observed: running })
}

test.each([
  { minutes: 14, reason: 'Creating' },
  { minutes: 15, reason: 'OperationSlow' },
  { minutes: 89, reason: 'OperationSlow' },
])('a creation of $minutes minutes is told as $reason, and nothing is asked for', ({ minutes, reason }) => {
  const verdict = verdictOn(operating('Create', minutes))
  expect(verdict).toMatchObject({ because: { reason }, requeueAfterSeconds: 4 })
  expect(verdict.step).toBeUndefined()
})

test.each(['Start', 'Redeploy', 'Deallocate', 'Create', 'Delete'] as const)(
  'the phase is the same before and after %s has become slow',
  kind => {
    const usual = operating(kind, 14)
    const status = statusOf(usual, verdictOn(usual), {})
    const later = { ...usual, machine: { ...usual.machine, status }, now: new Date(now.getTime() + 120_000) }
    const slow = verdictOn(later)
    expect(slow.because?.reason).toBe('OperationSlow')
    expect(statusOf(later, slow, {}).phase).toBe(status.phase)
  },
)

test('after ninety minutes it is a person’s, told in one sentence each: what, since when, where to look, what to do', () => {
  const seen = operating('Create', 90)
  const verdict = verdictOn(seen)
  expect(verdict).toEqual({
    stalled: {
      reason: 'OperationOverdue',
      message:
        "Azure creates an on-demand machine, Standard_NV12ads_A10_v5. Azure has been at it since 2026-11-24T10:30:00Z, longer than the 90 minutes by which it ends what it does. The resource's activity log in the portal tells of it; open a support request. A GpuVm that is deleted overtakes a creation.",
    },
    requeueAfterSeconds: 4,
  })
  // It says the same at every look, which costs no write.
  const status = statusOf(seen, verdict, {})
  const later = { ...seen, machine: { ...seen.machine, status }, now: new Date(now.getTime() + 4000) }
  expect(statusOf(later, verdictOn(later), {})).toEqual(status)
  expect(condition(status.conditions, 'Ready')?.status).toBe('False')
})

test.each(['Delete', 'Deallocate', 'Start', 'Redeploy'] as const)(
  'so is any other operation on the machine: %s',
  kind => {
    expect(verdictOn(operating(kind, 91)).stalled?.reason).toBe('OperationOverdue')
  },
)

test('I2: a deletion that hangs is no secret, and is not repeated', () => {
  const verdict = verdictOn(operating('Delete', 91, leaving))
  expect(verdict.stalled?.message).toContain('Once it is gone there, the object goes too.')
  expect(verdict.step).toBeUndefined()
})

test('of an address, an interface or a disk the time counts from when it was asked for, or first seen so', () => {
  const making = (underWaySince: Date | undefined) =>
    sight({
      status: unmade,
      observed: {
        ...bare,
        publicIPAddress: { ...publicIPAddress, provisioningState: 'Updating' },
        networkInterface: undefined,
        underWaySince,
      },
    })
  expect(verdictOn(making(undefined)).because?.reason).toBe('Creating')
  expect(verdictOn(making(minutesAgo(20))).because?.reason).toBe('OperationSlow')
  expect(verdictOn(making(minutesAgo(90))).stalled?.reason).toBe('OperationOverdue')
})

test('a step that is due is not held up by what else is under way, nor is a rest', () => {
  const observed = { ...bare, networkInterface: undefined, underWaySince: minutesAgo(100) }
  expect(verdictOn(sight({ status: unmade, observed })).step).toEqual({ do: 'PutNetworkInterface' })
  expect(verdictOn(sight({ observed: { underWaySince: minutesAgo(100) } }))).toEqual({})
})

test.each<{ reason: string; seen: Different }>([
  {
    reason: 'CapacityRefused',
    seen: { status: { ...unmade, lastError: refusedBy('SkuNotAvailable') }, observed: bare },
  },
  {
    reason: 'CapacityRefused', // Told while the remains of the one that was refused go.
    seen: {
      status: {
        ...without(evicted, 'stream'),
        incarnation: { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted' },
        lastError: refusedBy('SkuNotAvailable'),
      },
      observed: { ...bare, predecessor: virtualMachine({ powerState: 'Deallocating' }) },
    },
  },
  {
    reason: 'StopUnclear',
    seen: {
      status: { ...playing, provisionedAt: minutesAgo(200).toISOString() },
      observed: {
        virtualMachine: virtualMachine({ powerState: 'Deallocated', provisionedAt: minutesAgo(1) }),
        noted: 'Pending',
      },
    },
  },
])('a reason by which others decide stays, whatever else Azure is at: $reason', ({ reason, seen }) => {
  const usual = verdictOn(sight(seen))
  expect(usual.because?.reason).toBe(reason)
  const observed = { ...seen.observed, underWaySince: minutesAgo(100) }
  expect(verdictOn(sight({ ...seen, observed }))).toEqual(usual)
})

test('where time is run faster, so is patience', () => {
  const seen = operating('Create', 1)
  expect(verdictOn({ ...seen, settings: { ...seen.settings, operationPollSeconds: 0.04 } }).stalled).toBeDefined()
})
