import { expect, test } from 'vitest'
import { type Place, rememberRefusals } from './refusals.ts'

function handDriven() {
  const time = { milliseconds: 0 }
  const clock = { now: () => new Date(0), monotonic: () => time.milliseconds, sleep: async () => undefined }
  return {
    refusals: rememberRefusals({ clock }),
    passSeconds: (seconds: number) => (time.milliseconds += seconds * 1000),
  }
}

const spotA: Place = { region: 'near', size: 'Standard_A', priority: 'Spot' }
const regularA: Place = { ...spotA, priority: 'Regular' }
const spotB: Place = { ...spotA, size: 'Standard_B' }
const regularB: Place = { ...spotB, priority: 'Regular' }
const farA: Place = { ...spotA, region: 'far' }

test.each([
  { code: 'SkuNotAvailable', message: '', ruled: [spotA], free: [regularA, spotB, farA] },
  { code: 'OverconstrainedAllocationRequest', message: '', ruled: [spotA], free: [regularA, spotB, farA] },
  { code: 'AllocationFailed', message: '', ruled: [spotA, regularA], free: [spotB, farA] },
  { code: 'ZonalAllocationFailed', message: '', ruled: [spotA, regularA], free: [spotB, farA] },
  {
    code: 'OperationNotAllowed',
    message: 'Operation could not be completed as it results in exceeding approved LowPriorityCores quota.',
    ruled: [spotA, spotB],
    free: [regularA, regularB, farA],
  },
  { code: 'SubnetIsFull', message: '', ruled: [spotA, regularA, spotB, regularB], free: [farA] },
])('$code rules out as much as Azure means by it', ({ code, message, ruled, free }) => {
  const { refusals } = handDriven()
  refusals.remember({ code, message }, spotA)
  expect(ruled.map(place => refusals.ruling(place)?.code)).toEqual(ruled.map(() => code))
  expect(free.map(place => refusals.ruling(place))).toEqual(free.map(() => undefined))
})

test('it is over when its time is', () => {
  const { refusals, passSeconds } = handDriven()
  refusals.remember({ code: 'AllocationFailed', message: '' }, spotA)
  passSeconds(3599)
  expect(refusals.ruling(spotA)).toEqual({ code: 'AllocationFailed', leftSeconds: 1 })
  passSeconds(1)
  expect(refusals.ruling(spotA)).toBeUndefined()
})

test('of two refusals the longer one counts', () => {
  const { refusals } = handDriven()
  refusals.remember({ code: 'SubnetIsFull', message: '' }, spotA)
  refusals.remember({ code: 'AllocationFailed', message: '' }, spotA)
  expect(refusals.ruling(spotA)?.code).toBe('AllocationFailed')
})

test.each(['AuthorizationFailed', 'TooManyRequests', 'NicInUse'])('%s is no refusal of capacity', code => {
  const { refusals } = handDriven()
  refusals.remember({ code, message: '' }, spotA)
  expect(refusals.ruling(spotA)).toBeUndefined()
})

test('however much is refused, only so much is kept, the newest', () => {
  const { refusals } = handDriven()
  for (let index = 0; index < 2500; index += 1) {
    refusals.remember({ code: 'SkuNotAvailable', message: '' }, { ...spotA, size: `Standard_${index}` })
  }
  expect(refusals.ruling({ ...spotA, size: 'Standard_0' })).toBeUndefined()
  expect(refusals.ruling({ ...spotA, size: 'Standard_2499' })).toBeDefined()
})
