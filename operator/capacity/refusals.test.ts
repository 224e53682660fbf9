import { describe, expect, test } from 'vitest'
import { type Place, rememberRefusals } from './refusals.ts'

function handDriven() {
  const time = { milliseconds: 0 }
  const monotonic = () => time.milliseconds
  const refusals = rememberRefusals({ clock: { monotonic } })
  return { refusals, monotonic, passSeconds: (seconds: number) => (time.milliseconds += seconds * 1000) }
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
  {
    code: 'OperationNotAllowed',
    message: 'Operation could not be completed as it results in exceeding approved Total Regional Cores quota.',
    place: regularA,
    ruled: [regularA, regularB],
    free: [spotA, spotB, farA],
  },
  { code: 'SubnetIsFull', message: '', ruled: [spotA, regularA, spotB, regularB], free: [farA] },
])('$code rules out as much as Azure means by it', ({ code, message, place = spotA, ruled, free }) => {
  const { refusals } = handDriven()
  refusals.remember({ code, message }, place, 'uid')
  expect(ruled.map(place => refusals.ruling(place)?.code)).toEqual(ruled.map(() => code))
  expect(free.map(place => refusals.ruling(place))).toEqual(free.map(() => undefined))
})

test('it is over when its time is', () => {
  const { refusals, passSeconds } = handDriven()
  refusals.remember({ code: 'AllocationFailed', message: '' }, spotA, 'uid')
  passSeconds(3599)
  expect(refusals.ruling(spotA)).toEqual({ code: 'AllocationFailed', leftSeconds: 1 })
  passSeconds(1)
  expect(refusals.ruling(spotA)).toBeUndefined()
})

test.each([
  { code: 'SkuNotAvailable', place: spotA, hours: 1 },
  { code: 'SkuNotAvailable', place: regularA, hours: 23 },
  { code: 'VMSizeNotSupported', place: spotA, hours: 23 },
  { code: 'OverconstrainedAllocationRequest', place: regularA, hours: 1 },
])('$code of $place.priority counts for $hours h', ({ code, place, hours }) => {
  const { refusals, passSeconds } = handDriven()
  refusals.remember({ code, message: '' }, place, 'uid')
  passSeconds(hours * 3600 - 1)
  expect(refusals.ruling(place)?.code).toBe(code)
  passSeconds(1)
  expect(refusals.ruling(place)).toBeUndefined()
})

describe('what was refused is tried by one at first', () => {
  const permitted = ({ refusals }: ReturnType<typeof handDriven>) =>
    Math.min(...refusals.doubts(spotA).map(doubt => doubt.permitted))

  test('when its time is over, and by twice as many with each that is granted', () => {
    const driven = handDriven()
    driven.refusals.remember({ code: 'AllocationFailed', message: '' }, spotA, 'uid')
    driven.passSeconds(3600)
    const steps = [permitted(driven)]
    for (let grants = 1; grants <= 6; grants += 1) {
      driven.refusals.granted(regularA, driven.monotonic()) // The refusal was of the size, whatever the priority.
      steps.push(permitted(driven))
    }
    expect(steps).toEqual([1, 2, 4, 8, 16, 32, Number.POSITIVE_INFINITY])
  })

  test('when a machine of ours gives the place back', () => {
    const driven = handDriven()
    expect(driven.refusals.ease(spotA)).toBe(false)
    driven.refusals.remember({ code: 'SkuNotAvailable', message: '' }, spotA, 'uid')
    expect(driven.refusals.ease(spotA)).toBe(true)
    expect(driven.refusals.ruling(spotA)).toBeUndefined()
    expect(permitted(driven)).toBe(1)
  })

  test('and another refusal begins it anew', () => {
    const driven = handDriven()
    driven.refusals.remember({ code: 'SkuNotAvailable', message: '' }, spotA, 'uid')
    driven.refusals.granted(spotA, driven.monotonic())
    driven.refusals.remember({ code: 'SkuNotAvailable', message: '' }, spotA, 'uid')
    expect(driven.refusals.ruling(spotA)).toEqual({ code: 'SkuNotAvailable', leftSeconds: 3600 })
  })

  test('an hour later it is forgotten', () => {
    const driven = handDriven()
    driven.refusals.remember({ code: 'AllocationFailed', message: '' }, spotA, 'uid')
    driven.passSeconds(7200)
    expect(driven.refusals.doubts(spotA)).toEqual([])
  })
})

