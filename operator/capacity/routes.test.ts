import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Queue } from './admission.ts'
import { askingFor, claim, conditions, evening, FAR, type MarketFixture, NEAR, ZONED } from './market.fixture.ts'
import { capacityMetrics } from './metrics.ts'
import type { Market } from './offerings.ts'
import { type Asking, plan } from './plan.ts'
import { capacityRoutes } from './routes.ts'
import type { Claim } from './stock.ts'

function seen(
  given: { askings?: Asking[]; claims?: Record<string, Claim>; market?: MarketFixture; departures?: number[] } = {},
) {
  const { askings = [], claims = {}, departures = [] } = given
  const known = conditions(given.market)
  const { order, rankings, stock } = plan({
    askings,
    claims: new Map(Object.entries(claims)),
    promised: new Map(),
    conditions: known,
    now: evening(60),
  })
  const waiting = order.flatMap(asking => {
    const ranking = rankings.get(asking.uid)
    return ranking?.candidates.length === 0 ? [{ asking, ranking }] : []
  })
  return {
    market: (): Market => ({
      conditions: known,
      stock,
      evidence: () => ({ evictionsPerHour: 0.05, published: 0.025, seen: { evictions: 1, machineHours: 6 } }),
      onDemand: () => ({ granted: 1, refused: 1 }),
      quotaAgeSeconds: () => 12,
    }),
    queue: (): Queue => ({ waiting, stock, departures }),
    startSeconds: () => 80,
  }
}

/** As far as these tests look into a reply. */
const shape = z.looseObject({
  offerings: z.array(z.looseObject({ size: z.string(), priority: z.string() })).default([]),
  regions: z.array(z.unknown()).default([]),
  sessions: z.array(z.looseObject({ name: z.string(), place: z.number() })).default([]),
  waiting: z.number().optional(),
  detail: z.string().default(''),
})

async function ask(outside: ReturnType<typeof seen>, path: string, method = 'GET') {
  const reply = await capacityRoutes(outside).request(path, { method })
  const body = shape.parse(await reply.json())
  return { status: reply.status, type: reply.headers.get('Content-Type'), body }
}

describe('offerings', () => {
  const market: MarketFixture = {
    quotas: { [NEAR]: { lowPriorityCores: 12, cores: 20, f: 18 } },
    rulingOn: ({ size, priority }) =>
      size === 'Standard_B' && priority === 'Spot' ? { code: 'SkuNotAvailable', leftSeconds: 99 } : undefined,
    reserve: { share: 0.5, minimum: 1 },
  }
  const claims = { one: claim(), two: claim() }

  test('tell of each place what it costs, how often it is taken back, what is left and what speaks against it', async () => {
    const { status, body } = await ask(seen({ market, claims }), `/v1/offerings?region=${NEAR}`)
    expect(status).toBe(200)
    expect(body.offerings).toHaveLength(8)
    expect(body.offerings[0]).toEqual({
      region: NEAR,
      size: 'Standard_A',
      priority: 'Spot',
      hourlyPriceUsd: 0.1,
      expectedPriceUsd: 0.1,
      evictions: { evictionsPerHour: 0.05, published: 0.025, seen: { evictions: 1, machineHours: 6 } },
      quotaLeft: { lowPriorityCores: 0 },
      room: 0,
      verdict: 'QuotaUsed',
      reason: 'Standard_A spot in centralindia has no quota left (lowPriorityCores).',
    })
    const verdicts = body.offerings.map(({ size, priority, verdict, room }) =>
      [size.at(-1), priority, verdict, room].join(' '),
    )
    expect(verdicts).toEqual([
      'A Spot QuotaUsed 0',
      'A Regular Available 3', // 18 of the family are left, 6 are kept, 6 are taken.
      'B Spot RefusedLately 0',
      'B Regular Available 1',
      'V Spot QuotaUsed 0',
      'V Regular Available 2',
      'C Spot QuotaUsed 0',
      'C Regular QuotaUsed 0',
    ])
  })

  test('tell of each region what is kept for rescues, and how likely one is to succeed', async () => {
    const { body } = await ask(seen({ market, claims }), '/v1/offerings')
    expect(body.regions).toEqual([
      {
        region: NEAR,
        quotaAgeSeconds: 12,
        // Room for three of two, and Azure granted one of two lately: (1 + 1) / (1 + 1 + 1).
        rescue: { spotMachines: 2, keptMachines: 1, keptCores: 6, freeMachines: 3, chance: 2 / 3 },
      },
      {
        region: FAR,
        quotaAgeSeconds: 12,
        rescue: { spotMachines: 0, keptMachines: 0, keptCores: 0, chance: 2 / 3 },
      },
      expect.objectContaining({ region: ZONED }),
    ])
  })

  test('tell of each zone of a region that is used by zones what speaks against it', async () => {
    const zoned: MarketFixture = {
      rulingOn: ({ zone, size }) =>
        zone === '1' && size === 'Standard_A' ? { code: 'ZonalAllocationFailed', leftSeconds: 99 } : undefined,
      restOf: ({ zone }) => (zone === '2' ? { is: 'Resting', leftSeconds: 9 } : undefined),
    }
    const { body } = await ask(seen({ market: zoned }), `/v1/offerings?region=${ZONED}`)
    const spotA = body.offerings.filter(({ size, priority }) => size === 'Standard_A' && priority === 'Spot')
    expect(spotA.map(({ zone, reason }) => [zone, reason])).toEqual([
      ['1', 'Standard_A spot in zone 1 of northeurope was refused by Azure lately (ZonalAllocationFailed).'],
      ['2', 'zone 2 of northeurope rests, since most creations there failed lately.'],
      ['3', 'Standard_A spot in zone 3 of northeurope is to be had.'],
    ])
    const zones = [{ zone: '1' }, { zone: '2', rest: { is: 'Resting', leftSeconds: 9 } }, { zone: '3' }]
    expect(body.regions).toMatchObject([{ region: ZONED, zones }])
  })
})

