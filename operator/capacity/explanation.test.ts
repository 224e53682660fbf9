import { expect, test } from 'vitest'
import { explainPlacement, inWords, NOTE_CHARACTERS } from './explanation.ts'
import { type Candidate, rank, type Wish } from './rank.ts'
import type { Place } from './refusals.ts'

const wish: Wish = {
  sizes: ['Standard_A', 'Standard_B'],
  regions: ['near', 'far'],
  preference: 'SpotFirst',
  maxHourlyPriceUsd: 1,
  billedOs: 'Linux',
}
const prices: Record<string, number> = { 'Standard_A/Spot': 0.2, 'Standard_B/Spot': 0.3, 'Standard_A/Regular': 0.9 }

test('it tells what is asked for, what would be next and why, and what is out of the question', () => {
  const ranking = rank(wish, {
    priceOf: ({ size, priority }: Place) => prices[`${size}/${priority}`],
    rulingOn: ({ region, size }) =>
      region === 'far' && size === 'Standard_B' ? { code: 'SkuNotAvailable', leftSeconds: 9 } : undefined,
    evictionsPerHour: ({ size }) => (size === 'Standard_A' ? 0.1 : undefined),
  })
  expect(explainPlacement(ranking)).toBe(
    [
      'Standard_A spot in near at 0.2 USD per hour (0.275 with likely evictions) is asked for.',
      'Next would be Standard_B spot in near at 0.3 USD per hour (it is dearer),',
      'Standard_A spot in far at 0.2 USD per hour (0.275 with likely evictions) (the session names near first),',
      'Standard_A on-demand in near at 0.9 USD per hour (spot goes first).',
      'Standard_B spot in far was refused by Azure lately (SkuNotAvailable).',
      'Standard_B on-demand in near has no known price, and the session sets a cap.',
      'Standard_B on-demand in far was refused by Azure lately (SkuNotAvailable).',
    ].join(' '),
  )
})

test('what is above the cap is told with its price, and one place too many is one', () => {
  const prices = { near: 0.123456789, far: 0.3 }
  const ranking = rank(
    { ...wish, maxHourlyPriceUsd: 0.1, preference: 'SpotOnly' },
    { priceOf: ({ region }: Place) => (region === 'near' ? prices.near : prices.far), rulingOn: () => undefined },
  )
  expect(inWords(ranking.ruledOut)).toEqual([
    "Standard_A spot in near costs 0.12346 USD per hour, above the session's cap of 0.1.",
    "Standard_B spot in near costs 0.12346 USD per hour, above the session's cap of 0.1.",
    "Standard_A spot in far costs 0.3 USD per hour, above the session's cap of 0.1.",
    'So it is with 1 place more.',
  ])
})

test('however much there is to tell, an Event holds it', () => {
  const long = (index: number): Candidate => ({
    region: 'near',
    size: `Standard_${'X'.repeat(500)}${index}`,
    priority: 'Spot',
    hourlyPriceUsd: undefined,
    expectedPriceUsd: undefined,
  })
  expect(explainPlacement({ candidates: [long(1), long(2), long(3)], ruledOut: [] })).toHaveLength(NOTE_CHARACTERS)
})

test('where zones are used it names them, and why the next one comes second', () => {
  const asked: Wish = { ...wish, sizes: ['Standard_A'], regions: ['near'], zones: { near: ['1', '2', '3'] } }
  const ranking = rank(asked, {
    priceOf: () => 0.2,
    rulingOn: ({ zone }) => (zone === '1' ? { code: 'ZonalAllocationFailed', leftSeconds: 9 } : undefined),
  })
  expect(explainPlacement(ranking)).toBe(
    [
      'Standard_A spot in zone 2 of near at 0.2 USD per hour is asked for.',
      'Next would be Standard_A spot in zone 3 of near at 0.2 USD per hour (the catalogue names its zone later),',
      'Standard_A on-demand in zone 2 of near at 0.2 USD per hour (spot goes first),',
      'Standard_A on-demand in zone 3 of near at 0.2 USD per hour (spot goes first).',
      'Standard_A spot in zone 1 of near was refused by Azure lately (ZonalAllocationFailed).',
      'Standard_A on-demand in zone 1 of near was refused by Azure lately (ZonalAllocationFailed).',
    ].join(' '),
  )
})
