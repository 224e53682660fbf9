import { expect, test } from 'vitest'
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { decide, type Operation, type Seen } from './decision.ts'
import { phases } from './phases.ts'
import {
  bare,
  type Different,
  evicted,
  leaving,
  now,
  playing,
  refusedBy,
  sight,
  virtualMachine,
  without,
} from './sights.fixture.ts'
import { type Outcome, statusOf } from './status.ts'

/** The status after a pass over this sight. */
function after(different: Different, outcome: Outcome = {}): GpuVmStatus {
  const seen = sight(different)
  return statusOf(seen, decide(phases, seen), outcome)
}
const deallocated = { virtualMachine: virtualMachine({ powerState: 'Deallocated' as const }) }
const operation = (kind: Operation['kind'], poller?: string): Operation => ({
  kind,
  resource: 'vm',
  incarnation: 1,
  since: '2026-11-24T11:59:00.000Z',
  ...(poller !== undefined && { poller }),
})

test('I7: a pass that finds nothing new leaves the status as it was, to the letter', () => {
  const once = after({})
  expect(after({ status: once })).toStrictEqual(once)
  const paused: Different = { spec: { powerState: 'Deallocated' }, observed: deallocated }
  const resting = after(paused)
  expect(after({ ...paused, status: resting })).toStrictEqual(resting)
  const refused: Different = { status: { ...evicted, lastError: refusedBy('AllocationFailed') }, observed: bare }
  const waiting = after(refused)
  expect(after({ ...refused, status: waiting })).toStrictEqual(waiting)
})

