import { expect, test } from 'vitest'
import { secondsUntilNextSweep } from './pace.ts'

const next = (tagged: number, ripeInSeconds: number[] = [], speed = 1) =>
  secondsUntilNextSweep({ sweepSeconds: 120, tagged, ripeInSeconds, speed })

test('a small fleet is swept as often as is asked for', () => {
  expect([0, 400, 10_000].map(tagged => next(tagged))).toEqual([120, 120, 120])
})

test('I7: however large the fleet, no more pages a minute are listed', () => {
  for (const machines of [10_000, 30_000]) {
    const tagged = 4 * machines
    const seconds = next(tagged)
    expect((tagged / 200 / seconds) * 60).toBeLessThanOrEqual(50)
    expect(secondsUntilNextSweep({ sweepSeconds: 12, tagged, ripeInSeconds: [], speed: 10 })).toBeCloseTo(
      seconds / 10,
      5,
    )
  }
})

test('I2: ten thousand machines beside it, what nobody owns is seen and swept within ten minutes', () => {
  const tagged = 40_000
  let [passed, left] = [next(tagged), 300] // Orphaned right after a sweep, and seen by the next.
  while (left > 0) {
    const seconds = next(tagged, [left])
    passed += seconds
    left -= seconds
  }
  expect(passed).toBeLessThan(600)
})

test('what could not be deleted is no reason to sweep more often than is asked for', () => {
  expect(next(40_000, [-500])).toBe(120)
})
