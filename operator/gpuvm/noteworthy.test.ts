import { expect, test } from 'vitest'
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import type { Condition } from '../../lib/kube/conditions.ts'
import { isNoteworthy } from './noteworthy.ts'
import { evicted, leaving, machineOf, playing, refusedBy, UID } from './sights.fixture.ts'

const ready = (status: Condition['status'], reason: string, message = 'So it is.'): GpuVmStatus => ({
  conditions: [{ type: 'Ready', status, reason, message, lastTransitionTime: '2026-11-24T11:59:00Z' }],
})
const onItsWay = (more: GpuVmStatus = {}): GpuVmStatus => ({ ...evicted, ...ready('Unknown', 'Replacing'), ...more })
const create = {
  kind: 'Create',
  resource: `gvm-${UID}-vm-1`,
  incarnation: 1,
  poller: 'a',
  since: '2026-11-24T12:00:00Z',
} as const
const fresh: GpuVmStatus = { phase: 'Pending', ...ready('Unknown', 'Pending') }
const first: GpuVmStatus = { ...evicted, phase: 'Creating', ...ready('Unknown', 'Creating') }

test.each<[what: string, is: boolean, old: GpuVmStatus | 'None', next: GpuVmStatus]>([
  ['nothing at all', true, 'None', first],
  ['the way to the first VM', false, fresh, first],
  ['the first VM, asked for', true, fresh, { ...first, operation: create }],
  ['a first sight that is refused', true, fresh, { ...first, ...ready('False', 'CapacityRefused') }],
  [
    'a first refusal, though it is asked for again at once',
    true,
    fresh,
    { ...first, lastError: refusedBy('InternalServerError') },
  ],
  ['a first sight that is held back', true, fresh, { ...first, ...ready('Unknown', 'Suspended') }],
  ['one ordinary reason after another', false, onItsWay(), onItsWay(ready('Unknown', 'Creating', 'Other words.'))],
  ['an address that comes to be known', false, onItsWay(), onItsWay({ publicIP: '198.51.100.8' })],
  ['an operation to be resumed', true, onItsWay(), onItsWay({ operation: create })],
  ['an operation that has ended', true, onItsWay({ operation: create }), onItsWay()],
  ['what stands in its way', true, onItsWay(), onItsWay(ready('Unknown', 'NicReservedForAnotherVm'))],
  [
    'other words of what stands in its way',
    true,
    onItsWay(ready('Unknown', 'Odd')),
    onItsWay(ready('Unknown', 'Odd', 'Else.')),
  ],
  ['a refusal', true, onItsWay(), onItsWay({ lastError: refusedBy('SkuNotAvailable') })],
  [
    'a new incarnation',
    true,
    onItsWay(),
    onItsWay({ incarnation: { number: 3, priority: 'Spot', specPriority: 'Spot', reason: 'SizeChanged' } }),
  ],
  ['a spec that was seen', true, onItsWay(), onItsWay({ observedGeneration: 2 })],
  [
    'that it is suspended',
    true,
    onItsWay(),
    onItsWay({
      conditions: [
        ...(ready('Unknown', 'Replacing').conditions ?? []),
        {
          type: 'Suspended',
          status: 'True',
          reason: 'Annotated',
          message: 'So.',
          lastTransitionTime: '2026-11-24T11:59:00Z',
        },
      ],
    }),
  ],
  ['rest', true, onItsWay(), { ...playing, ...ready('True', 'Running') }],
  [
    'an address that changes at rest',
    true,
    { ...playing, ...ready('True', 'Running') },
    { ...playing, ...ready('True', 'Running'), publicIP: '198.51.100.8' },
  ],
  ['the same at rest', false, { ...playing, ...ready('True', 'Running') }, { ...playing, ...ready('True', 'Running') }],
])('%s: noteworthy is %s', (_what, is, status, next) => {
  expect(isNoteworthy(machineOf({ status }), next)).toBe(is)
})

const going: GpuVmStatus = { ...playing, phase: 'Deleting', powerState: 'Stopping', ...ready('Unknown', 'Deleting') }
test.each<[what: string, is: boolean, old: GpuVmStatus, next: GpuVmStatus]>([
  ['that it goes', true, { ...playing, ...ready('True', 'Running') }, going],
  [
    'that its VM is gone',
    false,
    { ...going, operation: { ...create, kind: 'Delete' } },
    { ...going, powerState: 'Absent' },
  ],
  ['that its stream has ceased', true, going, { ...going, stream: { answering: false } }],
  ['another operation', true, going, { ...going, operation: { ...create, kind: 'Delete' } }],
  [
    'an operation that failed',
    true,
    { ...going, operation: create },
    { ...going, lastError: refusedBy('InternalError') },
  ],
])('of an object that goes, %s: noteworthy is %s', (_what, is, status, next) => {
  expect(isNoteworthy(machineOf({ metadata: leaving, status }), next)).toBe(is)
})
