import { expect, test } from 'vitest'
import { stopwatch } from './stopwatch.ts'

function handDriven() {
  const time = { wall: 1_000_000, monotonic: 0 }
  const clock = { now: () => new Date(time.wall), monotonic: () => time.monotonic, sleep: async () => undefined }
  return { time, watch: stopwatch(clock) }
}

test('I4: a wall clock that jumps does not lengthen an interval under way', () => {
  const { time, watch } = handDriven()
  const since = new Date(time.wall).toISOString()
  watch.now('a', since)
  time.wall += 3_600_000
  time.monotonic += 5000
  expect(watch.now('a', since).getTime()).toBe(1_005_000)
  expect(watch.watchedSeconds('a')).toBe(5)
})

test('without an interval, or with another one, the wall clock is believed', () => {
  const { time, watch } = handDriven()
  watch.now('a', new Date(time.wall).toISOString())
  time.wall += 60_000
  expect(watch.now('a', undefined).getTime()).toBe(1_060_000)
  expect(watch.now('a', new Date(time.wall).toISOString()).getTime()).toBe(1_060_000)
})

test('what was forgotten is measured anew', () => {
  const { time, watch } = handDriven()
  const since = new Date(time.wall).toISOString()
  watch.now('a', since)
  time.monotonic += 5000
  watch.forget('a')
  expect(watch.watchedSeconds('a')).toBe(0)
})
