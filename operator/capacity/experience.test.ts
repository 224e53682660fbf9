import { expect, test } from 'vitest'
import { table } from '../azure/decisions.ts'
import type { CapacityEvent } from '../history/history.ts'
import { BELIEVED_SECONDS, experience } from './experience.ts'
import type { Place } from './refusals.ts'

const START = Date.UTC(2026, 10, 20, 12)
const spot: Place = { region: 'near', size: 'Standard_A', priority: 'Spot' }
const regular: Place = { ...spot, priority: 'Regular' }
const inZone: Place = { ...spot, zone: '1' }

/** A process that has just begun; its monotonic clock says nothing of the time of day. */
function begun() {
  const time = { seconds: 0 }
  const clock = { now: () => new Date(START + time.seconds * 1000), monotonic: () => 77_000 + time.seconds * 1000 }
  return { learned: experience({ clock }), pass: (seconds: number) => (time.seconds += seconds) }
}

function ago(minutes: number, kind: CapacityEvent['kind'], place = spot, more: Partial<CapacityEvent> = {}) {
  return { ...place, kind, at: new Date(START - minutes * 60_000), gpuVmUid: 'one', ...more }
}
const no = { code: 'AllocationFailed', message: 'No.' }
const isQuota = { code: 'OperationNotAllowed', message: 'It exceeds the approved LowPriorityCores quota.' }

test('what was refused before this process began is believed for the rest of its time, and then doubted', () => {
  const { learned, pass } = begun()
  learned.recall([ago(1, 'Refused', spot, no)])
  expect(learned.refusals.ruling(regular)).toEqual({ code: 'AllocationFailed', leftSeconds: 59 * 60 })
  pass(59 * 60)
  expect(learned.refusals.ruling(regular)).toBeUndefined()
  expect(learned.refusals.doubts(spot)).toEqual([expect.objectContaining({ permitted: 1 })])
  pass(3600)
  expect(learned.refusals.doubts(spot)).toEqual([])
})

test('how far a refusal goes is told by what Azure said with it', () => {
  const { learned } = begun()
  learned.recall([ago(1, 'Refused', spot, isQuota)])
  expect(learned.refusals.ruling({ ...spot, size: 'Standard_B' })?.code).toBe('OperationNotAllowed')
  expect(learned.refusals.ruling(regular)).toBeUndefined()
})

test('what was granted or given back after a refusal speaks against it, what was before does not', () => {
  const refused = ago(30, 'Refused', spot, no)
  const rulings = [
    [ago(40, 'Granted'), refused],
    [refused, ago(20, 'Granted')],
    [refused, ago(20, 'Released')],
  ].map(events => {
    const { learned } = begun()
    learned.recall(events)
    return learned.refusals.ruling(spot)?.leftSeconds
  })
  expect(rulings).toEqual([1800, undefined, undefined])
})

test('what is over means nothing, and a clock that ran ahead means now', () => {
  const { learned } = begun()
  learned.recall([ago(121, 'Refused', spot, no), ago(-5, 'Refused', { ...spot, region: 'far' }, no)])
  expect(learned.refusals.doubts(spot)).toEqual([])
  expect(learned.refusals.ruling({ ...spot, region: 'far' })?.leftSeconds).toBe(3600)
})

test('a zone that is none for a machine stays none for it', () => {
  const { learned } = begun()
  const code = 'ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint'
  learned.recall([ago(10, 'Unfit', inZone, { code, message: '' })])
  expect(learned.refusals.isUnfit('one', inZone)).toBe(true)
  expect(learned.refusals.isUnfit('another', inZone)).toBe(false)
  expect(learned.resting.of(inZone)).toBeUndefined()
})

test('a region that rested rests on, for as long as it would have', () => {
  const { learned, pass } = begun()
  const fault = { code: 'InternalExecutionError', message: 'No.' }
  learned.recall([6, 5, 4, 3, 2].map(minutes => ago(minutes, 'Refused', spot, fault)))
  expect(learned.resting.of(spot)).toEqual({ is: 'Resting', leftSeconds: 180 })
  pass(180)
  expect(learned.resting.of(spot)).toEqual({ is: 'Trying' })
  learned.heed(ago(0, 'Granted'))
  expect(learned.resting.of(spot)).toBeUndefined()
})

test('quota makes no region rest, and on-demand’s answers fade by their age', () => {
  const { learned } = begun()
  learned.recall([6, 5, 4, 3, 2].map(minutes => ago(minutes, 'Refused', spot, isQuota)))
  learned.recall([ago(60, 'Refused', regular, no), ago(60, 'Granted', regular)])
  expect(learned.resting.of(spot)).toBeUndefined()
  expect(learned.answers.of('near')).toEqual({ granted: 0.5, refused: 0.5 })
})

test('nothing that the table says is believed for longer than is looked back', () => {
  const longest = table.map(({ decision }) =>
    decision.do === 'Refused' ? Math.max(decision.ttlSeconds, decision.regularTtlSeconds ?? 0) : 0,
  )
  expect(Math.max(...longest) + 3600).toBe(BELIEVED_SECONDS)
})
