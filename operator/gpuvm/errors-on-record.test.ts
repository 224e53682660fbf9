import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { AzureError } from '../azure/errors.ts'
import type { VirtualMachineSeen } from '../azure/provider.ts'
import type { LastError, Seen, Verdict } from './decision.ts'
import { hindranceOf, outcomeOf } from './hindrance.ts'
import { nothing } from './observe.ts'
import { verdictOn } from './phases.ts'
import { redeployment, steps } from './refused-steps.fixture.ts'
import {
  bare,
  evicted,
  leaving,
  networkInterface,
  now,
  osDisk,
  playing,
  publicIPAddress,
  sight,
  virtualMachine,
  without,
} from './sights.fixture.ts'
import { type Outcome, statusOf } from './status.ts'

const another = '0f0e0d0c-0000-4000-8000-000000000001'
const capacity: LastError = {
  code: 'AllocationFailed',
  message: 'None.',
  retryable: true,
  step: 'CreateVirtualMachine',
  at: now.toISOString(),
  since: now.toISOString(),
}
/** What the first try left stands in the way of the next. */
const failed = sight({
  status: {
    ...without(evicted, 'stream'),
    incarnation: { number: 2, priority: 'Spot', specPriority: 'Spot', reason: 'CreateFailed' },
    lastError: capacity,
  },
  observed: { ...bare, predecessor: virtualMachine({ provisioningState: 'Failed', powerState: 'Unknown' }) },
})

/** The same machine so many seconds after the first sight, when that was put on record. */
function after(seconds: number, seen: Seen, verdict: Verdict, outcome: Outcome = {}): Seen {
  const status = statusOf(seen, verdict, outcome)
  const observed = { ...seen.observed, operation: undefined }
  return { ...seen, observed, machine: { ...seen.machine, status }, now: new Date(now.getTime() + seconds * 1000) }
}

/** As Azure has answered the removal, at once. */
function answered(code: string, seen = failed): { next: (seconds: number) => Seen; verdict: Verdict } {
  const asked = verdictOn(seen)
  expect(asked.step?.do).toBe('DeleteVirtualMachine')
  const hindrance = hindranceOf(new AzureError(code, 'No.', { status: 409 }), seen, asked)
  return { next: seconds => after(seconds, seen, hindrance.verdict, outcomeOf(hindrance)), verdict: hindrance.verdict }
}

test.each(['AnotherOperationInProgress', 'ScopeLocked', 'WeHaveNeverSeenThis'])(
  'a removal that hears %s hides no capacity that was refused: whoever looks for another place goes on',
  code => {
    const { next, verdict } = answered(code)
    const { status } = next(1).machine
    expect(status?.lastError).toEqual(capacity)
    expect(status?.otherError).toMatchObject({ code, step: 'DeleteVirtualMachine' })
    const ready = condition(status?.conditions, 'Ready')
    expect(ready).toMatchObject({ status: 'False', reason: 'CapacityRefused' })
    expect(ready?.message).toMatch(/^Azure has none of it: None\. .*No\./)

    const { requeueAfterSeconds: seconds = 0 } = verdict
    expect(seconds).toBeGreaterThanOrEqual(10)
    const soon = verdictOn(next(seconds / 2))
    expect(soon.step, 'nothing is asked too soon').toBeUndefined()
    expect(soon.because).toEqual(verdict.because)
    expect(verdictOn(next(seconds)).step?.do, 'and then the same again').toBe('DeleteVirtualMachine')
  },
)

test('the place that was refused is not asked again as soon as the remains are gone', () => {
  const before = answered('AnotherOperationInProgress').next(1)
  const gone = { ...before, observed: { ...before.observed, predecessor: undefined } }
  expect(verdictOn(gone)).toMatchObject({ because: { reason: 'CapacityRefused' }, requeueAfterSeconds: 59 })
  const later = after(60, gone, verdictOn(gone))
  expect(later.machine.status).toMatchObject({ lastError: capacity })
  expect(later.machine.status?.otherError, 'nothing is to be removed').toBeUndefined()
  expect(verdictOn(later).step).toEqual({ do: 'CreateVirtualMachine' })
})

test('nor is it when the removal fails late', () => {
  const operation = { kind: 'Delete' as const, resource: 'vm', poller: '{}', since: now.toISOString() }
  const seen: Seen = {
    ...failed,
    machine: { ...failed.machine, status: { ...failed.machine.status, operation } },
    observed: { ...failed.observed, operation: { is: 'Failed', code: 'ScopeLocked', message: 'Locked.' } },
  }
  const verdict = verdictOn(seen)
  expect(verdict).toMatchObject({ because: { reason: 'CapacityRefused' }, requeueAfterSeconds: 300 })
  expect(verdict.step).toBeUndefined()
  const next = after(1, seen, verdict)
  expect(next.machine.status?.lastError).toEqual(capacity)
  expect(next.machine.status?.otherError).toMatchObject({ code: 'ScopeLocked', message: 'Locked.' })
})

test('heard again and again, it is known since when', () => {
  const first = answered('AnotherOperationInProgress').next(10)
  const { next } = answered('AnotherOperationInProgress', first)
  const { otherError } = next(20).machine.status ?? {}
  expect(otherError).toMatchObject({ since: now.toISOString(), at: first.now.toISOString() })
})

test('without a refusal of a creation it is the last error, as any other', () => {
  const status = { ...failed.machine.status }
  delete status.lastError
  const { next } = answered('ScopeLocked', { ...failed, machine: { ...failed.machine, status } })
  expect(next(1).machine.status).toMatchObject({ lastError: { code: 'ScopeLocked' }, phase: 'Failed' })
  expect(next(1).machine.status?.otherError).toBeUndefined()
})

