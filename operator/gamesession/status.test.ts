import { expect, test } from 'vitest'
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { decide } from './decision.ts'
import { occurrences } from './events.ts'
import { phases } from './phases.ts'
import { at, conditionOf, machineFor, next, pass, type SightFixture, sessionOf, sight } from './sights.fixture.ts'
import { statusOf } from './status.ts'

const playing = machineFor({ playingSince: at(100) })

test('I7: looked at again, a session that stands is written as it is', () => {
  const session = next({ machines: [playing], now: at(101) })
  const again = pass({ session, machines: [playing], now: at(4000) })
  expect(again.status).toEqual(session.status)
  expect(again.verdict).toEqual({})
})

test('I7: a new price list rewrites nobody who plays', () => {
  const session = next({ machines: [playing], observed: { hourlyPriceUsd: 0.1 }, now: at(101) })
  const again = pass({ session, machines: [playing], observed: { hourlyPriceUsd: 0.2 }, now: at(4000) })
  expect(again.status.placement).toEqual({
    region: 'centralindia',
    size: 'Standard_A',
    capacityType: 'Spot',
    hourlyPriceUsd: '0.1',
  })
})

test('a metered session that plays says until when', () => {
  const session = sessionOf({ spec: { paidSeconds: 900 } })
  expect(pass({ session, machines: [playing], now: at(130) }).status.paidUntil).toBe(at(1000))
})

test('I4: what began and ended while no operator was there is billed as far as it was paid, and says when it began', () => {
  const session = sessionOf({ spec: { paidSeconds: 10 } })
  const { status } = pass({ session, machines: [playing], now: at(1000) })
  expect(status).toMatchObject({ endReason: 'PaidTimeUsed', readyAt: at(100), billing: { final: true } })
  expect(status.billing?.seconds).toBeGreaterThanOrEqual(10)
})

test('evictions are counted over all machines of the session', () => {
  const successor = machineFor({
    metadata: { annotations: { 'wasd.cloud/evictions-before': '2' } },
    status: { evictions: 1 },
  })
  expect(pass({ session: sessionOf({ status: { evictions: 2 } }), machines: [successor] }).status.evictions).toBe(3)
  expect(pass({ session: sessionOf({ status: { evictions: 3 } }) }).status.evictions).toBe(3)
})

test.each([
  ['Creating', {}, 'Provisioning'],
  ['Starting', {}, 'Starting'],
  ['Running', {}, 'Starting'],
] as const)('a machine that is %s is a session that is %s', (phase, _more, expected) => {
  expect(pass({ machines: [machineFor({ status: { phase } })] }).status.phase).toBe(expected)
})

test.each([
  ['the stream is silent', { powerState: 'Running' as const }, 'StreamLost'],
  ['the machine was stopped', { powerState: 'Deallocated' as const }, 'MachineStopped'],
])('%s: told as an interruption', (_case, state, cause) => {
  const session = next({ machines: [playing], now: at(101) })
  const machine = machineFor({
    status: {
      ...state,
      stream: { answering: false, since: at(100), lastAnsweredAt: at(150) },
      conditions: [conditionOf('Playable', 'False', 'StreamSilent')],
    },
  })
  expect(pass({ session, machines: [machine], now: at(200) }).status).toMatchObject({
    phase: 'Recovering',
    interruptions: [{ cause, since: at(150) }],
  })
})

test('what looked like silence and was an eviction is told as one', () => {
  const session = sessionOf({
    status: { readyAt: at(100), billing: { seconds: 50 }, interruptions: [{ cause: 'StreamLost', since: at(150) }] },
  })
  const machine = machineFor({ status: { evictedAt: at(148), evictions: 1 } })
  expect(pass({ session, machines: [machine], now: at(200) }).status.interruptions).toEqual([
    { cause: 'Evicted', since: at(150) },
  ])
})

