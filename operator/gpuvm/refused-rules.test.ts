// What a refusal does not hold up: a rest, and what a machine that stands needs while the rules of its network are refused.
import { expect, test } from 'vitest'
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { AzureError } from '../azure/errors.ts'
import type { Seen } from './decision.ts'
import { hindranceOf, outcomeOf } from './hindrance.ts'
import { verdictOn } from './phases.ts'
import {
  ago,
  type Different,
  fallenSilent,
  networkInterface,
  now,
  playing,
  publicIPAddress,
  refusedBy,
  sight,
  statusAfter,
  virtualMachine,
} from './sights.fixture.ts'
import { statusOf } from './status.ts'

const refused = { ...refusedBy('RequestDisallowedByPolicy'), step: 'PutNetworkSecurityGroup' }
const noticed = { incarnation: 1, preemptAt: ago(-20) }

/** A machine that stands, whose rules are to be others. */
const guarded = (different: Different = {}) =>
  sight({
    spec: { clientCIDRs: ['203.0.113.7/32'], ...different.spec },
    status: { ...playing, lastError: refused },
    ...different,
    observed: { publicIPAddress, networkInterface, ...different.observed },
  })

test('rules that are refused are told, and asked for again in their time', () => {
  expect(verdictOn(guarded({ status: playing })).step).toEqual({ do: 'PutNetworkSecurityGroup' })
  expect(verdictOn(guarded())).toEqual({ requeueAfterSeconds: 290 })
  const { phase, conditions } = statusAfter(guarded())
  const message =
    'Azure refuses what its network is to be, for which nothing else waits: No. An Azure Policy forbids it.'
  expect(phase).toBe('Running')
  expect(condition(conditions, 'Stalled')?.message).toContain(message)
  const reason = 'RequestDisallowedByPolicy'
  expect(condition(conditions, 'Ready'), 'not all that the spec asks for holds').toMatchObject({
    status: 'False',
    reason,
  })
})

test('a host that is sick is left all the same, and the rules stay told', () => {
  expect(verdictOn(sick)).toEqual({
    step: { do: 'RedeployVirtualMachine' },
    because: expect.objectContaining({ reason: 'HostSick' }),
    requeueAfterSeconds: 4,
  })
  expect(statusAfter(sick)).toMatchObject({ phase: 'Starting', lastError: refused })
  expect(condition(statusAfter(sick).conditions, 'Stalled')).toMatchObject({ reason: 'RequestDisallowedByPolicy' })
})

const sick = guarded({
  status: { ...playing, lastError: refused, stream: fallenSilent },
  observed: { virtualMachine: virtualMachine({ agent: 'NotReady' }) },
  stream: { answering: false },
})
const unsure = { answering: undefined, since: undefined, lastAnsweredAt: undefined }

test.each(['at once', 'late'])(
  'a lock that refuses both, the other host %s: each is asked for again in its own time, and not in turn',
  when => {
    const asked = verdictOn(sick)
    const operation = { kind: 'Redeploy' as const, resource: 'vm', poller: '{}', since: now.toISOString() }
    const late: Seen = {
      ...sick,
      machine: { ...sick.machine, status: { ...sick.machine.status, operation } },
      observed: { ...sick.observed, operation: { is: 'Failed', code: 'ScopeLocked', message: 'No.' } },
    }
    const hindrance = hindranceOf(new AzureError('ScopeLocked', 'No.', { status: 409 }), sick, asked)
    if (hindrance.is !== 'Refused') return expect.unreachable()
    const first =
      when === 'late'
        ? statusOf(late, verdictOn(late), {})
        : statusOf(sick, hindrance.verdict, { refused: hindrance.refused })
    // Seen and written again and again, it stays so.
    let status = first
    for (const seconds of [4, 60, 270]) {
      const seen = { ...sick, machine: { ...sick.machine, status }, now: new Date(ago(-seconds)) }
      expect(verdictOn(seen).step).toBeUndefined()
      status = statusAfter(seen)
      const stalled = condition(status.conditions, 'Stalled')
      expect(stalled, 'what holds it up first').toMatchObject({
        reason: 'ScopeLocked',
        message: expect.stringMatching(/Remove the lock.*An Azure Policy forbids it/),
      })
      expect(status).toMatchObject({ lastError: { step: 'RedeployVirtualMachine' }, otherError: refused })
    }
    const rules = { ...sick, machine: { ...sick.machine, status }, now: new Date(ago(-291)) }
    expect(verdictOn(rules).step).toEqual({ do: 'PutNetworkSecurityGroup' })
  },
)