test('a machine that runs otherwise than its spec names says so, and is ready all the same', () => {
  const status = after({
    status: { ...playing, incarnation: { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted' } },
    observed: { virtualMachine: virtualMachine({ priority: 'Regular' as const }) },
  })
  expect(condition(status.conditions, 'Ready')).toMatchObject({
    status: 'True',
    message: 'Azure runs it as an on-demand machine, since a spot machine was taken back or not to be had.',
  })
})

test.each<{ title: string; seen: Different; phase: string; ready: [string, string]; playable: string }>([
  { title: 'runs and answers', seen: {}, phase: 'Running', ready: ['True', 'Running'], playable: 'True' },
  {
    title: 'runs and is silent',
    seen: { status: without(playing, 'stream'), stream: { answering: undefined } },
    phase: 'Running',
    ready: ['True', 'Running'],
    playable: 'False',
  },
  {
    title: 'rests as asked',
    seen: { spec: { powerState: 'Deallocated' }, observed: deallocated },
    phase: 'Deallocated',
    ready: ['True', 'Deallocated'],
    playable: 'False',
  },
  {
    title: 'is being stopped',
    seen: { spec: { powerState: 'Deallocated' } },
    phase: 'Deallocating',
    ready: ['Unknown', 'Deallocating'],
    playable: 'True',
  },
  {
    title: 'was evicted',
    seen: { observed: deallocated },
    phase: 'Evicted',
    ready: ['Unknown', 'Evicted'],
    playable: 'False',
  },
  {
    title: 'is refused capacity',
    seen: {
      status: { ...without(playing, 'vmId', 'stream'), lastError: refusedBy('SkuNotAvailable') },
      observed: bare,
    },
    phase: 'Waiting',
    ready: ['False', 'CapacityRefused'],
    playable: 'False',
  },
  {
    title: 'is in no region of the catalogue',
    seen: { status: 'None', region: 'Unknown', observed: { ...bare, sight: 'None' } },
    phase: 'Failed',
    ready: ['False', 'RegionUnknown'],
    playable: 'False',
  },
  {
    title: 'is deleted',
    seen: { metadata: leaving },
    phase: 'Deleting',
    ready: ['Unknown', 'Deleting'],
    playable: 'True',
  },
])('a machine that $title: $phase', ({ seen, phase, ready, playable }) => {
  const { phase: said, conditions } = after(seen)
  expect(said).toBe(phase)
  const is = condition(conditions, 'Ready')
  expect([is?.status, is?.reason]).toEqual(ready)
  expect(condition(conditions, 'Playable')?.status).toBe(playable)
})

test('Reconciling and Stalled are there only while true', () => {
  const types = (different: Different) => (after(different).conditions ?? []).map(({ type }) => type)
  expect(types({})).toEqual(['Ready', 'Playable'])
  expect(types({ observed: deallocated })).toEqual(['Ready', 'Playable', 'Reconciling'])
  expect(types({ status: 'None', image: 'Unknown', observed: bare })).toEqual(['Ready', 'Playable', 'Stalled'])
})

test('I6: an eviction raises the incarnation, counts, and keeps address and disk', () => {
  const next = after({ observed: deallocated })
  expect(next).toMatchObject({
    incarnation: { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted' },
    evictions: 1,
    evictedAt: now.toISOString(),
    powerState: 'Absent',
    publicIP: playing.publicIP,
    resources: { osDisk: playing.resources?.osDisk, networkInterface: playing.resources?.networkInterface },
  })
  expect(next.vmId).toBeUndefined()
  expect(next.resources?.virtualMachine).toBeUndefined()
})

test("Azure's own time of the eviction counts, where it gives one", () => {
  const powerStateAt = new Date('2026-11-24T11:58:00.000Z')
  const observed = { virtualMachine: virtualMachine({ powerState: 'Deallocated', powerStateAt }) }
  expect(after({ observed }).evictedAt).toBe(powerStateAt.toISOString())
})

test('I1: a number under which Azure never held a VM serves the next plan too, so that nothing is lost sight of', () => {
  const changed: Different = { spec: { priority: 'Spot' }, observed: bare }
  const withPriority = {
    ...evicted,
    incarnation: {
      number: 2,
      priority: 'Regular' as const,
      specPriority: 'Regular' as const,
      reason: 'Evicted' as const,
    },
  }
  expect(after({ ...changed, status: withPriority }).incarnation).toMatchObject({
    number: 2,
    priority: 'Spot',
    reason: 'PriorityChanged',
  })
  const asked = { ...withPriority, operation: { ...operation('Create', '{}'), incarnation: 2 } }
  expect(after({ ...changed, status: asked }).incarnation).toMatchObject({ number: 3, reason: 'PriorityChanged' })
})

test('an accepted operation is on record with its poller, and the refusal before it until something has come of it', () => {
  const refused = { ...without(playing, 'vmId', 'stream'), lastError: refusedBy('SkuNotAvailable', 'No.', 3600) }
  const next = after({ status: refused, observed: bare }, { operation: operation('Create', '{"poller":1}') })
  expect(next.operation?.poller).toBe('{"poller":1}')
  expect(next.lastError?.code).toBe('SkuNotAvailable')
  expect(after({ status: next, observed: {} }).lastError).toBeUndefined()
})

test('while an operation runs, what is on record stands', () => {
  const status = { ...playing, operation: operation('Deallocate', '{}') }
  const next = after({
    status,
    observed: { virtualMachine: undefined, sight: 'Operation', operation: { is: 'Running' } },
  })
  expect(next).toMatchObject({
    powerState: 'Running',
    vmId: 'vm-id-1',
    operation: { kind: 'Deallocate' },
    phase: 'Deallocating',
  })
})

test('when it has ended, or Azure has forgotten it, it is off the record', () => {
  const status = { ...playing, operation: operation('Start', '{}') }
  for (const is of ['Succeeded', 'Forgotten'] as const) {
    expect(after({ status, observed: { operation: { is } } }).operation).toBeUndefined()
  }
})

test('the intent to stop outlives a lost reply until the machine has come to rest', () => {
  const status = { ...playing, operation: operation('Deallocate') }
  const going = { virtualMachine: virtualMachine({ powerState: 'Deallocating' }) }
  expect(after({ status, observed: going }).operation?.kind).toBe('Deallocate')
  expect(after({ status, spec: { powerState: 'Deallocated' }, observed: deallocated }).operation).toBeUndefined()
})

test('what failed late is told with its code, and a fallback wipes the slate', () => {
  const failed = { is: 'Failed', code: 'AllocationFailed', message: 'None.' } as const
  const status = { ...without(playing, 'vmId', 'stream'), operation: operation('Create', '{}') }
  const left = {
    virtualMachine: virtualMachine({ provisioningState: 'Failed', powerState: 'Unknown' }),
    operation: failed,
  }
  expect(after({ status, observed: left })).toMatchObject({
    phase: 'Waiting',
    incarnation: { number: 2, reason: 'CreateFailed', priority: 'Spot' },
    lastError: { code: 'AllocationFailed', message: 'None.', retryable: true, at: now.toISOString() },
  })
  const played = after({ status: { ...status, stream: { answering: false } }, observed: left })
  expect(played.incarnation).toMatchObject({ number: 2, reason: 'CapacityRefused', priority: 'Regular' })
  expect(played.lastError).toBeUndefined()
})

test('a changed spec forgets the refusals of the old one', () => {
  const status = { ...without(playing, 'vmId', 'stream'), lastError: refusedBy('SkuNotAvailable') }
  expect(after({ status, metadata: { generation: 2 }, observed: bare }).lastError).toBeUndefined()
  // While an operation runs nothing else is seen; the spec is another all the same.
  const busy = { ...status, operation: operation('Delete', 'poller') }
  const running = { sight: 'Operation' as const, operation: { is: 'Running' as const } }
  expect(after({ status: busy, observed: running }).lastError?.code).toBe('SkuNotAvailable')
  expect(after({ status: busy, metadata: { generation: 2 }, observed: running }).lastError).toBeUndefined()
})

test('where Azure cannot be asked, nothing is said of the machine but that', () => {
  const seen: Seen = sight({ observed: { sight: 'None', virtualMachine: undefined } })
  const next = statusOf(
    seen,
    { stalled: { reason: 'AuthorizationFailed', message: 'No.' } },
    { refused: refusedBy('AuthorizationFailed') },
  )
  expect(next).toMatchObject({ powerState: 'Running', vmId: 'vm-id-1', phase: 'Failed', publicIP: playing.publicIP })
})

test.each<{ title: string; different: Different; stream: GpuVmStatus['stream'] }>([
  {
    title: 'an answer opens it at the first one',
    different: { status: without(playing, 'stream') },
    stream: { answering: true, since: '2026-11-24T11:02:00.000Z' },
  },
  { title: 'a stretch that goes on is not written again', different: {}, stream: playing.stream },
  {
    title: 'not yet sure (after a restart), the record stands',
    different: { stream: { answering: undefined, lastAnsweredAt: undefined } },
    stream: playing.stream,
  },
  {
    title: 'silence closes it at the last answer, not at its discovery',
    different: { stream: { answering: false } },
    stream: { answering: false, since: '2026-11-24T11:02:00.000Z', lastAnsweredAt: '2026-11-24T11:59:55.000Z' },
  },
  {
    title: 'so does an eviction',
    different: { observed: deallocated },
    stream: { answering: false, since: '2026-11-24T11:02:00.000Z', lastAnsweredAt: '2026-11-24T11:59:55.000Z' },
  },
  {
    title: "Azure's earlier time of the stop counts, in the player's favour",
    different: {
      observed: {
        virtualMachine: virtualMachine({ powerState: 'Deallocated', powerStateAt: new Date('2026-11-24T11:30:00Z') }),
      },
    },
    stream: { answering: false, since: '2026-11-24T11:02:00.000Z', lastAnsweredAt: '2026-11-24T11:30:00.000Z' },
  },
  {
    title: 'with no evidence at all it closes where it began',
    different: { observed: deallocated, stream: { answering: undefined, lastAnsweredAt: undefined } },
    stream: { answering: false, since: '2026-11-24T11:02:00.000Z', lastAnsweredAt: '2026-11-24T11:02:00.000Z' },
  },
  {
    title: 'evidence of a stretch before does not count',
    different: {
      observed: deallocated,
      stream: { answering: undefined, lastAnsweredAt: new Date('2026-11-24T10:00:00Z') },
    },
    stream: { answering: false, since: '2026-11-24T11:02:00.000Z', lastAnsweredAt: '2026-11-24T11:02:00.000Z' },
  },
])('the stream: $title', ({ different, stream }) => {
  expect(after(different).stream).toEqual(stream)
})
