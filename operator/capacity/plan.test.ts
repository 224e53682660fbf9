import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { askingFor, claim, conditions, evening, FAR, LARGE, type MarketFixture, NEAR, SMALL } from './market.fixture.ts'
import { type Asking, claimOf, extend, OVERTAKEN_SECONDS, plan } from './plan.ts'
import type { Claim } from './stock.ts'

function planFor(
  askings: Asking[],
  market: MarketFixture = {},
  more: { claims?: Record<string, Claim>; promised?: Record<string, Claim>; now?: Date } = {},
) {
  const { claims = {}, promised = {}, now = evening(60) } = more
  return plan({
    askings,
    claims: new Map(Object.entries(claims)),
    promised: new Map(Object.entries(promised)),
    conditions: conditions(market),
    now,
  })
}

/** What each gets, or the reason why it waits. */
function told({ rankings, order }: ReturnType<typeof plan>): string[] {
  return order.map(({ name, uid }) => {
    const { candidates, ruledOut } = rankings.get(uid) ?? { candidates: [], ruledOut: [] }
    const [best] = candidates
    return `${name}: ${best ? `${best.size.at(-1)} ${best.priority} ${best.region}` : ruledOut[0]?.reason}`
  })
}

const created = (seconds: number) => ({ createdAt: evening(seconds).toISOString() })
const spotCores = (cores: number) => ({ quotas: { [NEAR]: { lowPriorityCores: cores } } })

describe('the queue', () => {
  test('serves the oldest by creation, then by UID, for as long as quota lasts', () => {
    const askings = [
      askingFor('young', created(2)),
      askingFor('z', created(1)),
      askingFor('a', created(1)),
      askingFor('old', created(0)),
    ]
    expect(told(planFor(askings, spotCores(13)))).toEqual([
      'old: A Spot centralindia',
      'a: A Spot centralindia',
      'z: QuotaUsed',
      'young: QuotaUsed',
    ])
  })

  test('two that are placed in one pass count each other, and what is made already', () => {
    const claims = { one: claim(), two: claim({ isToRun: false }) } // A stopped machine holds its quota.
    expect(told(planFor([askingFor('a'), askingFor('b')], spotCores(18), { claims }))).toEqual([
      'a: A Spot centralindia',
      'b: QuotaUsed',
    ])
  })

  test('counts what is promised to whoever is about to make it', () => {
    const [a, b] = [askingFor('a', created(1)), askingFor('b')]
    const promised = { [a.uid]: claimOf(a, { region: NEAR, size: SMALL.size, priority: 'Spot' }) }
    expect(planFor([a, b], spotCores(6), { promised }).rankings.get(b.uid)?.candidates).toEqual([])
  })

  test('an older one that is of no use for what is there holds up no other tier and no other region', () => {
    const large = askingFor('large', { wish: { sizes: [LARGE.size] } })
    const small = askingFor('small', created(1))
    const elsewhere = askingFor('elsewhere', { ...created(2), wish: { regions: [FAR] } })
    expect(told(planFor([large, small, elsewhere], spotCores(24)))).toEqual([
      'large: QuotaUsed',
      'small: A Spot centralindia',
      'elsewhere: A Spot westeurope',
    ])
  })

  test('but once it has waited for five minutes, what frees is saved for it', () => {
    const large = askingFor('large', { wish: { sizes: [LARGE.size] } })
    const small = askingFor('small', created(1))
    const now = evening(OVERTAKEN_SECONDS)
    expect(told(planFor([large, small], spotCores(36), { now }))[0]).toBe('large: C Spot centralindia')
    const claims = { other: claim() } // 30 of 36 are left: it can be attained once the other goes.
    expect(told(planFor([large, small], spotCores(36), { now, claims }))).toEqual(['large: QuotaUsed', 'small: Queued'])
    // Of 35 cores there is never enough for it: nobody waits in vain.
    expect(told(planFor([large, small], spotCores(35), { now }))[1]).toBe('small: A Spot centralindia')
  })

  test('what was refused is tried by one, the head, and not by the crowd', () => {
    const doubtsOf = () => [{ key: 'near', permitted: 1 }]
    const three = [askingFor('a'), askingFor('b'), askingFor('c')]
    expect(told(planFor(three, { doubtsOf }))).toEqual(['a: A Spot centralindia', 'b: Queued', 'c: Queued'])
    const claims = { trying: claim({ isOnTheWay: true }) }
    expect(told(planFor(three, { doubtsOf }, { claims }))[0]).toBe('a: Queued')
  })

  test('a region at rest is gone round, and afterwards tried by one', () => {
    const two = [askingFor('a', { wish: { regions: [NEAR, FAR] } }), askingFor('b', { wish: { regions: [NEAR, FAR] } })]
    const resting = ({ region }: { region: string }) =>
      region === NEAR ? ({ is: 'Resting', leftSeconds: 9 } as const) : undefined
    const around = planFor(two, { restOf: resting })
    expect(told(around)).toEqual(['a: A Spot westeurope', 'b: A Spot westeurope'])
    expect(around.validSeconds).toBe(9)
    const trying = ({ region }: { region: string }) => (region === NEAR ? ({ is: 'Trying' } as const) : undefined)
    expect(told(planFor(two, { restOf: trying }))).toEqual(['a: A Spot centralindia', 'b: A Spot westeurope'])
  })

  test('of a region that is used by zones only the zone at rest is gone round', () => {
    const wish = { zones: { [NEAR]: ['1', '2'] } } as const
    const restOf = ({ zone }: { zone?: string | undefined }) =>
      zone === '1' ? ({ is: 'Resting', leftSeconds: 9 } as const) : undefined
    const { rankings } = planFor([askingFor('a', { wish })], { restOf })
    expect(rankings.get('uid-a')).toMatchObject({
      candidates: [{ zone: '2' }],
      ruledOut: [{ zone: '1', message: 'zone 1 of centralindia rests, since most creations there failed lately.' }],
    })
  })

  test('a machine is not led again into a zone that its disks keep it out of', () => {
    const wish = { zones: { [NEAR]: ['1', '2', '3'] } } as const
    const at = { region: NEAR, zone: '1', size: SMALL.size, priority: 'Spot' } as const
    const asking = askingFor('a', { wish, at, machineUid: 'mine', why: 'Rescue' })
    const isUnfit = (uid: string, { zone }: { zone?: string | undefined }) => uid === 'mine' && zone === '2'
    expect(planFor([asking], { isUnfit }).rankings.get('uid-a')?.candidates).toMatchObject([{ zone: '3' }])
  })

  test('an unknown quota holds nobody up', () => {
    expect(told(planFor([askingFor('a'), askingFor('b')], { quotas: { [NEAR]: {} } })).join()).not.toContain('Quota')
  })

  test('addresses count like cores', () => {
    const market = { quotas: { [NEAR]: { lowPriorityCores: 600, StandardSkuPublicIpAddresses: 1 } } }
    expect(told(planFor([askingFor('a'), askingFor('b')], market))).toEqual(['a: A Spot centralindia', 'b: QuotaUsed'])
  })
})

