import { describe, expect, test } from 'vitest'
import { END_ANNOTATION } from '../../crds/wished.ts'
import { SUSPEND_ANNOTATION } from '../held.ts'
import { at, machineFor, pass, sessionOf, stuckOn } from './sights.fixture.ts'

const playing = machineFor({ playingSince: at(100) })
const billed = {
  billing: { seconds: 60, final: true },
  readyAt: at(100),
  vm: { name: 'evening-centralindia', uid: 'uid-machine' },
}

test('the intent is on record, with the bill closed, before anything is given up', () => {
  const session = sessionOf({
    spec: { desiredState: 'Ended' },
    status: { readyAt: at(100), billing: { seconds: 0, since: at(100) } },
  })
  const { verdict, status } = pass({ session, machines: [playing], now: at(160) })
  expect(verdict.step).toMatchObject({ do: 'End', reason: 'PlayerEnded' })
  expect(status).toMatchObject({ phase: 'Ending', endReason: 'PlayerEnded', billing: { seconds: 60, final: true } })
})

test.each(['Running', 'Paused'] as const)(
  'the annotation ends a session beside the desired state %s, and Suspended holds it back as well',
  desiredState => {
    const annotations = { [END_ANNOTATION]: '' }
    const status = { readyAt: at(100), billing: { seconds: 60 } }
    const machines = [machineFor({ spec: { powerState: 'Deallocated' } })]
    const session = sessionOf({ spec: { desiredState }, status, metadata: { annotations } })
    expect(pass({ session, machines }).verdict.step).toMatchObject({ do: 'End', reason: 'PlayerEnded' })

    const held = { annotations: { ...annotations, [SUSPEND_ANNOTATION]: '' } }
    const waits = pass({ session: sessionOf({ spec: { desiredState }, status, metadata: held }), machines })
    expect(waits.verdict).toMatchObject({ waiting: { reason: 'Suspended' } })
    expect(waits.verdict.step).toBeUndefined()
    expect(waits.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', reason: 'Suspended' }))
  },
)

test('then the machine is deleted', () => {
  const session = sessionOf({ status: { ...billed, endReason: 'PlayerEnded' } })
  expect(pass({ session, machines: [playing] }).verdict.step).toEqual({ do: 'DeleteMachine', machine: playing })
})

test.each([
  ['is being deleted', { machines: [machineFor({ metadata: { deletionTimestamp: at(170) } })] }],
  ['is still known to the server', { observed: { isMachineGone: false } }],
])('I2: it has not ended while the machine %s', (_case, given) => {
  const session = sessionOf({ status: { ...billed, endReason: 'PlayerEnded' } })
  const { verdict, status } = pass({ session, ...given })
  expect(verdict.step).toBeUndefined()
  expect(status.phase).toBe('Ending')
  expect(status.endedAt).toBeUndefined()
})

test('an end that Azure refuses for good is told with its cause, until Azure takes the machine back', () => {
  const session = sessionOf({ status: { ...billed, endReason: 'PlayerEnded' } })
  const leaving = { deletionTimestamp: at(170) }
  const machine = machineFor({ metadata: leaving, status: stuckOn('AuthorizationFailed', at(171)) })
  const refused = pass({ session, machines: [machine], now: at(172) })
  expect(refused.verdict).toMatchObject({ requeueAfterSeconds: 30 })
  expect(refused.status).toMatchObject({ phase: 'Ending', endReason: 'PlayerEnded', billing: { final: true } })
  expect(refused.status.conditions).toContainEqual(
    expect.objectContaining({
      type: 'Stalled',
      reason: 'AuthorizationFailed',
      message:
        'The session was told to end. Azure does not take its machine back, and what is left of it costs on: AuthorizationFailed.',
    }),
  )

  const goes = { ...session, status: refused.status }
  const accepted = pass({ session: goes, machines: [machineFor({ metadata: leaving })] }).status
  expect(accepted.conditions).toContainEqual(
    expect.objectContaining({
      type: 'Reconciling',
      reason: 'PlayerEnded',
      message: expect.stringMatching(/given back/),
    }),
  )
  expect(accepted.conditions?.map(({ type }) => type)).not.toContain('Stalled')
})

test('once the machine is gone it has ended, and is Ready, whoever ended it', () => {
  const session = sessionOf({ status: { ...billed, endReason: 'PaidTimeUsed' } })
  const { status } = pass({ session, now: at(200) })
  expect(status).toMatchObject({ phase: 'Ended', endedAt: at(200), endReason: 'PaidTimeUsed' })
  expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True', reason: 'Ended' }))
  expect(status.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Playable'])
  expect(status.endpoint).toBeUndefined()
})

test('the reason, once written, is never changed', () => {
  const session = sessionOf({
    metadata: { deletionTimestamp: at(150) },
    status: { ...billed, endReason: 'PaidTimeUsed' },
  })
  expect(pass({ session }).status.endReason).toBe('PaidTimeUsed')
})

describe('a deleted object', () => {
  const metadata = { deletionTimestamp: at(150) }

  test('ends first, even when it was deleted before it ever had a machine', () => {
    const { verdict } = pass({ session: sessionOf({ metadata }) })
    expect(verdict.step).toMatchObject({ do: 'End', reason: 'Deleted' })
  })

  test('is let go only when its machine is gone', () => {
    const session = sessionOf({ metadata, status: { ...billed, endReason: 'Deleted' } })
    expect(pass({ session, machines: [playing] }).verdict.step?.do).toBe('DeleteMachine')
    expect(pass({ session }).verdict.step?.do).toBe('RemoveFinalizer')
  })

  test('that has lost our finalizer is left to the others', () => {
    const session = sessionOf({
      metadata: { ...metadata, finalizers: ['wasd.cloud/settlement'] },
      status: { ...billed, endReason: 'Deleted' },
    })
    expect(pass({ session }).verdict.step).toBeUndefined()
  })
})

describe('the time to live', () => {
  const status = { ...billed, endReason: 'PlayerEnded', endedAt: at(200) } as const

  test('without one an ended session stays', () => {
    expect(pass({ session: sessionOf({ status }), now: at(1e6) }).verdict).toEqual({ ended: true })
  })

  test.each([
    { ttl: 60, now: at(230), expected: { ended: true, requeueAfterSeconds: 30 } },
    { ttl: 60, now: at(260), expected: { ended: true, step: { do: 'DeleteSession' } } },
    { ttl: 0, now: at(200), expected: { ended: true, step: { do: 'DeleteSession' } } },
  ])('of $ttl s is kept from the end on', ({ ttl, now, expected }) => {
    const session = sessionOf({ spec: { ttlSecondsAfterFinished: ttl }, status })
    expect(pass({ session, now }).verdict).toEqual(expected)
  })
})

describe('suspended', () => {
  const metadata = { annotations: { [SUSPEND_ANNOTATION]: '' } }

  test('a player’s end waits, and says for what', () => {
    const session = sessionOf({ metadata, spec: { desiredState: 'Ended' } })
    const { verdict, status } = pass({ session })
    expect(verdict.step).toBeUndefined()
    expect(status.endReason).toBeUndefined()
    expect(verdict.waiting).toMatchObject({ reason: 'Suspended' })
  })

  test('I3: the end of paid time does not wait', () => {
    const session = sessionOf({
      metadata,
      spec: { paidSeconds: 10 },
      status: { readyAt: at(100), billing: { seconds: 0, since: at(100) } },
    })
    const ended = pass({ session, machines: [playing], now: at(300) })
    expect(ended.verdict.step).toMatchObject({ do: 'End', reason: 'PaidTimeUsed' })
    const after = pass({ session: { ...session, status: ended.status }, machines: [playing], now: at(301) })
    expect(after.verdict.step?.do).toBe('DeleteMachine')
  })
})

test('I3: a suspension holds back no end of a pause that Azure refused for longer than was paid', () => {
  const session = sessionOf({
    metadata: { annotations: { [SUSPEND_ANNOTATION]: '' } },
    spec: { desiredState: 'Paused', paidSeconds: 10 },
    status: { billing: { seconds: 0 } },
  })
  const stuck = stuckOn('AuthorizationFailed', at(100))
  const machine = machineFor({ spec: { powerState: 'Deallocated' }, status: stuck })
  const ended = pass({ session, machines: [machine], now: at(230) })
  expect(ended.verdict.step).toMatchObject({ do: 'End', reason: 'PauseRefused' })
  expect(ended.status).toMatchObject({
    phase: 'Ending',
    endReason: 'PauseRefused',
    billing: { seconds: 0, final: true },
  })
  expect(ended.status.conditions?.map(({ type }) => type)).not.toContain('Stalled')
  const after = pass({ session: { ...session, status: ended.status }, machines: [machine], now: at(231) })
  expect(after.verdict.step?.do).toBe('DeleteMachine')
})

test('after a restart an end waits until the stream was heard, and the record stays as it is', () => {
  const session = sessionOf({
    spec: { desiredState: 'Ended' },
    status: { readyAt: at(100), billing: { seconds: 0, since: at(100) } },
  })
  const { verdict, status } = pass({ session, machines: [playing], observed: { isPlayConfirmed: false }, now: at(900) })
  expect(verdict).toMatchObject({ waiting: { reason: 'Confirming' }, requeueAfterSeconds: 1 })
  expect(verdict.step).toBeUndefined()
  expect(status.billing).toEqual({ seconds: 0, since: at(100) })
})