test.each(['PutPublicIPAddress', 'PutNetworkSecurityGroup', 'PutNetworkInterface'])(
  'a machine that runs has not outlived what was refused of its network: %s',
  step => {
    const lastError = { ...capacity, code: 'RequestDisallowedByPolicy', step }
    const seen = sight({
      spec: { clientCIDRs: ['203.0.113.7/32'] },
      status: { ...playing, lastError },
      observed: { publicIPAddress, networkInterface },
    })
    const stalled = { reason: 'RequestDisallowedByPolicy', message: 'No.' }
    expect(statusOf(seen, { stalled }, {}).lastError).toEqual(lastError)
    const outlived = { ...seen.machine, status: { ...playing, lastError: capacity } }
    expect(statusOf({ ...seen, machine: outlived }, { stalled }, {}).lastError).toBeUndefined()
    const shown = sight({ status: { ...playing, lastError }, observed: { publicIPAddress, networkInterface } })
    expect(statusOf(shown, { stalled }, {}).lastError, 'what is had is refused no more').toBeUndefined()
  },
)

test('the tags of what was taken up are refused until all of it bears them, whatever else becomes of the machine', () => {
  const lastError = { ...capacity, code: 'ScopeLocked', step: 'Retag' }
  const status = { ...playing, adoptedFrom: another, lastError }
  const because = { reason: 'Starting', message: 'It starts.' }
  for (const powerState of ['Running', 'Starting', 'Stopped'] as const) {
    const strange = virtualMachine({ powerState, ownerUid: another })
    expect(statusOf(sight({ status, observed: { virtualMachine: strange } }), { because }, {}).lastError).toEqual(
      lastError,
    )
    const taking = { virtualMachine: virtualMachine({ powerState, provisioningState: 'Updating' }) }
    expect(statusOf(sight({ status, observed: taking }), { because }, {}).lastError).toEqual(lastError)
    const own = { virtualMachine: virtualMachine({ powerState }) }
    expect(statusOf(sight({ status, observed: own }), { because }, {}).lastError).toBeUndefined()
  }
})

test('a creation and its machine’s tags, both refused, are both on record, the creation first', () => {
  const status = { ...playing, adoptedFrom: another, lastError: { ...capacity, step: 'Retag' }, otherError: capacity }
  const seen = sight({ status, observed: { ...bare, osDisk: { ...osDisk, ownerUid: another } } })
  const { lastError, otherError } = statusOf(seen, verdictOn(seen), {})
  expect([lastError?.step, otherError?.step]).toEqual(['CreateVirtualMachine', 'Retag'])
})

const FREEZE = 'VirtualMachinePlannedFreezeStarted'
const glances: { title: string; glance: (seen: Seen) => Partial<Seen['observed']> }[] = [
  { title: 'an operation alone', glance: () => ({ ...nothing, sight: 'Operation', operation: { is: 'Running' } }) },
  { title: 'no complaint of its host or its agent', glance: ({ observed }) => less(observed, { agent: undefined }) },
  { title: 'a note of Azure’s own work on it', glance: () => ({ noted: { name: FREEZE, at: now } }) },
  { title: 'no power state', glance: ({ observed }) => less(observed, { powerState: 'Unknown' }) },
  { title: 'that it is changed', glance: ({ observed }) => less(observed, { provisioningState: 'Updating' }) },
]

const less = ({ virtualMachine: vm }: Seen['observed'], different: Partial<VirtualMachineSeen>) =>
  vm ? { virtualMachine: { ...vm, ...different } } : {}

test.each(glances.flatMap(glance => [...steps, redeployment].map(one => ({ ...glance, ...one }))))(
  'who sees $title for a moment forgets no refusal: $step',
  ({ step, seen: different, glance }) => {
    const seen = sight(different)
    const hindrance = hindranceOf(new AzureError('ScopeLocked', 'No.', { status: 409 }), seen, verdictOn(seen))
    const refused = after(1, seen, hindrance.verdict, outcomeOf(hindrance))
    const { lastError } = refused.machine.status ?? {}
    expect(lastError).toMatchObject({ code: 'ScopeLocked', step })

    const glanced = { ...refused, observed: { ...refused.observed, ...glance(refused) } }
    const verdict = verdictOn(glanced)
    expect(verdict.step).toBeUndefined()
    expect(statusOf(glanced, verdict, {}).lastError).toEqual(lastError)
  },
)

test('nor one of two, while Azure is at work on it', () => {
  const errors = { lastError: capacity, otherError: { ...capacity, step: 'PutNetworkSecurityGroup' } }
  const status = { ...playing, ...errors, lastError: { ...capacity, step: 'RedeployVirtualMachine' } }
  const seen = sight({ status, observed: { ...nothing, sight: 'Operation', operation: { is: 'Running' } } })
  expect(statusOf(seen, verdictOn(seen), {})).toMatchObject({ ...errors, lastError: status.lastError })
})

test('what an object that goes hears last is all that counts: of what was refused of its creation nobody need know', () => {
  const status = { ...playing, lastError: capacity, otherError: { ...capacity, step: 'PutNetworkSecurityGroup' } }
  const seen = sight({ metadata: leaving, status })
  const { next } = answered('ScopeLocked', seen)
  expect(next(1).machine.status?.lastError).toMatchObject({ code: 'ScopeLocked', step: 'DeleteVirtualMachine' })
  expect(next(1).machine.status?.otherError).toBeUndefined()
})