describe('the queue', () => {
  const askings = ['a', 'b', 'c'].map((name, index) =>
    askingFor(name, { createdAt: evening(index).toISOString(), ...(name === 'b' && { wish: { regions: [FAR] } }) }),
  )
  const market: MarketFixture = { quotas: { [NEAR]: { lowPriorityCores: 0 }, [FAR]: { lowPriorityCores: 0 } } }

  test('tells each its place among those that could take the same, and the expected wait with what it is known from', async () => {
    const { body } = await ask(seen({ askings, market, departures: [90, 30] }), '/v1/queue')
    expect(body.waiting).toBe(3)
    expect(body.sessions.map(({ name, place }) => [name, place])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 2],
    ])
    expect(body.sessions[2]).toEqual({
      namespace: 'play',
      name: 'c',
      place: 2,
      createdAt: evening(2).toISOString(),
      why: 'New',
      reasons: ['QuotaUsed'],
      message: 'Standard_A spot in centralindia has no quota left (lowPriorityCores).',
      expectedSeconds: 180,
      evidence: { servedLastHour: 2, meanSecondsBetween: 90 },
    })
  })

  test('can be asked for one session, and for so many', async () => {
    const outside = seen({ askings, market })
    expect((await ask(outside, '/v1/queue/play/c')).body).toMatchObject({ name: 'c', place: 2 })
    const { body } = await ask(outside, '/v1/queue?limit=1')
    expect([body.waiting, body.sessions.length]).toEqual([3, 1])
  })
})

test.each([
  ['GET', '/v1/offerings?region=mars', 404, 'RegionUnknown', 'it has: centralindia, westeurope, northeurope.'],
  ['GET', '/v1/queue/play/nobody', 404, 'NotWaiting', 'No session play/nobody waits'],
  ['GET', '/v1/queue?limit=0', 422, 'InvalidRequest', 'from 1 to 1000'],
  ['GET', '/v1/queue?limit=many', 422, 'InvalidRequest', 'from 1 to 1000'],
  ['GET', '/v1/quotas', 404, 'NotFound', '/v1/offerings'],
  ['POST', '/v1/queue', 405, 'MethodNotAllowed', 'use GET'],
  ['DELETE', '/v1/queue/play/a', 405, 'MethodNotAllowed', 'use GET'],
])('I8: %s %s is a problem that says what to do', async (method, path, status, code, words) => {
  const reply = await ask(seen(), path, method)
  expect(reply).toMatchObject({ status, type: 'application/problem+json', body: { status, code } })
  expect(reply.body.detail).toContain(words)
})

test('the same is there as metrics', async () => {
  const registry = new Registry()
  const market: MarketFixture = {
    quotas: { [NEAR]: { lowPriorityCores: 0 } },
    restOf: ({ zone }) => (zone === '2' ? { is: 'Resting', leftSeconds: 9 } : undefined),
  }
  capacityMetrics(registry, seen({ askings: [askingFor('a')], market }))
  const text = await registry.metrics()
  expect(text).toContain('wasd_offering_available{region="centralindia",size="Standard_A",priority="Spot"} 0')
  expect(text).toContain('wasd_offering_available{region="westeurope",size="Standard_A",priority="Spot"} 1')
  for (const [zone, isThere] of [
    ['1', 1],
    ['2', 0],
    ['3', 1],
  ]) {
    const place = `region="${ZONED}",zone="${zone}",size="Standard_A",priority="Spot"`
    expect(text).toContain(`wasd_offering_available{${place}} ${isThere}`)
  }
  expect(text).toContain(`wasd_region_resting{region="${ZONED}",zone="2"} 1`)
  expect(text).toContain('wasd_region_resting{region="centralindia"} 0')
  expect(text).toContain('wasd_quota_left{region="centralindia",quota="lowPriorityCores"} 0')
  expect(text).toMatch(/wasd_rescue_chance\{region="centralindia"\} 0\.66/)
  expect(text).toContain('wasd_sessions_waiting{reason="QuotaUsed"} 1')
  expect(text).toContain('wasd_sessions_waiting{reason="LimitReached"} 0')
})