test('what was asked for before the refusal, and made after it, does not speak against it', () => {
  const { refusals, passSeconds, monotonic } = handDriven()
  const askedAt = monotonic()
  passSeconds(20)
  refusals.remember({ code: 'AllocationFailed', message: '' }, spotA, 'uid')
  passSeconds(30)
  refusals.granted(spotA, askedAt)
  expect(refusals.ruling(spotA)?.leftSeconds).toBe(3570)
  refusals.granted(spotA, monotonic())
  expect(refusals.ruling(spotA)).toBeUndefined()
})

test('of two refusals the longer one counts', () => {
  const { refusals } = handDriven()
  refusals.remember({ code: 'SubnetIsFull', message: '' }, spotA, 'uid')
  refusals.remember({ code: 'AllocationFailed', message: '' }, spotA, 'uid')
  expect(refusals.ruling(spotA)?.code).toBe('AllocationFailed')
})

test.each(['AuthorizationFailed', 'TooManyRequests', 'NicInUse'])('%s is no refusal of capacity', code => {
  const { refusals } = handDriven()
  refusals.remember({ code, message: '' }, spotA, 'uid')
  expect(refusals.ruling(spotA)).toBeUndefined()
})

test('however much is refused, only so much is kept, the newest', () => {
  const { refusals } = handDriven()
  for (let index = 0; index < 2500; index += 1) {
    refusals.remember({ code: 'SkuNotAvailable', message: '' }, { ...spotA, size: `Standard_${index}` }, 'uid')
  }
  expect(refusals.ruling({ ...spotA, size: 'Standard_0' })).toBeUndefined()
  expect(refusals.ruling({ ...spotA, size: 'Standard_2499' })).toBeDefined()
})

describe('said of a zone', () => {
  const inZone = (place: Place, zone: '1' | '2'): Place => ({ ...place, zone })
  const [spotA1, spotA2] = [inZone(spotA, '1'), inZone(spotA, '2')]
  const [regularA1, regularA2, spotB1] = [inZone(regularA, '1'), inZone(regularA, '2'), inZone(spotB, '1')]

  test.each([
    { code: 'ZonalAllocationFailed', ruled: [spotA1, regularA1], free: [spotA2, regularA2, spotB1, spotA] },
    { code: 'OverconstrainedZonalAllocationRequest', ruled: [spotA1], free: [regularA1, spotA2, spotB1, spotA] },
    { code: 'SkuNotAvailable', ruled: [spotA1], free: [regularA1, spotA2, spotB1, spotA] },
    // These are the whole region's, wherever they were said.
    { code: 'AllocationFailed', ruled: [spotA1, spotA2, regularA1, regularA2, spotA], free: [spotB1] },
    { code: 'OverconstrainedAllocationRequest', ruled: [spotA1, spotA2, spotA], free: [regularA1, spotB1] },
    { code: 'SubnetIsFull', ruled: [spotA1, spotA2, spotB1, spotA], free: [farA] },
    // The region has no such zone, for anybody.
    { code: 'InvalidAvailabilityZone', ruled: [spotA1, regularA1, spotB1], free: [spotA2, spotA] },
  ])('$code rules out as much as Azure means by it', ({ code, ruled, free }) => {
    const { refusals } = handDriven()
    refusals.remember({ code, message: '' }, spotA1, 'uid')
    expect(ruled.map(place => refusals.ruling(place)?.code)).toEqual(ruled.map(() => code))
    expect(free.map(place => refusals.ruling(place))).toEqual(free.map(() => undefined))
  })

  test('what was refused of the region as a whole was refused of each zone', () => {
    const { refusals } = handDriven()
    refusals.remember({ code: 'SkuNotAvailable', message: '' }, spotA, 'uid')
    expect([spotA, spotA1, spotA2].map(place => refusals.ruling(place)?.code)).toEqual(Array(3).fill('SkuNotAvailable'))
  })

  test('a disk or an address in another zone keeps its own machine out, for an hour, and nobody else', () => {
    const { refusals, passSeconds } = handDriven()
    const message = "Disk d cannot be attached to the VM because it is not in zone '1'."
    refusals.remember({ code: 'BadRequest', message }, spotA1, 'mine')
    expect(refusals.isUnfit('mine', spotB1)).toBe(true)
    expect([refusals.isUnfit('mine', spotA2), refusals.isUnfit('other', spotA1)]).toEqual([false, false])
    expect(refusals.ruling(spotA1)).toBeUndefined()
    passSeconds(3600)
    expect(refusals.isUnfit('mine', spotA1)).toBe(false)
  })
})
