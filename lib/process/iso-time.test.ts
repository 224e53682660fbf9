import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isoTime } from './iso-time.ts'

/** The last moment that a Date can be: https://tc39.es/ecma262/#sec-time-values-and-time-range */
const LAST = 8_640_000_000_000_000

test('any moment is written as Date writes it, whatever was written before', () => {
  const near = fc.integer({ min: 1_790_000_000_000, max: 1_790_000_200_000 })
  fc.assert(
    fc.property(fc.array(fc.oneof(near, fc.integer({ min: -LAST, max: LAST }))), moments => {
      for (const moment of moments) expect(isoTime(moment)).toBe(new Date(moment).toISOString())
    }),
  )
})

test.each([0, -1, 999, 1000, LAST, -LAST])('%d too', moment => {
  expect(isoTime(moment)).toBe(new Date(moment).toISOString())
})

test('an invalid Date is no moment', () => {
  expect(() => isoTime(new Date('never').getTime())).toThrow(RangeError)
})
