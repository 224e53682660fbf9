import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Candidate, rank, type Wish } from './rank.ts'
import type { Place } from './refusals.ts'

const wish: Wish = {
  sizes: ['Standard_A', 'Standard_B'],
  regions: ['near', 'far'],
  preference: 'SpotFirst',
  maxHourlyPriceUsd: undefined,
  billedOs: 'Linux',
}
const nothing = { priceOf: () => undefined, rulingOn: () => undefined }
const brief = (candidates: readonly Candidate[]) =>
  candidates.map(({ region, zone = '', size, priority }) => `${region}${zone} ${size.at(-1)} ${priority}`)

test('without prices the player’s regions and the catalogue’s sizes decide, spot first', () => {
  expect(brief(rank(wish, nothing).candidates)).toEqual([
    'near A Spot',
    'near B Spot',
    'far A Spot',
    'far B Spot',
    'near A Regular',
    'near B Regular',
    'far A Regular',
    'far B Regular',
  ])
})

test('within a region the cheaper goes first, the unknown last', () => {
  const prices: Record<string, number> = { Standard_B: 0.2, Standard_C: 0.1 }
  const three = { ...wish, sizes: ['Standard_A', 'Standard_B', 'Standard_C'], regions: ['near'] }
  const { candidates } = rank({ ...three, preference: 'SpotOnly' }, { ...nothing, priceOf: ({ size }) => prices[size] })
  expect(brief(candidates)).toEqual(['near C Spot', 'near B Spot', 'near A Spot'])
})

test('what is evicted often is dearer than its price: its evictions are added, with the on-demand hour after each', () => {
  const prices: Record<string, number> = { 'Standard_A/Spot': 0.2, 'Standard_B/Spot': 0.25, 'Standard_A/Regular': 1 }
  const priceOf = ({ size, priority }: Place) => prices[`${size}/${priority}`]
  const asked: Wish = { ...wish, regions: ['near'], preference: 'SpotOnly' }
  const rates = (often: number) =>
    rank(asked, { ...nothing, priceOf, evictionsPerHour: ({ size }) => (size === 'Standard_A' ? often : 0) })
  expect(brief(rates(0.05).candidates)).toEqual(['near A Spot', 'near B Spot'])
  expect(rates(0.05).candidates[0]?.expectedPriceUsd).toBeCloseTo(0.2 + 0.05 * (0.05 + 0.8))
  expect(brief(rates(0.2).candidates)).toEqual(['near B Spot', 'near A Spot'])
})

test('an eviction rate moves nothing before spot itself, nor before a nearer region', () => {
  const priceOf = ({ priority }: Place) => (priority === 'Spot' ? 0.2 : 0.3)
  const { candidates } = rank(wish, {
    ...nothing,
    priceOf,
    evictionsPerHour: ({ region }) => (region === 'near' ? 1 : 0),
  })
  expect(brief(candidates)).toEqual(brief(rank(wish, nothing).candidates))
})

test('a cheap machine far away is not put before a near one', () => {
  const priceOf = ({ region }: Place) => (region === 'far' ? 0.01 : 1)
  expect(brief(rank({ ...wish, preference: 'OnDemandOnly' }, { ...nothing, priceOf }).candidates)[0]).toBe(
    'near A Regular',
  )
})

test('what was refused lately is left out, with the code and the time left', () => {
  const rulingOn = ({ priority }: Place) =>
    priority === 'Spot' ? { code: 'SkuNotAvailable', leftSeconds: 9 } : undefined
  const { candidates, ruledOut } = rank(wish, { ...nothing, rulingOn })
  expect(candidates.every(({ priority }) => priority === 'Regular')).toBe(true)
  expect(ruledOut[0]).toMatchObject({ reason: 'RefusedLately', leftSeconds: 9 })
  expect(ruledOut[0]?.message).toBe('Standard_A spot in near was refused by Azure lately (SkuNotAvailable).')
})

test.each([
  { price: 0.5, taken: true },
  { price: 0.51, taken: false },
  { price: 0, taken: true },
  { price: undefined, taken: false },
])('under a cap of 0.5 a price of $price is taken: $taken', ({ price, taken }) => {
  const { candidates, ruledOut } = rank({ ...wish, maxHourlyPriceUsd: 0.5 }, { ...nothing, priceOf: () => price })
  expect(candidates.length > 0).toBe(taken)
  if (!taken) expect(ruledOut[0]?.reason).toBe(price === undefined ? 'PriceUnknown' : 'AbovePriceCap')
})

test('every place is either ranked or told why not, and none twice', () => {
  const market = fc.record({
    price: fc.option(fc.double({ min: 0, max: 5, noNaN: true }), { nil: undefined }),
    refused: fc.boolean(),
    cap: fc.option(fc.double({ min: 0, max: 5, noNaN: true }), { nil: undefined }),
    preference: fc.constantFrom('SpotFirst', 'SpotOnly', 'OnDemandOnly'),
  })
  fc.assert(
    fc.property(market, ({ price, refused, cap, preference }) => {
      const { candidates, ruledOut } = rank(
        { ...wish, preference, maxHourlyPriceUsd: cap },
        { priceOf: () => price, rulingOn: () => (refused ? { code: 'X', leftSeconds: 1 } : undefined) },
      )
      const all = [...candidates, ...ruledOut].map(({ region, size, priority }) => `${region}/${size}/${priority}`)
      expect(new Set(all).size).toBe(all.length)
      expect(all.length).toBe(preference === 'SpotFirst' ? 8 : 4)
    }),
  )
})

test('in a region that is used by zones the next zone goes before the next size, and that before the next region', () => {
  const zoned: Wish = { ...wish, zones: { near: ['2', '1'] } }
  expect(brief(rank(zoned, nothing).candidates)).toEqual([
    'near2 A Spot',
    'near1 A Spot',
    'near2 B Spot',
    'near1 B Spot',
    'far A Spot',
    'far B Spot',
    'near2 A Regular',
    'near1 A Regular',
    'near2 B Regular',
    'near1 B Regular',
    'far A Regular',
    'far B Regular',
  ])
})

test('a zone in which much was evicted goes after its neighbours, and a refusal in one takes none of the others', () => {
  const asked: Wish = { ...wish, sizes: ['Standard_A'], regions: ['near'], zones: { near: ['1', '2', '3'] } }
  const ranking = rank(asked, {
    priceOf: ({ priority }) => (priority === 'Spot' ? 0.2 : 0.5),
    rulingOn: ({ zone, priority }) =>
      zone === '2' && priority === 'Spot' ? { code: 'SkuNotAvailable', leftSeconds: 9 } : undefined,
    evictionsPerHour: ({ zone }) => (zone === '1' ? 0.5 : 0.1),
  })
  expect(brief(ranking.candidates)).toEqual([
    'near3 A Spot',
    'near1 A Spot',
    'near1 A Regular',
    'near2 A Regular',
    'near3 A Regular',
  ])
  expect(ranking.ruledOut.map(({ message }) => message)).toEqual([
    'Standard_A spot in zone 2 of near was refused by Azure lately (SkuNotAvailable).',
  ])
})
