import { expect, test } from 'vitest'
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { faultOf } from './machine.ts'
import { at, conditionOf, machineFor, next, pass, sessionOf } from './sights.fixture.ts'

const steps = ['Retag', 'PutPublicIPAddress', 'PutNetworkSecurityGroup', 'PutNetworkInterface']
const refused = (code: string, step: string) => ({
  code,
  message: 'No.',
  retryable: false,
  step,
  at: at(0),
  since: at(0),
})
const stalledBy = (reason: string) => ({ conditions: [conditionOf('Stalled', 'True', reason)] })
const tags = { ...stalledBy('ScopeLocked'), powerState: 'Running', lastError: refused('ScopeLocked', 'Retag') } as const

test.each<{ title: string; status: GpuVmStatus; is: boolean }>([
  ...steps.map(step => ({
    title: `${step} of a machine that runs is refused`,
    status: { ...tags, lastError: refused('ScopeLocked', step) },
    is: false,
  })),
  { title: 'tags of a machine that rests are refused', status: { ...tags, powerState: 'Deallocated' }, is: false },
  {
    title: 'a code that is no word is refused',
    status: { ...tags, ...stalledBy('AzureError'), lastError: refused('4711!', 'Retag') },
    is: false,
  },
  {
    title: 'a start is refused beside it, for want of capacity',
    status: { ...tags, lastError: refused('AllocationFailed', 'StartVirtualMachine'), otherError: tags.lastError },
    is: false,
  },
  { title: 'tags of what no machine stands on are refused', status: { ...tags, powerState: 'Absent' }, is: true },
  {
    title: 'a start is refused by the same lock',
    status: { ...tags, lastError: refused('ScopeLocked', 'StartVirtualMachine'), otherError: tags.lastError },
    is: true,
  },
  {
    title: 'another host is refused, and what that says comes first',
    status: {
      ...tags,
      ...stalledBy('AuthorizationFailed'),
      lastError: refused('AuthorizationFailed', 'RedeployVirtualMachine'),
      otherError: tags.lastError,
    },
    is: true,
  },
  { title: 'Azure does not end what it is at', status: { ...tags, ...stalledBy('OperationOverdue') }, is: true },
])('whether only a person can mend what holds a machine up: $title: $is', ({ status, is }) => {
  expect(faultOf(machineFor({ status })) !== undefined).toBe(is)
})

const playingOn = (seconds: number) => {
  const { status } = machineFor({ playingSince: at(seconds) })
  return machineFor({ status: { ...status, ...tags, conditions: [...(status?.conditions ?? []), ...tags.conditions] } })
}

test('a silence of a machine whose tags are refused is an interruption, and the session no failed one', () => {
  const spec = { ttlSecondsAfterFinished: 1 }
  const session = next({ session: sessionOf({ spec }), machines: [playingOn(100)], now: at(101) })
  expect(session.status?.phase).toBe('Running')
  const stream = { answering: false, since: at(100), lastAnsweredAt: at(160) }
  const conditions = [conditionOf('Playable', 'False', 'StreamSilent'), ...tags.conditions]
  const silent = machineFor({ status: { ...playingOn(100).status, stream, conditions } })
  const recovering = next({ session, machines: [silent], now: at(175) })
  expect(recovering.status).toMatchObject({ phase: 'Recovering', interruptions: [{ cause: 'StreamLost' }] })
  expect(recovering.status?.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Playable', 'Reconciling'])
  expect(pass({ session: recovering, machines: [silent], now: at(900) }).verdict.step).toBeUndefined()

  const recovered = pass({ session: recovering, machines: [playingOn(910)], now: at(911) })
  expect(recovered.status).toMatchObject({ phase: 'Running', billing: { seconds: 60, since: at(910) } })
})

test('it is paused like any other', () => {
  const session = sessionOf({ spec: { desiredState: 'Paused' }, status: { readyAt: at(100) } })
  const status = { ...tags, powerState: 'Deallocated', phase: 'Deallocated' } as const
  const machine = machineFor({ spec: { powerState: 'Deallocated' }, status })
  expect(pass({ session, machines: [machine] }).status).toMatchObject({ phase: 'Paused' })
  const stopping = machineFor({
    spec: { powerState: 'Deallocated' },
    status: { ...status, powerState: 'Deallocating' },
  })
  const { status: pausing } = pass({ session, machines: [stopping] })
  expect(pausing.conditions).toContainEqual(expect.objectContaining({ type: 'Reconciling', reason: 'Pausing' }))
  const asked = machineFor({ spec: { powerState: 'Deallocated' }, status: { ...status, observedGeneration: 0 } })
  expect(pass({ session, machines: [asked] }).status.phase, 'not seen with this spec yet').not.toBe('Paused')
})
