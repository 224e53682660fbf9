import { expect, test } from 'vitest'
import { expectedWait } from './expected-wait.ts'

test.each([
  { place: 1, departures: [], soonestSeconds: undefined, expected: undefined },
  { place: 3, departures: [], soonestSeconds: 40, expected: 40 },
  { place: 3, departures: [9], soonestSeconds: 40, expected: 40 },
  { place: 1, departures: [60, 0], soonestSeconds: 40, expected: 60 },
  { place: 3, departures: [60, 30, 0], soonestSeconds: undefined, expected: 90 },
  { place: 1, departures: [3000, 2990], soonestSeconds: undefined, expected: 3000 },
])('place $place after departures $departures s ago: $expected s', ({ expected, ...seen }) => {
  const { expectedSeconds, evidence } = expectedWait(seen)
  expect(expectedSeconds).toBe(expected)
  expect(evidence).toMatchObject({ servedLastHour: seen.departures.length, soonestSeconds: seen.soonestSeconds })
})
