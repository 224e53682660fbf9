import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { GameSessionStatus } from '../../crds/types/gamesession.ts'
import { type Billing, billingNow, finalBilling, paidUntil, playedSeconds } from './billing.ts'
import { at, conditionOf, machineFor, next, type SessionFixture, sessionOf, sight } from './sights.fixture.ts'

const open = (since: string, seconds = 0): SessionFixture => ({
  status: {
    readyAt: since,
    billing: { seconds, since },
    conditions: [conditionOf('Playable', 'True', 'StreamAnswers')],
  },
})
const silent = (lastAnsweredAt: string | undefined, more: object = {}) =>
  machineFor({
    status: {
      powerState: 'Running',
      stream: { answering: false, since: at(100), ...(lastAnsweredAt && { lastAnsweredAt }) },
      conditions: [conditionOf('Playable', 'False', 'StreamSilent')],
      ...more,
    },
  })
const billing = (given: Parameters<typeof sight>[0]) => sight(given).billing

test('an interval opens at the first answer of the stream, not when we come to see it', () => {
  const now = billing({ machines: [machineFor({ playingSince: at(100) })], now: at(130) })
  expect(now.since?.toISOString()).toBe(at(100))
})

test.each(['Paused', 'Ended'] as const)('a session that is to be %s opens none', desiredState => {
  const session = sessionOf({ spec: { desiredState } })
  expect(billing({ session, machines: [machineFor({ playingSince: at(100) })], now: at(130) }).since).toBeUndefined()
})

test('I4: a lost stream closes it at its last answer, never at the discovery', () => {
  const now = billing({ session: sessionOf(open(at(100))), machines: [silent(at(160))], now: at(205) })
  expect(now).toMatchObject({ seconds: 60, since: undefined, lost: { at: new Date(at(160)) } })
})

test('I4: an eviction before the last recorded answer closes it', () => {
  const machines = [silent(at(170), { evictedAt: at(165) })]
  expect(billing({ session: sessionOf(open(at(100))), machines, now: at(300) }).seconds).toBe(65)
})

test('I4: an eviction of an earlier interval closes nothing', () => {
  const machines = [silent(at(170), { evictedAt: at(50) })]
  expect(billing({ session: sessionOf(open(at(100))), machines, now: at(300) }).seconds).toBe(70)
})

test('I4: without any evidence it is closed at its own start, in the player’s favour', () => {
  expect(billing({ session: sessionOf(open(at(100), 40)), machines: [silent(undefined)], now: at(300) }).seconds).toBe(
    40,
  )
  expect(billing({ session: sessionOf(open(at(100), 40)), machines: [], now: at(300) }).seconds).toBe(40)
})

test('a player who stops play that still goes on pays until that moment', () => {
  const session = sessionOf({ ...open(at(100)), spec: { desiredState: 'Paused' } })
  const now = billing({ session, machines: [machineFor({ playingSince: at(100) })], now: at(160.9) })
  expect(now).toMatchObject({ seconds: 60, since: undefined, lost: undefined })
})

test('after a restart nothing is closed by a wish before the stream was heard', () => {
  const session = sessionOf({ ...open(at(100)), spec: { desiredState: 'Ended' } })
  const observed = { isPlayConfirmed: false }
  const now = billing({ session, machines: [machineFor({ playingSince: at(100) })], observed, now: at(900) })
  expect(now.since?.toISOString()).toBe(at(100))
})

test('a stream lost and found between two looks is two intervals', () => {
  const machine = machineFor({ playingSince: at(300), status: { evictedAt: at(200) } })
  const now = billing({ session: sessionOf(open(at(100))), machines: [machine], now: at(310) })
  expect(now).toMatchObject({ seconds: 100, since: new Date(at(300)), lost: { at: new Date(at(200)) } })
})

test('I4: pausing and resuming while the stream answers on bills no second twice', () => {
  const machines = [machineFor({ playingSince: at(100) })]
  const playing = next({ machines, now: at(101) })
  const paused = next({
    session: { ...playing, spec: { ...playing.spec, desiredState: 'Paused' } },
    machines,
    now: at(150),
  })
  expect(paused.status?.billing).toEqual({ seconds: 50 })
  const resumed = next({ session: { ...paused, spec: playing.spec }, machines, now: at(155) })
  expect(new Date(resumed.status?.billing?.since ?? 0).getTime()).toBeGreaterThanOrEqual(new Date(at(150)).getTime())
})

