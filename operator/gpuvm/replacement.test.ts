import { expect, test } from 'vitest'
import { replacement } from './replacement.ts'
import { bare, type Different, evicted, osDisk, refusedBy, sight, virtualMachine } from './sights.fixture.ts'

const remove = { do: 'DeleteVirtualMachine', incarnation: 1 }
const before = (different = {}) => ({ ...bare, predecessor: virtualMachine(different) })
const failed = {
  ...evicted,
  incarnation: { number: 2, priority: 'Spot' as const, specPriority: 'Spot' as const, reason: 'CreateFailed' as const },
  lastError: refusedBy('AllocationFailed'),
}

test.each<{ title: string; seen: Different; step: object | undefined; because?: string }>([
  { title: 'nothing came before', seen: { observed: bare }, step: undefined },
  {
    title: 'I1: the machine that came before is removed first',
    seen: { status: evicted, observed: before({ powerState: 'Deallocated' }) },
    step: remove,
    because: 'Replacing',
  },
  {
    title: 'I6: not before its eviction is over: the disk has writes to come',
    seen: { status: evicted, observed: before({ powerState: 'Deallocating' }) },
    step: undefined,
    because: 'Replacing',
  },
  {
    title: 'I1: also when the successor is to rest',
    seen: { status: evicted, spec: { powerState: 'Deallocated' }, observed: before() },
    step: remove,
    because: 'Replacing',
  },
  {
    title: 'what was refused is told while its remains go',
    seen: { status: failed, observed: before({ provisioningState: 'Failed' }) },
    step: remove,
    because: 'CapacityRefused',
  },
  {
    title: 'I1: a disk that is still held is waited for',
    seen: { status: evicted, observed: { ...bare, osDisk: { ...osDisk, managedBy: 'vm-1' } } },
    step: undefined,
    because: 'DiskDetaching',
  },
  { title: 'a machine that stands has nothing before it', seen: {}, step: undefined },
])('$title', ({ seen, step, because }) => {
  const verdict = replacement(sight(seen))
  expect(verdict.step).toEqual(step)
  expect(verdict.because?.reason).toBe(because)
})