describe('the rescue reserve', () => {
  const onDemand = (name: string, more: Partial<Asking> = {}) =>
    askingFor(name, { ...more, wish: { preference: 'OnDemandOnly' } })
  const market = { quotas: { [NEAR]: { cores: 18, f: 18 } }, reserve: { share: 0.5, minimum: 1 } }
  const claims = { one: claim(), two: claim() }

  test('keeps on-demand quota free for the spot machines of the region', () => {
    expect(told(planFor([onDemand('a'), onDemand('b'), onDemand('c')], market, { claims }))).toEqual([
      'a: A Regular centralindia',
      'b: A Regular centralindia',
      'c: RescueReserve',
    ])
  })

  test('is there for the rescues, which go before everybody', () => {
    const rescue = onDemand('rescue', { ...created(9), why: 'Rescue' })
    expect(told(planFor([onDemand('a'), onDemand('b'), rescue], market, { claims }))).toEqual([
      'rescue: A Regular centralindia',
      'a: A Regular centralindia',
      'b: RescueReserve',
    ])
  })

  test('spot that waits for spot needs none', () => {
    const waiting = { one: claim({ isRescuable: false }), two: claim({ isRescuable: false }) }
    expect(told(planFor([onDemand('a'), onDemand('b'), onDemand('c')], market, { claims: waiting }))[2]).toBe(
      'c: A Regular centralindia',
    )
  })
})

describe('limits', () => {
  test('let so many in, the others wait and are told which limit it is', () => {
    const { rankings } = planFor([askingFor('a'), askingFor('b')], { limits: { machines: 1 } })
    expect(rankings.get('uid-a')?.candidates).toHaveLength(1)
    expect(rankings.get('uid-b')?.ruledOut[0]).toMatchObject({
      reason: 'LimitReached',
      message: 'The limit of machines in all is reached: 1 of at most 1 stand.',
    })
  })

  test('of one namespace or region do not hold up another', () => {
    const limits = { namespaces: { play: { machines: 0 } }, regions: { [FAR]: { hourlyPriceUsd: 0 } } }
    const askings = [
      askingFor('a'),
      askingFor('b', { namespace: 'other' }),
      askingFor('c', { namespace: 'other', wish: { regions: [FAR] } }),
    ]
    expect(told(planFor(askings, { limits }))).toEqual(['a: LimitReached', 'b: A Spot centralindia', 'c: LimitReached'])
  })

  test('of on-demand let spot through, and go round by it', () => {
    const limits = { onDemandShare: 0 }
    const asking = askingFor('a', { wish: { preference: 'SpotFirst' } })
    expect(told(planFor([asking], { limits }))).toEqual(['a: A Spot centralindia'])
    const rulingOn = ({ priority }: { priority: string }) =>
      priority === 'Spot' ? { code: 'SkuNotAvailable', leftSeconds: 9 } : undefined
    expect(told(planFor([asking], { limits, rulingOn }))).toEqual(['a: LimitReached'])
  })

  test('never hold up a rescue', () => {
    const limits = { machines: 0, onDemandShare: 0, hourlyPriceUsd: 0 }
    const rescue = askingFor('a', { why: 'Rescue', wish: { preference: 'OnDemandOnly' } })
    expect(told(planFor([rescue], { limits, restOf: () => ({ is: 'Resting', leftSeconds: 1 }) }))).toEqual([
      'a: A Regular centralindia',
    ])
  })

  test('hold up a resume, whose machine counts again; quota does not', () => {
    const at = { region: NEAR, size: SMALL.size, priority: 'Spot' } as const
    const resume = askingFor('a', { why: 'Resume', machineUid: 'm', at })
    const claims = { m: claim({ isToRun: false }) }
    expect(told(planFor([resume], spotCores(6), { claims }))).toEqual(['a: A Spot centralindia'])
    expect(told(planFor([resume], { limits: { machines: 0 } }, { claims }))).toEqual(['a: LimitReached'])
  })
})

