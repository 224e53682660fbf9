import { expect, test } from 'vitest'
import type { ProvisioningState } from '../azure/provider.ts'
import { lookSeconds } from './decision.ts'
import { operationUnderWay } from './operation.ts'
import { bare, evicted, playing, settings, sight, virtualMachine, without } from './sights.fixture.ts'

const running = { virtualMachine: undefined, sight: 'Operation', operation: { is: 'Running' } } as const
const since = '2026-11-24T11:59:00.000Z'

test.each([
  { kind: 'Create', reason: 'Creating' },
  { kind: 'Start', reason: 'Starting' },
  { kind: 'Deallocate', reason: 'Deallocating' },
  { kind: 'Delete', reason: 'Replacing' },
] as const)('while Azure works at $kind nothing else is decided', ({ kind, reason }) => {
  const status = { ...playing, operation: { kind, resource: 'vm', poller: '{}', since } }
  const verdict = operationUnderWay(sight({ status, observed: running }))
  expect(verdict).toMatchObject({ because: { reason }, requeueAfterSeconds: 4 })
  expect(verdict.step).toBeUndefined()
})

test.each<{ state: ProvisioningState; waits: boolean }>([
  { state: 'Creating', waits: true },
  { state: 'Updating', waits: true },
  { state: 'Deleting', waits: true },
  { state: 'Succeeded', waits: false },
  { state: 'Failed', waits: false },
])('with no poller to ask, the VM itself tells: $state', ({ state, waits }) => {
  const observed = { virtualMachine: virtualMachine({ provisioningState: state }) }
  expect(operationUnderWay(sight({ observed })).because !== undefined).toBe(waits)
})

test('the removal of the machine that came before is waited for', () => {
  const observed = { ...bare, predecessor: virtualMachine({ provisioningState: 'Deleting' }) }
  expect(operationUnderWay(sight({ status: evicted, observed })).because).toBeDefined()
})

test('an operation that Azure has forgotten holds nothing up', () => {
  const status = {
    ...without(playing, 'vmId'),
    operation: { kind: 'Create' as const, resource: 'vm', poller: '{}', since },
  }
  expect(operationUnderWay(sight({ status, observed: { ...bare, operation: { is: 'Forgotten' } } }))).toEqual({})
})

test('with many under way each is looked at more seldom, so that all stay inside the read budget', () => {
  const asked = (operations: number) => lookSeconds(settings, operations)
  expect([0, 10, 32].map(asked)).toEqual([4, 4, 4])
  expect(asked(480)).toBe(60)
  expect(480 / asked(480)).toBeLessThanOrEqual(25 / 3)
})
