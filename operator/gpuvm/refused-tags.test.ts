// What Azure's refusal to tag anew does not hold up: the machine of a restored object is played on under its old tags.
import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { AzureError } from '../azure/errors.ts'
import type { Seen } from './decision.ts'
import { type Teller, tell } from './events.ts'
import { hindranceOf, outcomeOf } from './hindrance.ts'
import { nothing } from './observe.ts'
import { verdictOn } from './phases.ts'
import {
  ago,
  bare,
  type Different,
  fallenSilent,
  networkInterface,
  now,
  osDisk,
  playing,
  publicIPAddress,
  refusedBy,
  sight,
  statusAfter,
  virtualMachine,
} from './sights.fixture.ts'
import { statusOf } from './status.ts'

const another = '0f0e0d0c-0000-4000-8000-000000000001'
const refused = { ...refusedBy('ScopeLocked'), step: 'Retag' }
const taken = { ...playing, adoptedFrom: another }
const old = (different = {}) => virtualMachine({ ownerUid: another, ...different })

/** A machine that was taken up, and is refused its new tags. */
const strange = (different: Different = {}) =>
  sight({
    status: { ...taken, lastError: refused },
    ...different,
    observed: { virtualMachine: old(), ...different.observed },
  })

test('tags that are refused are told, and asked for again in their time', () => {
  expect(verdictOn(strange({ status: taken })).step).toMatchObject({ do: 'Retag' })
  expect(verdictOn(strange())).toEqual({ requeueAfterSeconds: 290 })
  const { phase, conditions } = statusAfter(strange())
  expect(phase).toBe('Running')
  expect(condition(conditions, 'Stalled')).toMatchObject({
    reason: 'ScopeLocked',
    message: expect.stringMatching(/^Azure refuses its new tags, for which nothing else waits: No\. .*Remove the lock/),
  })
  expect(condition(conditions, 'Ready'), 'the spec asks for no tags').toMatchObject({
    status: 'True',
    reason: 'Running',
  })
  expect(condition(conditions, 'Reconciling')).toBeUndefined()
})

test('a machine that rests is Deallocated beside it', () => {
  const observed = { virtualMachine: old({ powerState: 'Deallocated' }) }
  const { phase, conditions } = statusAfter(strange({ spec: { powerState: 'Deallocated' }, observed }))
  expect(phase).toBe('Deallocated')
  expect(condition(conditions, 'Stalled')).toMatchObject({ reason: 'ScopeLocked' })
  expect(condition(conditions, 'Ready')).toMatchObject({ status: 'True', reason: 'Deallocated' })
})

test('it stays told while Azure is at work on the machine', () => {
  const operation = { kind: 'Start' as const, resource: 'vm', poller: '{}', since: now.toISOString() }
  const status = { ...taken, lastError: refused, operation, powerState: 'Starting' as const }
  const seen = strange({ status, observed: { ...nothing, sight: 'Operation', operation: { is: 'Running' } } })
  const { phase, conditions } = statusAfter(seen)
  expect(phase).toBe('Starting')
  expect(condition(conditions, 'Stalled')).toMatchObject({ reason: 'ScopeLocked' })
  expect(condition(conditions, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'Starting' })
})

test('had, it is told no more', () => {
  const { conditions } = statusAfter(strange({ observed: { virtualMachine: virtualMachine() } }))
  expect(conditions?.map(({ type }) => type)).toEqual(['Ready', 'Playable'])
})

test('I3: a machine is paused all the same, and its tags stay told', () => {
  const seen = strange({ spec: { powerState: 'Deallocated' } })
  expect(verdictOn(seen).step).toEqual({ do: 'DeallocateVirtualMachine' })
  expect(statusAfter(seen).phase).toBe('Deallocating')
  expect(condition(statusAfter(seen).conditions, 'Stalled')).toMatchObject({ reason: 'ScopeLocked' })
})

test('one that stands still is started', () => {
  const observed = { virtualMachine: old({ powerState: 'Stopped' }) }
  expect(verdictOn(strange({ observed })).step).toEqual({ do: 'StartVirtualMachine' })
})

test('a host that is sick is left', () => {
  const seen = strange({
    status: { ...taken, lastError: refused, stream: fallenSilent },
    observed: { virtualMachine: old({ agent: 'NotReady' }) },
    stream: { answering: false },
  })
  expect(verdictOn(seen)).toMatchObject({ step: { do: 'RedeployVirtualMachine' }, because: { reason: 'HostSick' } })
})

test.each(['on record', 'just heard'])('a machine that was given notice is looked at as often as any: %s', when => {
  const guest = { incarnation: 1, preemptAt: ago(-20) }
  const seen = strange({ status: { ...taken, guest, ...(when === 'on record' && { lastError: refused }) } })
  const error = new AzureError('ScopeLocked', 'No.', { status: 409 })
  const verdict = when === 'on record' ? verdictOn(seen) : hindranceOf(error, seen, verdictOn(seen)).verdict
  expect(verdict.stalled).toBeUndefined()
  expect(verdict.requeueAfterSeconds).toBe(4)
})