test('an eviction that was overcome is not the cause of what comes after it', () => {
  const told = { cause: 'Evicted' as const, since: at(140), seconds: 20 }
  const session = sessionOf({
    status: { readyAt: at(100), billing: { seconds: 50, since: at(160) }, interruptions: [told] },
  })
  const silent = (status: GpuVmStatus) =>
    machineFor({
      status: {
        powerState: 'Running',
        stream: { answering: false, since: at(160), lastAnsweredAt: at(190) },
        conditions: [conditionOf('Playable', 'False', 'StreamSilent')],
        ...status,
      },
    })
  const causesOf = (status: GpuVmStatus) =>
    pass({ session, machines: [silent(status)], now: at(200) }).status.interruptions?.map(({ cause }) => cause)
  expect(causesOf({ evictedAt: at(138) })).toEqual(['Evicted', 'StreamLost'])
  expect(causesOf({ evictedAt: at(188) })).toEqual(['Evicted', 'Evicted'])
})

test.each(['SizeChanged', 'ZoneChanged', 'PriorityChanged'] as const)(
  'a rebuild for what somebody changed is told as that: %s',
  reason => {
    const session = next({ machines: [playing], now: at(101) })
    const incarnation = { number: 2, priority: 'Spot', specPriority: 'Spot', reason, since: at(149) } as const
    const machine = machineFor({
      status: {
        powerState: 'Absent',
        incarnation,
        stream: { answering: false, since: at(100), lastAnsweredAt: at(150) },
        conditions: [conditionOf('Playable', 'False', 'MachineNotRunning')],
      },
    })
    const { status } = pass({ session, machines: [machine], now: at(200) })
    expect(status.interruptions).toEqual([{ cause: 'MachineChanged', since: at(150) }])
    expect(status.conditions?.[0]?.message).toBe(
      'Its GpuVm was given another size, zone or priority; it is rebuilt with the same disk and address. Nothing is billed meanwhile.',
    )
  },
)

test('the last ten interruptions are kept', () => {
  const interruptions = Array.from({ length: 10 }, (_, index) => ({
    cause: 'Evicted' as const,
    since: at(index),
    seconds: 1,
  }))
  const session = sessionOf({
    status: { readyAt: at(0), billing: { seconds: 1, since: at(100) }, interruptions },
  })
  const kept = pass({ session, now: at(200) }).status.interruptions
  expect(kept).toHaveLength(10)
  expect(kept?.at(-1)).toEqual({ cause: 'MachineLost', since: at(100) })
})

const told = (given: SightFixture) => {
  const seen = sight(given)
  const verdict = decide(phases, seen)
  return occurrences(seen, verdict, statusOf(seen, verdict)).map(({ reason }) => reason)
}

test('each step is told once', () => {
  expect(told({})).toEqual(['Placed'])
  const placed = next({})
  expect(told({ session: placed, machines: [machineFor()] })).toEqual([])
  expect(told({ session: placed, machines: [playing], now: at(101) })).toEqual(['Playable'])
  const session = next({ session: placed, machines: [playing], now: at(101) })
  expect(told({ session, machines: [playing], now: at(900) })).toEqual([])
  expect(told({ session, now: at(900) })).toEqual(['Placed', 'MachineLost'])
  const ended = { ...session, spec: { ...session.spec, desiredState: 'Ended' as const } }
  expect(told({ session: ended, machines: [playing], now: at(900) })).toEqual(['Ending'])
})

test('a machine in a zone is placed there, and a zone that it moves to is told', () => {
  const machine = machineFor({ playingSince: at(100), spec: { region: 'northeurope', zone: '1' } })
  const session = next({ machines: [machine], observed: { hourlyPriceUsd: 0.1 }, now: at(101) })
  expect(session.status?.placement).toMatchObject({ region: 'northeurope', zone: '1' })
  const moved = { ...machine, spec: { ...machine.spec, zone: '2' as const } }
  const again = pass({ session, machines: [moved], observed: { hourlyPriceUsd: 0.1 } })
  expect(again.status.placement).toMatchObject({ region: 'northeurope', zone: '2' })
})