test('a machine that was refused gives its claim up for the next place, and keeps it where there is none', () => {
  const at = { region: NEAR, size: SMALL.size, priority: 'Spot' } as const
  const moving = askingFor('moving', { machineUid: 'm', at, wish: { sizes: ['Standard_A', 'Standard_B'] } })
  const claims = { m: claim() }
  const younger = askingFor('b', created(1))
  expect(told(planFor([moving, younger], spotCores(12), { claims }))).toEqual([
    'moving: B Spot centralindia', // 12 cores, since its own 6 are free again.
    'b: QuotaUsed',
  ])
  const { rankings } = planFor([moving, younger], spotCores(11), { claims })
  expect(rankings.get('uid-moving')?.candidates).toEqual([])
  expect(rankings.get('uid-b')?.candidates).toEqual([]) // 5 are left beside its claim.
})

const population = fc.array(
  fc.record({
    seconds: fc.nat(600),
    size: fc.constantFrom('Standard_A', 'Standard_B', 'Standard_C'),
    preference: fc.constantFrom('SpotFirst', 'SpotOnly', 'OnDemandOnly'),
    regions: fc.constantFrom<string[]>([NEAR], [FAR], [NEAR, FAR]),
    why: fc.constantFrom('New', 'New', 'New', 'Rescue'),
  }),
  { maxLength: 30 },
)
const market = fc.record({
  spot: fc.nat(200),
  regular: fc.nat(200),
  machines: fc.nat(30),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
})

test('whatever is asked for, no newcomer is promised more than there is, and whoever waits is told why', () => {
  fc.assert(
    fc.property(population, market, fc.nat(1200), (people, { spot, regular, machines, share }, now) => {
      const askings = people.map(({ seconds, size, preference, regions, why }, index) =>
        askingFor(String(index), { ...created(seconds), why, wish: { sizes: [size], preference, regions } }),
      )
      const pools = { lowPriorityCores: spot, cores: regular, f: regular }
      const given = {
        quotas: { [NEAR]: pools, [FAR]: pools },
        limits: { machines },
        reserve: { share, minimum: 1 },
      }
      const { rankings, order, stock } = planFor(askings, given, { now: evening(now) })
      const served = order.filter(({ uid }) => (rankings.get(uid)?.candidates.length ?? 0) > 0)
      expect(served.filter(({ why }) => why === 'New').length).toBeLessThanOrEqual(machines)
      if (!askings.some(({ why }) => why === 'Rescue')) {
        for (const region of [NEAR, FAR]) {
          for (const quota of ['lowPriorityCores', 'cores', 'f'])
            expect(stock.left(region, quota)).toBeGreaterThanOrEqual(0)
        }
      }
      for (const { uid } of order) {
        const { candidates, ruledOut } = rankings.get(uid) ?? { candidates: [], ruledOut: [] }
        expect(candidates.length + ruledOut.length).toBeGreaterThan(0)
      }
      // Equal wishes: the older is never behind the younger.
      for (const [index, asking] of order.entries()) {
        const isServed = served.includes(asking)
        const older = order
          .slice(0, index)
          .filter(({ wishKey, why }) => wishKey === asking.wishKey && why === asking.why)
        if (isServed) expect(older.every(one => served.includes(one))).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})

test('one more at the end gets what a plan from scratch would give it', () => {
  const askings = ['a', 'b', 'c', 'd'].map((name, index) => askingFor(name, created(index)))
  const [last] = askings.slice(-1)
  if (last === undefined) throw new Error('There are four.')
  const given = { claims: new Map(), promised: new Map(), conditions: conditions(spotCores(18)), now: evening(60) }
  const whole = plan({ ...given, askings })
  const grown = extend(plan({ ...given, askings: askings.slice(0, -1) }), last, { ...given, askings })
  expect(told(grown)).toEqual(told(whole))
})