test.each<{ title: string; different: (status: GpuVmStatus) => Partial<Seen>; stands: boolean }>([
  { title: 'lasts', different: () => ({}), stands: true },
  { title: 'may last, for all that is known', different: () => ({ stream: unsure }), stands: true },
  { title: 'is over', different: () => ({ stream: { ...unsure, answering: true } }), stands: false },
  {
    title: 'was ended by another host',
    different: status => ({ machine: { ...sick.machine, status: { ...status, redeployedAt: now.toISOString() } } }),
    stands: false,
  },
  { title: 'lasts for longer than anybody looks', different: () => ({ now: new Date(ago(-3600)) }), stands: false },
  {
    title: 'is that of a machine that was stopped',
    different: () => ({ observed: { ...sick.observed, virtualMachine: virtualMachine({ powerState: 'Stopped' }) } }),
    stands: false,
  },
])(
  'while rules stay refused, a refused move to another host is on record for as long as its silence: that $title',
  ({ different, stands }) => {
    const asked = verdictOn(sick)
    const hindrance = hindranceOf(new AzureError('ScopeLocked', 'No.', { status: 409 }), sick, asked)
    const status = statusOf(sick, hindrance.verdict, outcomeOf(hindrance))
    expect(status).toMatchObject({
      phase: 'Failed',
      lastError: { step: 'RedeployVirtualMachine' },
      otherError: refused,
    })
    const seen = { ...sick, machine: { ...sick.machine, status }, now: new Date(ago(-4)), ...different(status) }
    const next = statusAfter(seen)
    if (stands) expect(next).toMatchObject({ lastError: { step: 'RedeployVirtualMachine' }, otherError: refused })
    else {
      expect(next.lastError).toEqual(refused)
      expect(next.otherError).toBeUndefined()
    }
  },
)

test('another host that is not to be had is asked for again in its time: a machine that runs falls back on nothing', () => {
  const seen = sight({
    status: { ...playing, stream: fallenSilent },
    observed: { virtualMachine: virtualMachine({ agent: 'NotReady' }) },
    stream: { answering: false },
  })
  const asked = verdictOn(seen)
  expect(asked.step).toEqual({ do: 'RedeployVirtualMachine' })
  const hindrance = hindranceOf(new AzureError('AllocationFailed', 'None.', { status: 409 }), seen, asked)
  expect(hindrance.verdict).toMatchObject({ because: { reason: 'CapacityRefused' }, requeueAfterSeconds: 60 })
  if (hindrance.is !== 'Refused') return expect.unreachable()
  const status = statusOf(seen, hindrance.verdict, { refused: hindrance.refused })
  const next = { ...seen, machine: { ...seen.machine, status }, now: new Date(ago(-10)) }
  expect(verdictOn(next)).toMatchObject({ because: { reason: 'CapacityRefused' }, requeueAfterSeconds: 50 })
  expect(verdictOn(next).step).toBeUndefined()
})

test('a machine that was given notice is looked at as often as any', () => {
  const seen = guarded({ status: { ...playing, lastError: refused, guest: noticed } })
  expect(verdictOn(seen)).toEqual({ requeueAfterSeconds: 4 })
})

test('also in the pass that hears the refusal', () => {
  const seen = guarded({ status: { ...playing, guest: noticed } })
  const error = new AzureError('RequestDisallowedByPolicy', 'No.', { status: 403 })
  const { verdict } = hindranceOf(error, seen, verdictOn(seen))
  expect(verdict).toEqual({ step: { do: 'PutNetworkSecurityGroup' }, requeueAfterSeconds: 4 })
})

test('a machine that was refused another host, and has stopped since, is started', () => {
  const lastError = { ...refusedBy('ScopeLocked'), step: 'RedeployVirtualMachine' }
  const observed = { virtualMachine: virtualMachine({ powerState: 'Stopped' as const }) }
  const seen = sight({ status: { ...playing, lastError, stream: fallenSilent }, observed })
  expect(verdictOn(seen).step).toEqual({ do: 'StartVirtualMachine' })
})

test('a machine that stands still is started', () => {
  const observed = { virtualMachine: virtualMachine({ powerState: 'Stopped' as const }) }
  expect(verdictOn(guarded({ observed })).step).toEqual({ do: 'StartVirtualMachine' })
})

test.each([virtualMachine(), virtualMachine({ powerState: 'Stopped' })])(
  'I3: a pause does not wait for what failed late meanwhile: $powerState',
  machine => {
    const operation = { kind: 'Redeploy' as const, resource: 'vm', poller: '{}', since: now.toISOString() }
    const seen = sight({
      metadata: { generation: 2 },
      spec: { powerState: 'Deallocated' },
      status: { ...playing, operation },
      observed: { virtualMachine: machine, operation: { is: 'Failed', code: 'ScopeLocked', message: 'No.' } },
    })
    expect(verdictOn(seen).step).toEqual({ do: 'DeallocateVirtualMachine' })
  },
)

test('but for what was refused of the pause itself', () => {
  const seen = sight({
    spec: { powerState: 'Deallocated' },
    status: { ...playing, lastError: { ...refusedBy('ScopeLocked'), step: 'DeallocateVirtualMachine' } },
  })
  expect(verdictOn(seen)).toMatchObject({ stalled: { reason: 'ScopeLocked' }, requeueAfterSeconds: 290 })
  expect(verdictOn(seen).step).toBeUndefined()
})
