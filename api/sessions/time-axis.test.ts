import { array, assert, bigInt, constantFrom, integer, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { price } from '../wallet/price.ts'
import { type Stretch, timeAxis } from './time-axis.ts'

const readyAt = new Date('2026-11-23T12:00:00Z')
const at = (seconds: number) => new Date(readyAt.getTime() + seconds * 1000)
const play = (from: number, seconds: bigint | undefined): Stretch => ({
  kind: 'Play',
  since: at(from),
  seconds,
  cause: undefined,
})
const gap = (from: number, seconds: bigint): Stretch => ({
  kind: 'Interruption',
  since: at(from),
  seconds,
  cause: 'Evicted',
})
const terms = { readyAt, paidSeconds: 100_000n, ratePaisePerHour: 9000n }
const shape = (axis: Parameters<typeof timeAxis>[0]) =>
  timeAxis(axis).map(line => [line.kind, (line.at.getTime() - readyAt.getTime()) / 1000, line.seconds, line.paise])

test('Stretches that were watched are told as they were, and the gaps between them are free', () => {
  const stretches = [play(0, 600n), gap(600, 90n), play(690, 300n)]
  expect(shape({ ...terms, stretches, playedSeconds: 900n })).toEqual([
    ['Play', 0, 600n, 1500n],
    ['Interruption', 600, 90n, 0n],
    ['Play', 690, 300n, 750n],
  ])
})

test('A session that nobody watched is told from its interruptions', () => {
  expect(shape({ ...terms, stretches: [gap(600, 90n)], playedSeconds: 900n })).toEqual([
    ['Play', 0, 600n, 1500n],
    ['Interruption', 600, 90n, 0n],
    ['Play', 690, 300n, 750n],
  ])
  expect(shape({ ...terms, stretches: [], playedSeconds: 900n })).toEqual([['Play', 0, 900n, 2250n]])
})

test('One whose end nobody watched ends with the figure of the bill', () => {
  const stretches = [play(0, 600n), gap(600, 90n), play(690, undefined)]
  expect(shape({ ...terms, stretches, playedSeconds: 900n }).at(-1)).toEqual(['Play', 690, 300n, 750n])
})

test('What goes beyond the paid seconds costs nothing', () => {
  expect(shape({ ...terms, paidSeconds: 500n, stretches: [play(0, 600n)], playedSeconds: 600n })).toEqual([
    ['Play', 0, 600n, 1250n],
  ])
})

test('Whatever is on record, the stretches add up to the seconds and to the paisa', () => {
  const stretch = record({
    kind: constantFrom('Play' as const, 'Interruption' as const),
    from: integer({ min: 0, max: 10_000 }),
    seconds: bigInt({ min: 0n, max: 5000n }),
  })
  assert(
    property(
      array(stretch, { maxLength: 8 }),
      bigInt(0n, 20_000n),
      bigInt(0n, 20_000n),
      bigInt(1n, 100_000n),
      (found, playedSeconds, paidSeconds, ratePaisePerHour) => {
        const stretches = found.map(({ kind, from, seconds }) =>
          kind === 'Play' ? play(from, seconds) : gap(from, seconds),
        )
        const lines = timeAxis({ readyAt, stretches, playedSeconds, paidSeconds, ratePaisePerHour })
        const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n)
        const played = lines.filter(({ kind }) => kind === 'Play')
        expect(sum(played.map(({ seconds }) => seconds))).toBe(playedSeconds)
        const billable = playedSeconds < paidSeconds ? playedSeconds : paidSeconds
        expect(sum(lines.map(({ paise }) => paise))).toBe(price({ ratePaisePerHour, seconds: billable }))
      },
    ),
  )
})
