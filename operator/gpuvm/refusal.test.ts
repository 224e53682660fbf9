import { expect, test } from 'vitest'
import type { LastError } from './decision.ts'
import { lastError, lateFailure } from './last-error.ts'
import { verdictOn } from './phases.ts'
import { refusal, refusedVerdict, standingRefusal } from './refusal.ts'
import {
  bare,
  type Different,
  leaving,
  now,
  playing,
  refusedBy,
  settings,
  sight,
  virtualMachine,
  without,
} from './sights.fixture.ts'

const unplayed = without(playing, 'vmId', 'stream')
const refused = (code: string, message?: string, secondsAgo?: number) => ({
  ...unplayed,
  lastError: refusedBy(code, message, secondsAgo),
})
const capacity = (secondsAgo: number): Different => ({
  status: refused('SkuNotAvailable', 'None here.', secondsAgo),
  observed: bare,
})

test('capacity that was refused is not asked for again for a minute, and the reason is told', () => {
  expect(refusal(sight(capacity(10)))).toEqual({
    because: { reason: 'CapacityRefused', message: 'Azure has none of it: None here.' },
    requeueAfterSeconds: 50,
  })
  expect(refusal(sight(capacity(60)))).toEqual({})
})

test('where time is run faster, so is patience', () => {
  const seen = { ...sight(capacity(1)), settings: { ...settings, operationPollSeconds: 0.08 } }
  expect(refusal(seen).requeueAfterSeconds).toBeCloseTo(0.2)
})

/** The last of the answers came now, the first so many seconds ago. */
function unknownFor(seconds: number): LastError {
  const since = new Date(now.getTime() - seconds * 1000).toISOString()
  return { code: 'WeHaveNeverSeenThis', message: 'Odd.', retryable: true, at: now.toISOString(), since }
}

test.each<{ title: string; seen: Different; expected: object }>([
  {
    title: 'what only a person can mend is stalled for five minutes, with a remedy',
    seen: { status: refused('RequestDisallowedByPolicy', 'Policy P.'), observed: bare },
    expected: {
      stalled: {
        reason: 'RequestDisallowedByPolicy',
        message: expect.stringMatching(/^Policy P\. .*Exempt the resource group/),
      },
      requeueAfterSeconds: 290,
    },
  },
  {
    title: 'a code that nobody knows is shown, and tried again, though it came late',
    seen: {
      status: unplayed,
      observed: { ...bare, operation: { is: 'Failed', code: 'WeHaveNeverSeenThis', message: 'Odd.' } },
    },
    expected: {
      because: { reason: 'WeHaveNeverSeenThis', message: expect.stringContaining('tried again') },
      requeueAfterSeconds: 30,
    },
  },
  {
    title: 'heard for four minutes, it waits as long again',
    seen: { status: { ...unplayed, lastError: unknownFor(240) }, observed: bare },
    expected: { because: { reason: 'WeHaveNeverSeenThis', message: expect.anything() }, requeueAfterSeconds: 240 },
  },
  {
    title: "heard for a quarter of an hour it is a person's, with what to do",
    seen: { status: { ...unplayed, lastError: unknownFor(900) }, observed: bare },
    expected: {
      stalled: { reason: 'WeHaveNeverSeenThis', message: expect.stringContaining('Look it up') },
      requeueAfterSeconds: 300,
    },
  },
  {
    title: "the innermost code, which the poller tells, gives way to the VM's own where nobody knows it",
    seen: {
      status: unplayed,
      observed: {
        ...bare,
        operation: { is: 'Failed', code: 'WeHaveNeverSeenThis', message: 'Odd.' },
        virtualMachine: virtualMachine({
          provisioningState: 'Failed',
          powerState: 'Unknown',
          failure: { code: 'AllocationFailed', message: 'None.' },
        }),
      },
    },
    expected: { because: { reason: 'CapacityRefused', message: expect.anything() }, requeueAfterSeconds: 60 },
  },
  {
    title: "a fault of Azure's own that came late is tried again soon, and is not called want of capacity",
    seen: {
      status: unplayed,
      observed: { ...bare, operation: { is: 'Failed', code: 'InternalExecutionError', message: 'Oops.' } },
    },
    expected: {
      because: { reason: 'InternalExecutionError', message: expect.stringContaining('tried again') },
      requeueAfterSeconds: 30,
    },
  },
  { title: 'a changed spec is a new question', seen: { ...capacity(1), metadata: { generation: 2 } }, expected: {} },
  {
    title: 'a machine that runs has outlived its refusals',
    seen: { status: { ...playing, lastError: refusedBy('SkuNotAvailable') } },
    expected: {},
  },
  {
    title: 'one that is to rest and does, too',
    seen: { ...capacity(1), spec: { powerState: 'Deallocated' } },
    expected: {},
  },
  {
    title: 'somebody has played on the disk: on-demand, at once',
    seen: {
      status: { ...playing, lastError: refusedBy('SkuNotAvailable') },
      observed: { virtualMachine: virtualMachine({ powerState: 'Deallocated' }) },
    },
    expected: {
      step: { do: 'BeginIncarnation', priority: 'Regular', reason: 'CapacityRefused' },
      because: expect.anything(),
      requeueAfterSeconds: 0,
    },
  },
  {
    title: 'unless it is to wait for spot',
    seen: {
      status: { ...playing, lastError: refusedBy('SkuNotAvailable') },
      spec: { onEviction: 'Wait' },
      observed: { virtualMachine: virtualMachine({ powerState: 'Deallocated' }) },
    },
    expected: { because: { reason: 'CapacityRefused', message: expect.anything() }, requeueAfterSeconds: 50 },
  },
])('$title', ({ seen, expected }) => {
  expect(refusal(sight(seen))).toEqual(expected)
})

