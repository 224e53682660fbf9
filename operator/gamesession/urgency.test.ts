import { expect, test } from 'vitest'
import { unseenStatus } from '../unseen.fixture.ts'
import { sessionOf } from './sights.fixture.ts'
import { priorityOf, priorityOfChange } from './urgency.ts'

const status = unseenStatus('gamesessions')
const unseen = { status, metadata: { finalizers: [] } }
const deletionTimestamp = '2026-01-01T00:00:00Z'

test('a session that nobody has looked at, whatever status the schema gives it, comes after all that were begun; one that is to go does not', () => {
  const begun = priorityOf({})
  expect(priorityOfChange(sessionOf(unseen))).toBeLessThan(begun)
  expect(priorityOfChange(sessionOf({ status }))).toBe(begun) // Taken on.
  expect(priorityOfChange(sessionOf({ ...unseen, status: { ...status, observedGeneration: 1 } }))).toBe(begun)
  expect(priorityOfChange(sessionOf({ ...unseen, metadata: { finalizers: [], deletionTimestamp } }))).toBe(begun)
})

test('I3: an end that is due overtakes whatever was begun; what is gone overtakes nothing', () => {
  expect(priorityOf({ isUrgent: true })).toBeGreaterThan(priorityOf({}))
  expect(priorityOfChange(undefined)).toBe(priorityOfChange(sessionOf(unseen)))
})
