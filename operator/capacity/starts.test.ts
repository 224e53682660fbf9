import { describe, expect, test } from 'vitest'
import { startsSchema } from '../../crds/starts.ts'
import type { Queue } from './admission.ts'
import { askingFor, conditions, evening, NEAR } from './market.fixture.ts'
import { plan } from './plan.ts'
import { median, starts } from './starts.ts'

function expected(given: { waiting?: number; departures?: number[]; startSeconds?: number; isRefused?: boolean }) {
  const { waiting = 0, departures = [], isRefused = false } = given
  const known = conditions({
    ...(isRefused && { rulingOn: () => ({ code: 'SkuNotAvailable', leftSeconds: 300 }) }),
    quotas: {},
  })
  const askings = Array.from({ length: waiting }, (_, index) => askingFor(`waiting-${index}`))
  const { stock, rankings } = plan({
    askings,
    claims: new Map(),
    promised: new Map(),
    conditions: known,
    now: evening(60),
  })
  const queue: Queue = {
    waiting: askings.map(asking => ({ asking, ranking: rankings.get(asking.uid) ?? { candidates: [], ruledOut: [] } })),
    stock,
    departures,
  }
  const market = {
    conditions: known,
    stock,
    evidence: () => ({ evictionsPerHour: 0, published: undefined, seen: { evictions: 0, machineHours: 0 } }),
    onDemand: () => ({ granted: 0, refused: 0 }),
    quotaAgeSeconds: () => undefined,
  }
  const { items } = startsSchema.parse(starts({ market, queue, startSeconds: given.startSeconds }))
  return items.find(({ tier, region }) => tier === Object.keys(known.catalogue.tiers)[0] && region === NEAR)
}

describe('a start is expected', () => {
  test('as soon as machines lately took, where there is room', () => {
    expect(expected({ startSeconds: 80 })).toMatchObject({ expectedSeconds: 80, waiting: 0 })
  })
  test('after those who wait already, as fast as those before them were served', () => {
    expect(expected({ startSeconds: 80, waiting: 2, departures: [100, 40] })).toMatchObject({
      expectedSeconds: 3 * 100 + 80,
      waiting: 2,
    })
  })
  test('when what was refused may be asked for again, where nobody was served yet', () => {
    expect(expected({ startSeconds: 80, isRefused: true })).toMatchObject({ expectedSeconds: 380 })
  })
  test('by nobody, where nothing tells: no start yet, or a wait that nobody knows', () => {
    expect(expected({})).toBeUndefined()
    expect(expected({ startSeconds: 80, waiting: 1 })).toBeUndefined()
  })
})

test('the middle one of what starts took', () => {
  expect(median([90, 30, 600])).toBe(90)
  expect(median([])).toBeUndefined()
})
