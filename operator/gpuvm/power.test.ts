import { expect, test } from 'vitest'
import type { PowerState } from '../azure/provider.ts'
import { power } from './power.ts'
import { bare, evicted, sight, virtualMachine } from './sights.fixture.ts'

const at = (powerState: PowerState, different = {}) => ({
  virtualMachine: virtualMachine({ powerState, ...different }),
})

test.each<{ asked: 'Running' | 'Deallocated'; is: PowerState; step?: string; waits?: boolean }>([
  { asked: 'Running', is: 'Running' },
  { asked: 'Running', is: 'Stopped', step: 'StartVirtualMachine' },
  { asked: 'Running', is: 'Deallocated', step: 'StartVirtualMachine' },
  { asked: 'Running', is: 'Starting', waits: true },
  { asked: 'Running', is: 'Stopping', waits: true },
  { asked: 'Running', is: 'Deallocating', waits: true },
  { asked: 'Running', is: 'Unknown', waits: true },
  { asked: 'Deallocated', is: 'Deallocated' },
  { asked: 'Deallocated', is: 'Running', step: 'DeallocateVirtualMachine' },
  { asked: 'Deallocated', is: 'Starting', step: 'DeallocateVirtualMachine' },
  { asked: 'Deallocated', is: 'Stopped', step: 'DeallocateVirtualMachine' },
  { asked: 'Deallocated', is: 'Stopping', step: 'DeallocateVirtualMachine' },
  { asked: 'Deallocated', is: 'Deallocating', waits: true },
  { asked: 'Deallocated', is: 'Unknown', waits: true },
])('asked to be $asked, it is $is', ({ asked, is, step, waits = false }) => {
  const verdict = power(sight({ spec: { powerState: asked }, observed: at(is) }))
  expect(verdict.step?.do).toBe(step)
  expect(verdict.because !== undefined).toBe(waits || step !== undefined)
})

test('what a failed deletion left half stopped is started: nothing brings it to rest by itself', () => {
  const seen = sight({ observed: at('Stopping', { provisioningState: 'Failed' }) })
  expect(power(seen).step).toEqual({ do: 'StartVirtualMachine' })
})

test('the detour over on-demand ends where the machine is started anew', () => {
  const seen = sight({ status: { ...evicted, vmId: 'vm-id-2' }, observed: at('Deallocated', { priority: 'Regular' }) })
  expect(power(seen).step).toEqual({ do: 'BeginIncarnation', priority: 'Spot', reason: 'Restarted' })
})

test('but not where it was only shut down: its host is still its own', () => {
  const seen = sight({ status: { ...evicted, vmId: 'vm-id-2' }, observed: at('Stopped', { priority: 'Regular' }) })
  expect(power(seen).step).toEqual({ do: 'StartVirtualMachine' })
})

test('without a machine there is nothing to switch', () => {
  expect(power(sight({ observed: bare }))).toEqual({})
})
