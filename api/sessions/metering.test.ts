import { expect, test } from 'vitest'
import { affordableSeconds, smaller } from '../wallet/price.ts'
import { growthSeconds, isGrowthDue, leadSeconds, nextLookSeconds, WRITES_PER_GROWTH, warningOf } from './metering.ts'

const play = { isPlaying: true, paidSeconds: 900n, blockSeconds: 900n }

test('The hold grows when half a short block is left, and only while it is played', () => {
  expect(isGrowthDue({ ...play, playedSeconds: 449n })).toBe(false)
  expect(isGrowthDue({ ...play, playedSeconds: 450n })).toBe(true)
  expect(isGrowthDue({ ...play, playedSeconds: 1000n })).toBe(true)
  expect([60n, 300n, 900n, 3600n].map(leadSeconds)).toEqual([60n, 150n, 450n, 450n])
  expect(isGrowthDue({ ...play, playedSeconds: 900n, isPlaying: false })).toBe(false)
})

test.each([
  { left: 3600n, told: undefined, expected: { tell: undefined, toldMinutesLeft: undefined } },
  { left: 600n, told: undefined, expected: { tell: undefined, toldMinutesLeft: undefined } },
  { left: 599n, told: undefined, expected: { tell: 9, toldMinutesLeft: 10 } },
  { left: 500n, told: 10, expected: { tell: undefined, toldMinutesLeft: 10 } },
  { left: 299n, told: 10, expected: { tell: 4, toldMinutesLeft: 5 } },
  { left: 60n, told: 10, expected: { tell: 1, toldMinutesLeft: 2 } }, // A threshold was jumped over: one warning.
  { left: -5n, told: 2, expected: { tell: undefined, toldMinutesLeft: 2 } },
  { left: 400n, told: 2, expected: { tell: undefined, toldMinutesLeft: 10 } }, // A little money came.
  { left: 601n, told: 2, expected: { tell: undefined, toldMinutesLeft: undefined } },
])('With $left s left, told at $told: $expected', ({ left, told, expected }) => {
  expect(warningOf({ leftSeconds: left, toldMinutesLeft: told })).toEqual(expected)
})

test('The next look is at the next growth or warning, within a minute', () => {
  const look = { isPlaying: true, blockSeconds: 900n, heldSeconds: 900n, leftSeconds: 10_000n }
  expect(nextLookSeconds(look)).toBe(60)
  expect(nextLookSeconds({ ...look, heldSeconds: 470n })).toBe(20)
  expect(nextLookSeconds({ ...look, leftSeconds: 630n })).toBe(31)
  expect(nextLookSeconds({ ...look, heldSeconds: 450n })).toBe(60) // It has grown already, or cannot.
  expect(nextLookSeconds({ ...look, isPlaying: false, heldSeconds: 1n })).toBe(60)
})

test('A hold grows early enough for the cluster to hear of it twice, were a process killed with the news in its hands', () => {
  const short = { isPlaying: true, paidSeconds: 60n, blockSeconds: 60n }
  expect(isGrowthDue({ ...short, playedSeconds: 0n })).toBe(true)
  expect(isGrowthDue({ ...short, paidSeconds: 300n, playedSeconds: 239n })).toBe(false)
  expect(isGrowthDue({ ...short, paidSeconds: 300n, playedSeconds: 240n })).toBe(true)
})

test('A hold grows by half of what is left, within two blocks and four', () => {
  const grown = (leftSeconds: bigint) => growthSeconds({ leftSeconds, blockSeconds: 900n })
  expect([0n, 900n, 3600n, 5000n, 14_400n, 1_000_000n].map(grown)).toEqual([1800n, 1800n, 1800n, 2500n, 3600n, 3600n])
})

/** As the chart has it. */
const blockSeconds = 3600n

/** The growths of a session whose meter looks in time. */
function growthsOf({ walletSeconds, playedInAll }: { walletSeconds: bigint; playedInAll: bigint }): number {
  let paidSeconds = smaller(blockSeconds, walletSeconds)
  let growths = 0
  while (paidSeconds < walletSeconds) {
    const playedSeconds = paidSeconds - leadSeconds(blockSeconds)
    if (playedSeconds >= playedInAll) break
    expect(isGrowthDue({ isPlaying: true, paidSeconds, playedSeconds: playedSeconds - 1n, blockSeconds })).toBe(false)
    expect(isGrowthDue({ isPlaying: true, paidSeconds, playedSeconds, blockSeconds })).toBe(true)
    const grown = paidSeconds + growthSeconds({ leftSeconds: walletSeconds - playedSeconds, blockSeconds })
    paidSeconds = smaller(grown, walletSeconds)
    growths += 1
  }
  return growths
}

test('Ten thousand sessions that live at once cost at most three writes a second, the operator’s among them, whoever plays them', () => {
  // What the bot offers to top up by, with what an evening has left over; the sample catalogue's prices; how long is played.
  const wallets = [100_00n, 500_00n, 750_00n, 1000_00n]
  const prices = [45_00n, 90_00n, 240_00n]
  const minutes = [20n, 30n, 45n, 60n, 90n, 120n, 180n, 240n]
  let [growths, seconds] = [0, 0n]
  for (const paise of wallets) {
    for (const ratePaisePerHour of prices) {
      for (const length of minutes) {
        const walletSeconds = affordableSeconds({ ratePaisePerHour, paise })
        const playedInAll = smaller(length * 60n, walletSeconds)
        growths += growthsOf({ walletSeconds, playedInAll })
        seconds += playedInAll
      }
    }
  }
  // Of ten thousand that play on at this pace, at any second.
  const perSecond = (10_000 * WRITES_PER_GROWTH * growths) / Number(seconds)
  expect(perSecond).toBeGreaterThan(2)
  expect(perSecond).toBeLessThanOrEqual(3)
})

test.each([1n, 2n, 3n, 5n, 8n, 50n])(
  'Ten thousand who play %i hours on end cost at most three writes a second',
  hours => {
    const walletSeconds = hours * 3600n
    const growths = growthsOf({ walletSeconds, playedInAll: walletSeconds })
    expect((10_000 * WRITES_PER_GROWTH * growths) / Number(walletSeconds)).toBeLessThanOrEqual(3)
  },
)
