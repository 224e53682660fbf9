import { expect, test } from 'vitest'
import { loss } from './loss.ts'
import { bare, type Different, playing, refusedBy, sight, virtualMachine, without } from './sights.fixture.ts'

const unmade = without(playing, 'vmId')
const fresh = without(unmade, 'stream')
const failed = (code = 'AllocationFailed') => ({
  virtualMachine: virtualMachine({
    provisioningState: 'Failed' as const,
    powerState: 'Unknown' as const,
    failure: { code, message: 'No.' },
  }),
})
const begin = (reason: string, priority = 'Spot') => ({ do: 'BeginIncarnation', priority, reason })

test.each<{ title: string; seen: Different; step: object | undefined; because?: string }>([
  { title: 'a machine that stands is not lost', seen: {}, step: undefined },
  {
    title: 'one that was there and is gone is made anew',
    seen: { observed: bare },
    step: begin('MachineLost'),
    because: 'MachineLost',
  },
  {
    title: 'but not while it is to rest',
    seen: { observed: bare, spec: { powerState: 'Deallocated' } },
    step: undefined,
  },
  { title: 'one that was never there is not lost', seen: { status: unmade, observed: bare }, step: undefined },
  {
    title: 'I2: what a failed creation left is removed',
    seen: { status: fresh, observed: failed() },
    step: begin('CreateFailed'),
    because: 'CapacityRefused',
  },
  {
    title: 'I2: whether it is to run or not',
    seen: { status: fresh, observed: failed(), spec: { powerState: 'Deallocated' } },
    step: begin('CreateFailed'),
    because: 'CapacityRefused',
  },
  {
    title: "a fault of Azure's is told as one",
    seen: { status: fresh, observed: failed('InternalExecutionError') },
    step: begin('CreateFailed'),
    because: 'CreateFailed',
  },
  {
    title: 'somebody has played on the disk: on-demand is next',
    seen: { status: unmade, observed: failed() },
    step: begin('CapacityRefused', 'Regular'),
    because: 'FallingBack',
  },
  {
    title: 'unless it is to wait for spot',
    seen: { status: unmade, observed: failed(), spec: { onEviction: 'Wait' } },
    step: begin('CreateFailed'),
    because: 'CapacityRefused',
  },
  {
    title: 'a failed start leaves a machine that was made: it is no lost one',
    seen: {
      status: { ...playing, lastError: refusedBy('AllocationFailed') },
      observed: { virtualMachine: virtualMachine({ provisioningState: 'Failed', powerState: 'Deallocated' }) },
    },
    step: undefined,
  },
])('$title', ({ seen, step, because }) => {
  const verdict = loss(sight(seen))
  expect(verdict.step).toEqual(step)
  expect(verdict.because?.reason).toBe(because)
})
