import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { decide, type Phase } from './decision.ts'
import { paidTime } from './paid-time.ts'
import { at, conditionOf, machineFor, sessionOf, sight, stuckOn } from './sights.fixture.ts'

const verdict = (spec: object, { seconds = 0, now = at(160) } = {}) =>
  paidTime(
    sight({
      session: sessionOf({ spec, status: { readyAt: at(100), billing: { seconds, since: at(100) } } }),
      machines: [machineFor({ playingSince: at(100) })],
      now,
    }),
  )

test('a session that is not metered plays for ever', () => {
  expect(verdict({}, { now: at(1e7) })).toEqual({})
})

test.each([
  { name: 'within the paid seconds', spec: { paidSeconds: 100 }, leftSeconds: 160 },
  { name: 'within the grace', spec: { paidSeconds: 50 }, leftSeconds: 110 },
  { name: 'limited by time', spec: { maxDurationSeconds: 90 }, leftSeconds: 30 },
  { name: 'limited by both', spec: { paidSeconds: 50, maxDurationSeconds: 90 }, leftSeconds: 30 },
])('$name it plays on until the first limit, which comes ahead of all else', ({ spec, leftSeconds }) => {
  expect(verdict(spec)).toEqual({ requeueAfterSeconds: leftSeconds, isUrgent: true })
})

test.each([
  { spec: { paidSeconds: 50 }, seconds: 110, reason: 'PaidTimeUsed' },
  { spec: { paidSeconds: 1 }, seconds: 61, reason: 'PaidTimeUsed' },
  { spec: { maxDurationSeconds: 60 }, seconds: 0, reason: 'MaxDurationReached' },
])('I3: at the limit it ends with $reason', ({ spec, seconds, reason }) => {
  expect(verdict(spec, { seconds })).toMatchObject({
    ...{ step: { do: 'End', reason }, requeueAfterSeconds: 0, isUrgent: true },
  })
})

test('only the look at the end of paid time is urgent, not one that another phase asks for sooner', () => {
  const ends: Phase = () => ({ requeueAfterSeconds: 9, isUrgent: true })
  const looks =
    (requeueAfterSeconds: number): Phase =>
    () => ({ requeueAfterSeconds })
  expect(decide([looks(5), ends], sight())).toEqual({ requeueAfterSeconds: 5 })
  expect(decide([ends, looks(5)], sight())).toEqual({ requeueAfterSeconds: 5 })
  expect(decide([looks(10), ends], sight())).toEqual({ requeueAfterSeconds: 9, isUrgent: true })
})

test('waiting, booting and recovering use up no paid time', () => {
  const session = sessionOf({ spec: { paidSeconds: 10 }, status: { billing: { seconds: 130 } } })
  expect(paidTime(sight({ session, machines: [machineFor()], now: at(1e6) }))).toEqual({})
})

test('I3: no machine runs past its paid seconds plus grace', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 86_400 }), fc.nat(100_000), fc.nat(100_000), (paidSeconds, seconds, open) => {
      const { step, requeueAfterSeconds = 0 } = verdict({ paidSeconds }, { seconds, now: at(100 + open) })
      const leftSeconds = paidSeconds + 120 - seconds - open
      expect(step === undefined ? requeueAfterSeconds : 0).toBe(Math.max(0, leftSeconds))
      expect(step !== undefined).toBe(leftSeconds <= 0)
    }),
  )
})

describe('a pause that Azure refuses', () => {
  const refusedAt = at(200)
  const stopped = conditionOf('Playable', 'False', 'Pausing', at(149))
  const restless = (
    spec: object,
    { now = at(210), machine = {}, status = {} }: { now?: string; machine?: GpuVmStatus; status?: object } = {},
  ) =>
    paidTime(
      sight({
        session: sessionOf({
          spec: { desiredState: 'Paused', ...spec },
          status: { readyAt: at(100), billing: { seconds: 50 }, conditions: [stopped], ...status },
        }),
        machines: [
          machineFor({
            spec: { powerState: 'Deallocated' },
            status: { ...stuckOn('AuthorizationFailed', refusedAt), ...machine },
          }),
        ],
        now,
      }),
    )

  test('I3: uses up what is left of the paid seconds and the grace from the end of play on, then the machine is given back', () => {
    // 50 played, 60 since.
    expect(restless({ paidSeconds: 100 })).toEqual({ requeueAfterSeconds: 110, isUrgent: true })
    expect(restless({ paidSeconds: 100 }, { now: at(320) })).toMatchObject({
      ...{ step: { do: 'End', reason: 'PauseRefused' }, requeueAfterSeconds: 0, isUrgent: true },
    })
  })

  test('another word of Azure’s begins no new time', () => {
    const machine = stuckOn('ScopeLocked', at(300))
    expect(restless({ paidSeconds: 100 }, { machine, now: at(320) }).step?.do).toBe('End')
  })

  test('of a session that never played, the time counts from the refusal on', () => {
    const status = { readyAt: undefined, billing: { seconds: 0 } }
    expect(restless({ paidSeconds: 100 }, { status })).toEqual({ requeueAfterSeconds: 210, isUrgent: true })
  })

  test.each([
    ['it is not metered', {}, {}],
    ['Azure runs nothing', { paidSeconds: 1 }, { machine: { powerState: 'Deallocated' as const } }],
    ['it is not refused but under way', { paidSeconds: 1 }, { machine: { conditions: [] } }],
    ['it ends already', { paidSeconds: 1 }, { status: { endReason: 'Deleted' } }],
  ])('ends nothing while %s', (_case, spec, given) => {
    expect(restless(spec, { now: at(1e6), ...given })).toEqual({})
  })
})
