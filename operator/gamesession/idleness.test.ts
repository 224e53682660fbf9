import { expect, test } from 'vitest'
import { idleness } from './idleness.ts'
import { at, machineFor, sessionOf, sight } from './sights.fixture.ts'

const verdict = (guest: object | undefined, { spec = {}, now = at(200) } = {}) =>
  idleness(
    sight({
      session: sessionOf({
        spec: { disconnectGraceSeconds: 60, idleTimeoutSeconds: 90, ...spec },
        status: { readyAt: at(100), billing: { seconds: 0, since: at(100) } },
      }),
      machines: [machineFor({ playingSince: at(100), status: { ...(guest && { guest }) } })],
      now,
    }),
  )

test('without a report presence is unknown, and no timer runs', () => {
  expect(verdict(undefined, { now: at(1e6) })).toEqual({})
})

test('the report of an older machine says nothing of this one', () => {
  expect(verdict({ incarnation: 0, connected: false, reportedAt: at(110) }, { now: at(1e6) })).toEqual({})
})

test.each([
  { name: 'nobody connected', guest: { incarnation: 1, connected: false, reportedAt: at(160) }, leftSeconds: 20 },
  { name: 'no input', guest: { incarnation: 1, connected: true, idleSince: at(150) }, leftSeconds: 40 },
  { name: 'silent since before play', guest: { incarnation: 1, connected: true, idleSince: at(0) }, leftSeconds: -10 },
])('$name is measured from its transition, and from play at the earliest', ({ guest, leftSeconds }) => {
  const { step, requeueAfterSeconds } = verdict(guest)
  expect(step === undefined ? requeueAfterSeconds : leftSeconds).toBe(leftSeconds)
  expect(step !== undefined).toBe(leftSeconds <= 0)
})

test.each([
  { guest: { incarnation: 1, connected: false, reportedAt: at(140) }, reason: 'Disconnected' },
  { guest: { incarnation: 1, connected: true, idleSince: at(110) }, reason: 'Idle' },
])('it ends as $reason', ({ guest, reason }) => {
  expect(verdict(guest).step).toMatchObject({ do: 'End', reason })
})

test.each([
  { guest: { incarnation: 1, connected: false, reportedAt: at(100) }, spec: { disconnectGraceSeconds: 0 } },
  { guest: { incarnation: 1, connected: true, idleSince: at(100) }, spec: { idleTimeoutSeconds: 0 } },
  { guest: { incarnation: 1, connected: true }, spec: {} },
])('zero means never, and input means presence', ({ guest, spec }) => {
  expect(verdict(guest, { spec, now: at(1e6) })).toEqual({})
})
