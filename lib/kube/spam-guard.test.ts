import { expect, test } from 'vitest'
import { handClock } from './hand-clock.ts'
import { SpamGuard } from './spam-guard.ts'

test('an object may have 25 events at once and one more every five minutes, whatever another has', async () => {
  const clock = handClock()
  const guard = new SpamGuard(clock)
  const permitted = (object: string) => Array.from({ length: 40 }, () => guard.permits(object)).filter(Boolean).length
  expect(permitted('a')).toBe(25)
  expect(permitted('b')).toBe(25)
  await clock.advance(299)
  expect(permitted('a')).toBe(0)
  await clock.advance(1)
  expect(permitted('a')).toBe(1)
  await clock.advance(24 * 3600)
  expect(permitted('a')).toBe(25) // What was not used does not pile up.
})
