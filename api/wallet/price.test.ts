import { assert, bigInt, property } from 'fast-check'
import { expect, test } from 'vitest'
import { affordableSeconds, price, priceWithin } from './price.ts'

const rate = bigInt({ min: 1n, max: 10_000_000n })
const seconds = bigInt({ min: 0n, max: 31_536_000n })
const paise = bigInt({ min: 0n, max: 100_000_000_000n })

test('An hour costs the rate, and a part of a paisa nothing', () => {
  expect(price({ ratePaisePerHour: 9000n, seconds: 3600n })).toBe(9000n)
  expect(price({ ratePaisePerHour: 6000n, seconds: 1n })).toBe(1n) // 1.67 paise.
  expect(price({ ratePaisePerHour: 1n, seconds: 3599n })).toBe(0n)
})

test('The price never falls with time, and never runs ahead of the exact one by as much as a paisa', () => {
  assert(
    property(rate, seconds, (ratePaisePerHour, played) => {
      const now = price({ ratePaisePerHour, seconds: played })
      expect(price({ ratePaisePerHour, seconds: played + 1n }) >= now).toBe(true)
      const exactInParts = ratePaisePerHour * played
      expect(now * 3600n <= exactInParts && exactInParts < (now + 1n) * 3600n).toBe(true)
    }),
  )
})

test('Charged in any steps, the deltas add up to the price of the whole', () => {
  assert(
    property(rate, seconds, seconds, (ratePaisePerHour, first, second) => {
      const charged = price({ ratePaisePerHour, seconds: first })
      const delta = price({ ratePaisePerHour, seconds: first + second }) - charged
      expect(charged + delta).toBe(price({ ratePaisePerHour, seconds: first + second }))
      expect(delta >= 0n).toBe(true)
    }),
  )
})

test('What is affordable can be paid, and a second more cannot', () => {
  assert(
    property(rate, paise, (ratePaisePerHour, purse) => {
      const affordable = affordableSeconds({ ratePaisePerHour, paise: purse })
      expect(price({ ratePaisePerHour, seconds: affordable }) <= purse).toBe(true)
      expect(price({ ratePaisePerHour, seconds: affordable + 1n }) > purse).toBe(true)
    }),
  )
  expect(affordableSeconds({ ratePaisePerHour: 9000n, paise: -1n })).toBe(0n)
})

test('Nothing beyond the paid seconds is charged', () => {
  assert(
    property(rate, seconds, seconds, (ratePaisePerHour, playedSeconds, paidSeconds) => {
      const charged = priceWithin({ ratePaisePerHour, playedSeconds, paidSeconds })
      expect(charged <= price({ ratePaisePerHour, seconds: paidSeconds })).toBe(true)
    }),
  )
})
