import fc from 'fast-check'
import { expect, test } from 'vitest'
import { duration, exactDuration, rupees, rupeesShort } from './money.ts'

test.each([
  [0n, '₹0.00'],
  [5n, '₹0.05'],
  [123_450n, '₹1,234.50'],
  [10_000_000n, '₹1,00,000.00'],
  [-123_450n, '−₹1,234.50'],
  [9_007_199_254_740_993_07n, '₹9,00,71,99,25,47,40,993.07'],
])('%d paise are %s', (paise, text) => {
  expect(rupees(paise)).toBe(text)
})

test('what is shown is what there is: no paisa is lost in writing', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), paise => {
      const read = BigInt(rupees(paise).replace('−', '-').replace(/[₹,.]/g, ''))
      expect(read).toBe(paise)
    }),
  )
})

test('a button leaves out paise that are none', () => {
  expect(rupeesShort(50_000n)).toBe('₹500')
  expect(rupeesShort(50_050n)).toBe('₹500.50')
})

test.each([
  [0, '0 min'],
  [1, 'under a minute'],
  [59, 'under a minute'],
  [60, '1 min'],
  [3599, '59 min'],
  [3600, '1 h'],
  [3900, '1 h 5 min'],
  [360_000, '100 h'],
])('%d seconds are %s, never more than there is', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

test.each([
  [0, '0 s'],
  [45, '45 s'],
  [3600, '1 h'],
  [3903, '1 h 5 min 3 s'],
])('a bill tells %d seconds as %s', (seconds, text) => {
  expect(exactDuration(seconds)).toBe(text)
})
