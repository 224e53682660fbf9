import { expect, test } from 'vitest'
import { seriesOf } from './receipts.ts'

test.each([
  ['2026-04-01T00:00:00.000+05:30', '26-27'],
  ['2026-12-31T18:30:00.000Z', '26-27'], // The new year of the calendar is none of the books'.
  ['2027-03-31T18:29:59.999Z', '26-27'],
  ['2027-03-31T18:30:00.000Z', '27-28'],
  ['2099-03-31T18:30:00.000Z', '99-00'],
  ['2100-03-31T18:29:59.000Z', '99-00'],
  ['2100-03-31T18:30:00.000Z', '00-01'],
])('What is issued at %s is of the year %s, which begins with April, at midnight in India', (time, series) => {
  expect(seriesOf(new Date(time))).toBe(series)
})
