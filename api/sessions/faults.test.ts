import { expect, test } from 'vitest'
import { type Course, faultsOf } from './faults.ts'

const promises = { startSeconds: 600, recoverySeconds: 300, creditSeconds: 600, creditDays: 90 }
const begun = Date.parse('2026-11-23T12:00:00Z')
const at = (seconds: number) => new Date(begun + seconds * 1000)
const session = { createdAt: at(0), command: 0n, desiredState: 'Running' } as const
const course: Course = { session, readyAt: at(100), interruptions: [], hasFailed: false, now: at(5000) }
const found = (over: Partial<Course>) => faultsOf({ ...course, ...over }, promises).map(({ fault }) => fault)

test('What is kept is no fault', () => {
  expect(found({})).toEqual([])
  expect(found({ readyAt: at(600) })).toEqual([])
  expect(found({ readyAt: undefined, now: at(600) })).toEqual([])
  expect(found({ interruptions: [{ cause: 'Evicted', since: at(200).toISOString(), seconds: 300 }] })).toEqual([])
})

test('A start that is late is one, also before it has come and when the player gave it up', () => {
  expect(found({ readyAt: at(601) })).toEqual(['StartLate'])
  expect(found({ readyAt: undefined, now: at(601) })).toEqual(['StartLate'])
  const ended = { ...session, command: 1n, desiredState: 'Ended' } as const
  expect(found({ readyAt: undefined, now: at(601), session: ended })).toEqual(['StartLate'])
})

test('A start that the player paused is not ours to answer for', () => {
  expect(found({ readyAt: at(601), session: { ...session, command: 2n } })).toEqual([])
})

test('A start that fails is one; a session that fails later failed in recovering', () => {
  expect(found({ readyAt: undefined, hasFailed: true })).toEqual(['StartFailed'])
  expect(found({ hasFailed: true })).toEqual([])
})

test('Each slow recovery is one, also while it lasts, and tells them apart', () => {
  const interruptions = [
    { cause: 'Evicted', since: at(200).toISOString(), seconds: 301 },
    { cause: 'StreamLost', since: at(1000).toISOString(), seconds: 20 },
    { cause: 'Evicted', since: at(2000).toISOString() },
  ]
  const faults = faultsOf({ ...course, interruptions }, promises)
  expect(faults.map(({ fault, occurrence }) => [fault, occurrence])).toEqual([
    ['RecoverySlow', at(200).toISOString()],
    ['RecoverySlow', at(2000).toISOString()],
  ])
  expect(faults[0]?.reason).toBe('It took longer to bring your machine back than the 5 minutes that we promise.')
})