test('a refusal just heard is told in the same pass', () => {
  const seen = sight({ status: unplayed, observed: bare })
  const verdict = {
    step: { do: 'CreateVirtualMachine' } as const,
    because: { reason: 'Creating', message: '' },
    requeueAfterSeconds: 4,
  }
  expect(
    refusedVerdict(seen, verdict, lastError({ code: 'SkuNotAvailable', message: 'None here.' }, seen)),
  ).toMatchObject({
    because: { reason: 'CapacityRefused' },
    requeueAfterSeconds: 60,
  })
})

test('a failure that the VM itself tells of is new once', () => {
  const failure = { code: 'AllocationFailed', message: 'None.' }
  const observed = {
    virtualMachine: virtualMachine({ provisioningState: 'Failed', powerState: 'Deallocated', failure }),
  }
  expect(lateFailure(sight({ observed }))).toMatchObject(failure)
  const recorded = sight({ observed, status: { ...playing, lastError: refusedBy('AllocationFailed', 'None.', 33) } })
  expect(lateFailure(recorded)).toBeUndefined()
  expect(standingRefusal(recorded)?.at.getTime()).toBe(recorded.now.getTime() - 33_000)
})

test('the failure of a machine is no secret because the removal of the one before was refused', () => {
  const removal = { ...refusedBy('AnotherOperationInProgress'), step: 'DeleteVirtualMachine' }
  const status = { ...playing, lastError: removal }
  const failure = { code: 'AllocationFailed', message: 'None.' }
  const observed = {
    virtualMachine: virtualMachine({ provisioningState: 'Failed', powerState: 'Deallocated', failure }),
  }
  expect(lateFailure(sight({ observed, status }))).toMatchObject(failure)
  expect(lateFailure(sight({ observed, status, metadata: leaving })), 'its own removal').toBeUndefined()
})

test('I2: under abandonment too, a deletion that was accepted and failed late is asked for again in its time only', () => {
  const annotations = { 'wasd.cloud/abandon': '' }
  const late = (code: string) =>
    sight({
      metadata: { ...leaving, annotations },
      status: { ...playing, lastError: { ...refusedBy(code), step: 'DeleteVirtualMachine' } },
    })
  expect(verdictOn(late('ScopeLocked'))).toMatchObject({ stalled: { reason: 'ScopeLocked' }, requeueAfterSeconds: 290 })
  expect(verdictOn(late('ScopeLocked')).step).toBeUndefined()
  expect(verdictOn(late('AuthorizationFailed')).step?.do).toBe('DeleteVirtualMachine')
})

test('what a person has to mend is asked for at once when the catalogue has changed since', () => {
  const seen = sight({ status: refused('GalleryImageNotFound', 'No such image.', 10), observed: bare })
  expect(refusal(seen)).toMatchObject({ stalled: { reason: 'GalleryImageNotFound' }, requeueAfterSeconds: 290 })
  expect(refusal({ ...seen, configuredAt: new Date(now.getTime() - 5000) })).toEqual({})
  expect(refusal({ ...sight(capacity(10)), configuredAt: now })).toHaveProperty('because')
})
