import { expect, test } from 'vitest'
import { growthSeconds, isGrowthDue, nextLookSeconds, warningOf } from './metering.ts'

const play = { isPlaying: true, paidSeconds: 900n, blockSeconds: 900n }

test('The hold grows when half a block is left, and only while it is played', () => {
  expect(isGrowthDue({ ...play, playedSeconds: 449n })).toBe(false)
  expect(isGrowthDue({ ...play, playedSeconds: 450n })).toBe(true)
  expect(isGrowthDue({ ...play, playedSeconds: 1000n })).toBe(true)
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

test('A hold grows by half of what is left, within one block and four', () => {
  const grown = (leftSeconds: bigint) => growthSeconds({ leftSeconds, blockSeconds: 900n })
  expect([0n, 900n, 1800n, 4000n, 7200n, 1_000_000n].map(grown)).toEqual([900n, 900n, 900n, 2000n, 3600n, 3600n])
})

/** One session from a full wallet to an empty one, looked at every second: how often it is written to Kubernetes. */
function writesOf(walletSeconds: bigint): number {
  const blockSeconds = 900n
  let paidSeconds = blockSeconds
  let writes = 1
  for (let playedSeconds = 0n; playedSeconds < walletSeconds; playedSeconds += 1n) {
    if (paidSeconds >= walletSeconds) break
    if (!isGrowthDue({ isPlaying: true, paidSeconds, playedSeconds, blockSeconds })) continue
    paidSeconds += growthSeconds({ leftSeconds: walletSeconds - playedSeconds, blockSeconds })
    writes += 1
  }
  expect(paidSeconds).toBeGreaterThanOrEqual(walletSeconds) // No second of it was not to be had.
  return writes
}

test('Ten thousand sessions of whoever has some hours left cost about three writes a second', () => {
  const hours = [5n, 10n, 20n, 50n]
  const perSecond = hours.map(left => (10_000 * writesOf(left * 3600n)) / Number(left * 3600n))
  expect(Math.max(...perSecond)).toBeLessThan(4.5)
  expect(perSecond.at(-1)).toBeLessThan(3.1)
})
