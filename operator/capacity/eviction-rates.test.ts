import { expect, test } from 'vitest'
import { evictionRates, rateOfRange } from './eviction-rates.ts'

const place = { region: 'near', size: 'Standard_A' }

function handDriven() {
  const time = { milliseconds: 0 }
  const rates = evictionRates({ clock: { monotonic: () => time.milliseconds } })
  return { rates, passHours: (hours: number) => (time.milliseconds += hours * 3_600_000) }
}

test.each([
  ['0-5', 0.025],
  ['5-10', 0.075],
  ['15-20', 0.175],
  ['20+', 0.25],
  ['often', undefined],
  ['', undefined],
])('Azure’s range %s is read as %s', (range, rate) => {
  expect(rateOfRange(range)).toBe(rate)
})

test('with nothing known there is no rate', () => {
  expect(handDriven().rates.of(place)).toEqual({
    evictionsPerHour: undefined,
    published: undefined,
    seen: { evictions: 0, machineHours: 0 },
  })
})

test('Azure’s own figure is believed until there is experience', () => {
  const { rates } = handDriven()
  rates.publish([{ region: 'near', size: 'standard_a', rate: 0.25 }])
  expect(rates.of(place)).toMatchObject({ evictionsPerHour: 0.25, published: 0.25 })
})

test('our own evictions and hours move it', () => {
  const { rates, passHours } = handDriven()
  rates.publish([{ ...place, rate: 0.25 }])
  rates.began('calm', place)
  passHours(12)
  expect(rates.of(place).evictionsPerHour).toBeCloseTo((24 * 0.25) / 36) // Also while it still runs.
  rates.ended('calm', 'Released')
  rates.began('struck', place)
  rates.ended('struck', 'Evicted')
  expect(rates.of(place).evictionsPerHour).toBeCloseTo((1 + 24 * 0.25) / 36)
  expect(rates.of({ ...place, region: 'far' }).seen.evictions).toBe(0)
})

test('what an earlier process saw counts, and all of it fades', () => {
  const { rates, passHours } = handDriven()
  rates.recall([{ ...place, evictions: 8, machineHours: 40 }])
  expect(rates.of(place).evictionsPerHour).toBeCloseTo((8 + 24 * 0.05) / 64)
  passHours(7 * 24)
  expect(rates.of(place).seen.evictions).toBeCloseTo(4)
})

test('what Azure publishes of a region is believed of each zone; what we see is the zone’s own', () => {
  const { rates, passHours } = handDriven()
  rates.publish([{ ...place, rate: 0.1 }])
  rates.began('unlucky', { ...place, zone: '1' })
  passHours(1)
  rates.ended('unlucky', 'Evicted')
  expect(rates.of({ ...place, zone: '1' })).toMatchObject({ published: 0.1, seen: { evictions: 1, machineHours: 1 } })
  expect(rates.of({ ...place, zone: '2' })).toMatchObject({ published: 0.1, seen: { evictions: 0, machineHours: 0 } })
})
