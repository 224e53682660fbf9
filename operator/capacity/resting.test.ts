import { expect, test } from 'vitest'
import { restingRegions } from './resting.ts'

function handDriven() {
  const time = { milliseconds: 0 }
  const resting = restingRegions({ clock: { monotonic: () => time.milliseconds } })
  return {
    resting,
    fail: (times = 1) => {
      for (let count = 0; count < times; count += 1) resting.note({ region: 'near' }, 'Failed')
    },
    grant: (times = 1) => {
      for (let count = 0; count < times; count += 1) resting.note({ region: 'near' }, 'Granted')
    },
    passSeconds: (seconds: number) => (time.milliseconds += seconds * 1000),
  }
}

test('a region in which most creations fail rests, and no other does', () => {
  const { resting, fail } = handDriven()
  fail(4)
  expect(resting.of({ region: 'near' })).toBeUndefined()
  fail()
  expect(resting.of({ region: 'near' })).toEqual({ is: 'Resting', leftSeconds: 300 })
  expect(resting.of({ region: 'far' })).toBeUndefined()
})

test('half of them is not most, and what is ten minutes old counts no more', () => {
  const { resting, fail, grant, passSeconds } = handDriven()
  grant(5)
  fail(5)
  expect(resting.of({ region: 'near' })).toBeUndefined()
  const old = handDriven()
  old.fail(4)
  old.passSeconds(600)
  old.fail(4)
  expect(old.resting.of({ region: 'near' })).toBeUndefined()
  passSeconds(1)
  fail()
  expect(resting.of({ region: 'near' })).toEqual({ is: 'Resting', leftSeconds: 300 })
})

test('after the rest one tries: success ends it, failure doubles it, up to an hour', () => {
  const { resting, fail, grant, passSeconds } = handDriven()
  fail(5)
  const rests = []
  for (let round = 0; round < 6; round += 1) {
    const rest = resting.of({ region: 'near' })
    const seconds = rest?.is === 'Resting' ? rest.leftSeconds : 0
    rests.push(seconds)
    passSeconds(seconds)
    expect(resting.of({ region: 'near' })).toEqual({ is: 'Trying' })
    fail()
  }
  expect(rests).toEqual([300, 600, 1200, 2400, 3600, 3600])
  passSeconds(3600)
  grant()
  expect(resting.of({ region: 'near' })).toBeUndefined()
  fail(4) // The failures before the rest are forgotten.
  expect(resting.of({ region: 'near' })).toBeUndefined()
})

test('what was on its way already does not prolong the rest', () => {
  const { resting, fail } = handDriven()
  fail(9)
  expect(resting.of({ region: 'near' })).toEqual({ is: 'Resting', leftSeconds: 300 })
})

test('where zones are used each rests by itself', () => {
  const { resting } = handDriven()
  for (let count = 0; count < 5; count += 1) resting.note({ region: 'near', zone: '1' }, 'Failed')
  expect(resting.of({ region: 'near', zone: '1' })).toEqual({ is: 'Resting', leftSeconds: 300 })
  expect(resting.of({ region: 'near', zone: '2' })).toBeUndefined()
  expect(resting.of({ region: 'near' })).toBeUndefined()
})
