import { expect, test } from 'vitest'
import { END_ANNOTATION, PAUSE_ANNOTATION } from '../../crds/wished.ts'
import { occurrences } from './events.ts'
import { at, conditionOf, machineFor, next, pass, sessionOf, sight, stuckOn } from './sights.fixture.ts'

const playing = machineFor({ playingSince: at(100) })
const resting = machineFor({
  spec: { powerState: 'Deallocated' },
  status: {
    phase: 'Deallocated',
    powerState: 'Deallocated',
    publicIP: '127.64.0.7',
    stream: { answering: false, since: at(100), lastAnsweredAt: at(150) },
    conditions: [conditionOf('Ready', 'True', 'Deallocated'), conditionOf('Playable', 'False', 'MachineNotRunning')],
  },
})

test('the annotation pauses beside the desired state Running, and Ready says by what; an end wins over it', () => {
  const running = { spec: { desiredState: 'Running' as const }, status: { readyAt: at(100), billing: { seconds: 50 } } }
  const session = sessionOf({ ...running, metadata: { annotations: { [PAUSE_ANNOTATION]: '' } } })
  expect(pass({ session, machines: [playing], now: at(150) }).verdict.step).toMatchObject({
    do: 'ChangeMachine',
    spec: { powerState: 'Deallocated' },
  })
  const paused = pass({ session, machines: [resting], now: at(190) })
  expect(paused.verdict.step).toBeUndefined()
  expect(paused.status).toMatchObject({ phase: 'Paused', billing: { seconds: 50 } })
  const message =
    'The session is paused by the annotation wasd.cloud/pause; its machine is stopped and its disks are kept.'
  expect(paused.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True', message }))

  const ended = sessionOf({ ...running, metadata: { annotations: { [PAUSE_ANNOTATION]: '', [END_ANNOTATION]: '' } } })
  expect(pass({ session: ended, machines: [resting] }).verdict.step).toMatchObject({ do: 'End' })
})

test('paused, the machine is stopped, and nothing is billed from then on', () => {
  const session = next({ machines: [playing], now: at(101) })
  const asked = { ...session, spec: { ...session.spec, desiredState: 'Paused' as const } }
  const { verdict, status } = pass({ session: asked, machines: [playing], now: at(150) })
  expect(verdict.step).toMatchObject({ do: 'ChangeMachine', spec: { powerState: 'Deallocated' } })
  expect(status.billing).toEqual({ seconds: 50 })
  expect(status.phase).not.toBe('Paused')

  const paused = next({ session: { ...asked, status }, machines: [resting], now: at(190) })
  expect(paused.status).toMatchObject({ phase: 'Paused', endpoint: { host: '127.64.0.7' }, billing: { seconds: 50 } })
  expect(paused.status?.interruptions).toBeUndefined()
  expect(paused.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'Ready', status: 'True', reason: 'Paused' }),
  )

  const resumed = pass({ session: { ...paused, spec: session.spec }, machines: [resting], now: at(300) })
  expect(resumed.verdict.step).toMatchObject({ do: 'ChangeMachine', spec: { powerState: 'Running' } })
  expect(resumed.status.phase).toBe('Starting')
})

test('a session that is paused before it has a machine gets none', () => {
  const { verdict, status } = pass({ session: sessionOf({ spec: { desiredState: 'Paused' } }) })
  expect(verdict.step).toBeUndefined()
  expect(status.phase).toBe('Paused')
})

test('I1: a session is resumed only when it is its player’s turn', () => {
  const rival = sessionOf({ name: 'other' })
  const observed = { rivals: [{ session: rival, holdsMachine: true }] }
  const { verdict, status } = pass({ machines: [resting], observed })
  expect(verdict.step).toBeUndefined()
  expect(verdict.waiting?.reason).toBe('PlayerBusy')
  expect(status.phase).toBe('Pending')
})

test.each([
  [['203.0.113.7/32'], undefined],
  [undefined, ['203.0.113.7/32']],
  [['203.0.113.8/32'], ['203.0.113.7/32']],
])('the machine lets in whom the session lets in', (asked, standing) => {
  const session = sessionOf({ spec: { ...(asked && { clientCIDRs: asked }) } })
  const machine = machineFor({ playingSince: at(100), spec: { ...(standing && { clientCIDRs: standing }) } })
  const { step } = pass({ session, machines: [machine] }).verdict
  expect(step).toMatchObject({ do: 'ChangeMachine', spec: { clientCIDRs: asked } })
})