test('I6: one that is evicted is moved, as a plan of which nothing was refused', () => {
  const seen = strange({
    observed: {
      virtualMachine: old({ powerState: 'Deallocated' }),
      noted: { name: 'VirtualMachinePreempted', at: now },
    },
  })
  const verdict = verdictOn(seen)
  expect(verdict.step).toMatchObject({ do: 'BeginIncarnation', reason: 'Evicted' })
  expect(verdict.stalled).toBeUndefined()
  expect(statusOf(seen, verdict, {})).toMatchObject({ phase: 'Evicted' })
})

test.each(['refused', 'accepted'])('nor is it overlooked by a pass whose new tags are %s meanwhile', is => {
  const observed = {
    virtualMachine: old({ powerState: 'Deallocated' }),
    noted: { name: 'VirtualMachinePreempted', at: now },
  }
  const seen = strange({ status: taken, observed })
  const asked = verdictOn(seen)
  expect(asked.step).toMatchObject({ do: 'Retag' })
  const hindrance = hindranceOf(new AzureError('ScopeLocked', 'No.', { status: 409 }), seen, asked)
  const status = is === 'accepted' ? statusOf(seen, asked, {}) : statusOf(seen, hindrance.verdict, outcomeOf(hindrance))
  const tagged = { ...observed, virtualMachine: virtualMachine({ powerState: 'Deallocated' }) }
  const next = verdictOn(sight({ status, observed: is === 'accepted' ? tagged : observed }))
  expect(next.step).toMatchObject({ do: 'BeginIncarnation', reason: 'Evicted' })
})

test('what is to be made of it waits: it would be nobody’s', () => {
  const observed = { ...bare, virtualMachine: undefined, osDisk: { ...osDisk, ownerUid: another } }
  expect(verdictOn(strange({ observed })).step).toBeUndefined()
})

/** As often as it is looked at in that time, with all that is asked refused by the same lock; and what events tell of it. */
function insisted(first: Seen, forSeconds: number) {
  const asked: Record<string, number> = {}
  const told: string[] = []
  const event: Teller['event'] = (_machine, { reason, action }) => void told.push(`${reason} ${action}`)
  let seen = first
  for (let seconds = 0; seconds < forSeconds; ) {
    const verdict = verdictOn(seen)
    const { step } = verdict
    const hindrance = step && hindranceOf(new AzureError('ScopeLocked', 'No.', { status: 409 }), seen, verdict)
    if (step) asked[step.do] = (asked[step.do] ?? 0) + 1
    const decided = hindrance?.verdict ?? verdict
    const outcome = hindrance ? outcomeOf(hindrance) : {}
    const status = statusOf(seen, decided, outcome)
    tell({ event }, { seen, verdict: decided, outcome, failure: outcome.refused, next: status })
    seconds += Math.max(1, decided.requeueAfterSeconds ?? 300)
    seen = { ...seen, machine: { ...seen.machine, status }, now: new Date(ago(-seconds)) }
  }
  return { asked, told, status: seen.machine.status }
}

test('a lock that refuses tags, rules and another host hears of none of them without end', () => {
  const sick = strange({
    spec: { clientCIDRs: ['203.0.113.7/32'] },
    status: { ...taken, stream: fallenSilent },
    observed: { virtualMachine: old({ agent: 'NotReady' }), publicIPAddress, networkInterface },
    stream: { answering: false },
  })
  const { asked, told, status } = insisted(sick, 1200)
  expect(Object.keys(asked).toSorted()).toEqual(['PutNetworkSecurityGroup', 'RedeployVirtualMachine', 'Retag'])
  // Every five minutes, and the tags no more once both others are on record.
  expect(Math.max(...Object.values(asked))).toBeLessThanOrEqual(5)
  expect(status).toMatchObject({
    lastError: { step: 'RedeployVirtualMachine' },
    otherError: { step: 'PutNetworkSecurityGroup' },
  })
  expect(told, 'each is told once').toEqual([
    'ScopeLocked Retag',
    'ScopeLocked PutNetworkSecurityGroup',
    'ScopeLocked RedeployVirtualMachine',
  ])

  // Nobody looks at so long a silence: another host is asked for no more, and the tags have its place on record.
  const later = insisted(sick, 3600)
  expect(Math.max(...Object.values(later.asked))).toBeLessThanOrEqual(13)
  expect(later.asked.RedeployVirtualMachine).toBeLessThanOrEqual(7)
  expect(later.status).toMatchObject({ lastError: { step: 'PutNetworkSecurityGroup' }, otherError: { step: 'Retag' } })

  // The others are had: the tags have their turn.
  const mended = sight({
    status: { ...status, adoptedFrom: another, stream: { answering: true } },
    observed: { virtualMachine: old() },
  })
  const verdict = verdictOn(mended)
  const next = { ...mended, machine: { ...mended.machine, status: statusOf(mended, verdict, {}) } }
  expect(verdict.requeueAfterSeconds).toBeLessThanOrEqual(60)
  expect(verdictOn(next).step).toMatchObject({ do: 'Retag' })
})