test('final means that nothing is ever added', () => {
  const billing5: Billing = { seconds: 5, since: new Date(at(0)), final: false, lost: undefined }
  const closed = finalBilling({ ...sight({ now: at(10) }), billing: billing5 })
  expect(closed).toMatchObject({ seconds: 15, since: undefined, final: true })
  const session = sessionOf({ status: { billing: { seconds: 15, final: true } } })
  expect(billing({ session, machines: [machineFor({ playingSince: at(20) })], now: at(99) })).toMatchObject({
    seconds: 15,
    since: undefined,
    final: true,
  })
})

test.each([
  { name: 'by the end of paid time', now: 1000, spec: {}, machines: [machineFor({ playingSince: at(100) })] },
  {
    name: 'by the player',
    now: 1000,
    spec: { desiredState: 'Paused' as const },
    machines: [machineFor({ playingSince: at(100) })],
  },
  { name: 'by a loss', now: 1000, spec: {}, machines: [silent(at(900))] },
])('I3: an interval closed late $name counts no second beyond the paid ones and the grace', given => {
  const { now, spec, machines } = given
  const session = sessionOf({ ...open(at(100), 40), spec: { paidSeconds: 300, ...spec } })
  expect(next({ session, machines, now: at(now) }).status?.billing?.seconds).toBe(300 + 120)
})

test('what was counted before it was metered stays counted', () => {
  const session = sessionOf({ ...open(at(100), 5000), spec: { paidSeconds: 300 } })
  const machines = [machineFor({ playingSince: at(100) })]
  expect(next({ session, machines, now: at(200) }).status?.billing).toEqual({ seconds: 5000, final: true })
})

test('paid until counts what is left from the start of the interval', () => {
  const billing: Billing = { seconds: 100, since: new Date(at(1000)), final: false, lost: undefined }
  expect(paidUntil(billing, 900)?.toISOString()).toBe(at(1800))
  expect(paidUntil(billing, undefined)).toBeUndefined()
  expect(paidUntil({ ...billing, since: undefined }, 900)).toBeUndefined()
})

/** An evening at random: what the machine does and what the player wants, in order of time. */
const moments = fc.array(
  fc.record({
    afterSeconds: fc.double({ min: 0.1, max: 600, noNaN: true }),
    playable: fc.boolean(),
    evidence: fc.constantFrom('Answered', 'Evicted', 'None'),
    desiredState: fc.constantFrom('Running', 'Running', 'Running', 'Paused'),
    confirmed: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
)

test('I4: whatever happens, seconds never fall and never exceed the playable time', () => {
  fc.assert(
    fc.property(moments, evening => {
      let seconds = 0
      let playableSeconds = 0
      let time = 0
      let was = { playable: false, since: 0 }
      let session = sessionOf({ status: { billing: { seconds: 0 } } })
      for (const moment of evening) {
        if (was.playable) playableSeconds += moment.afterSeconds
        time += moment.afterSeconds
        const since = was.playable && moment.playable ? was.since : time
        const machine = moment.playable
          ? machineFor({ playingSince: at(since) })
          : silent(moment.evidence === 'Answered' ? at(time) : undefined, {
              ...(moment.evidence === 'Evicted' && { evictedAt: at(time) }),
            })
        was = { playable: moment.playable, since }
        session = { ...session, spec: { ...session.spec, desiredState: moment.desiredState } }
        session = next({ session, machines: [machine], observed: { isPlayConfirmed: moment.confirmed }, now: at(time) })

        const now: Required<GameSessionStatus>['billing'] = session.status?.billing ?? {}
        expect(now.seconds).toBeGreaterThanOrEqual(seconds)
        seconds = now.seconds ?? 0
        const { billing } = sight({ session, machines: [machine], now: at(time) })
        expect(playedSeconds(billing, new Date(at(time)))).toBeLessThanOrEqual(playableSeconds + 0.01)
      }
    }),
    { numRuns: 300 },
  )
})

test('a look changes nothing that the look before has written', () => {
  const session = next({ machines: [machineFor({ playingSince: at(100) })], now: at(101) })
  const machine = machineFor({ playingSince: at(100) })
  const again = billingNow({ ...sight({ session, now: at(500) }), machine, isPlayConfirmed: true })
  expect(again).toEqual({ seconds: 0, since: new Date(at(100)), final: false, lost: undefined })
})