test('a machine that was paused before Azure had it is paused all the same', () => {
  const session = sessionOf({ spec: { desiredState: 'Paused' } })
  const neverMade = { ...resting, status: { ...resting.status, powerState: 'Absent' as const } }
  expect(pass({ session, machines: [neverMade] }).status).toMatchObject({ phase: 'Paused' })
})

test('what stands against starting a stopped machine is waited for, and told', () => {
  const session = sessionOf({ status: { readyAt: at(100), billing: { seconds: 50 } } })
  const againstStart = { reason: 'LimitReached', message: 'The limit of machines in all is reached.' }
  const held = pass({ session, machines: [resting], observed: { againstStart } })
  expect(held.verdict.step).toBeUndefined()
  expect(held.verdict.waiting).toEqual(againstStart)
  expect(pass({ session, machines: [resting] }).verdict.step).toMatchObject({ spec: { powerState: 'Running' } })
})

test('a pause that Azure refuses for good is told with its cause, and not as one that is under way or over', () => {
  const played = { readyAt: at(100), billing: { seconds: 50 } }
  const session = sessionOf({ spec: { desiredState: 'Paused' }, status: played })
  const machine = machineFor({
    playingSince: at(100),
    spec: { powerState: 'Deallocated' },
    status: stuckOn('AuthorizationFailed', at(151)),
  })
  const given = { session, machines: [machine], now: at(152) }
  const { verdict, status } = pass(given)
  const message =
    'Azure does not stop the machine for the pause; it runs on and costs on, and nothing is billed: AuthorizationFailed.'
  expect(status.conditions).toEqual(
    ['Ready', 'Playable', 'Stalled'].map(type => expect.objectContaining({ type, reason: 'AuthorizationFailed' })),
  )
  expect(status.conditions?.[2]).toMatchObject({ type: 'Stalled', status: 'True', message })
  // Failed would end the session where the API made it, and its disks with it.
  expect(status).toMatchObject({ phase: 'Running', billing: { seconds: 50 } })
  const told = { type: 'Warning', reason: 'AuthorizationFailed', note: message }
  expect(occurrences(sight(given), verdict, status)).toEqual([expect.objectContaining(told)])

  const again = { ...given, session: { ...session, status } }
  expect(pass(again).status).toEqual(status)
  expect(occurrences(sight(again), verdict, status)).toEqual([])
  const paused = pass({ ...again, machines: [resting] }).status
  expect(paused.phase).toBe('Paused')
  expect(paused.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Playable'])
})

test.each([
  ['was refused what its spec asked for before', { observedGeneration: 0 }],
  ['is refused nothing', { conditions: [] }],
])('a pause is under way while the machine %s', (_case, status) => {
  const session = sessionOf({ spec: { desiredState: 'Paused' }, status: { readyAt: at(100) } })
  const machine = machineFor({
    playingSince: at(100),
    spec: { powerState: 'Deallocated' },
    status: { ...stuckOn('AuthorizationFailed'), ...status },
  })
  expect(pass({ session, machines: [machine] }).status.conditions).toContainEqual(
    expect.objectContaining({ type: 'Reconciling', reason: 'Pausing' }),
  )
})

test('a paused machine that Azure does not have and never will says why, and not that it runs', () => {
  const session = sessionOf({ spec: { desiredState: 'Paused' } })
  const status = { ...stuckOn('RegionUnknown'), powerState: 'Absent' as const }
  const machine = machineFor({ spec: { powerState: 'Deallocated' }, status })
  expect(pass({ session, machines: [machine] }).verdict.stalled).toEqual({
    reason: 'RegionUnknown',
    message: 'RegionUnknown.',
  })
})

test.each([
  ['recovers', { interruptions: [{ cause: 'Evicted' as const, since: at(150) }], phase: 'Recovering' as const }],
  ['is about to play on after a pause', { phase: 'Starting' as const }],
])('who pauses a session while it %s is not told that it can be played', (_case, before) => {
  const status = { readyAt: at(100), billing: { seconds: 50 }, ...before }
  const given = {
    session: sessionOf({ spec: { desiredState: 'Paused' }, status }),
    machines: [machineFor({ spec: { powerState: 'Deallocated' }, status: { phase: 'Starting' } })],
    now: at(200),
  }
  const { verdict, status: next } = pass(given)
  expect(next.phase).toBe('Running')
  expect(occurrences(sight(given), verdict, next)).toEqual([])
})
