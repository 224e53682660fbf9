import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLogger } from '../../lib/telemetry/log.ts'
import type { Usage } from '../azure/provider.ts'
import { quotasOf, quotaWatch } from './quotas.ts'

const usage = (used: number, limit: number): Usage[] => [{ name: 'cores', used, limit }]

test.each([
  { used: 30, limit: 100, ours: 0, left: 70 },
  { used: 30, limit: 100, ours: 12, left: 82 }, // 18 are used by others; ours are counted where they stand.
  { used: 30, limit: 100, ours: 36, left: 100 }, // One of ours is not in Azure's list yet.
  { used: 130, limit: 100, ours: 0, left: -30 },
])('of $limit, $used used and $ours ours by then, there are $left for us', ({ used, limit, ours, left }) => {
  expect(quotasOf(usage(used, limit), new Map([['cores', ours]])).get('cores')?.limit).toBe(left)
})

test('there is never more for us than Azure permits', () => {
  fc.assert(
    fc.property(fc.nat(500), fc.nat(500), fc.nat(500), (used, limit, ours) => {
      expect(quotasOf(usage(used, limit), new Map([['cores', ours]])).get('cores')?.limit).toBeLessThanOrEqual(limit)
    }),
  )
})

describe('the watch', () => {
  /** So many rounds, a minute apart; what each reads. */
  async function watch(answers: (() => Usage[])[], staleSeconds?: number) {
    const time = { seconds: 0 }
    const stop = new AbortController()
    const told: (number | undefined)[] = []
    let round = 0
    const reads: number[] = []
    const quotas = quotaWatch({
      clock: {
        now: () => new Date(0),
        monotonic: () => time.seconds * 1000,
        sleep: async milliseconds => {
          time.seconds += milliseconds / 1000
          round += 1
          if (round === answers.length) stop.abort()
        },
      },
      log: createLogger({ program: 'test', level: 'silent' }),
      refreshSeconds: 60,
      ...(staleSeconds !== undefined && { staleSeconds }),
      regions: () => [{ region: 'near', subscriptionId: 's' }],
      read: async () => {
        reads.push(round)
        return answers[round]?.() ?? []
      },
      made: () => new Map(),
      onChange: region => told.push(quotas.of(region)?.get('cores')?.limit),
    })
    await quotas.run({ stop: stop.signal, abort: stop.signal })
    return { told, reads }
  }
  const refuse = (retryAfterSeconds?: number) => () => {
    throw Object.assign(new Error('429'), { retryAfterSeconds })
  }

  test('tells a change, and only a change', async () => {
    const { told } = await watch([() => usage(0, 10), () => usage(0, 10), () => usage(0, 20)])
    expect(told).toEqual([10, 20])
  })

  test('believes the last list for a while after a failure, and then nothing: it tells that once', async () => {
    const { told } = await watch([() => usage(0, 10), refuse(), refuse(), refuse(), () => usage(0, 10)], 150)
    expect(told).toEqual([10, undefined, 10])
  })

  test('asks no sooner than Azure permits', async () => {
    const { reads } = await watch([refuse(150), refuse(), refuse(), () => usage(0, 10)])
    expect(reads).toEqual([0, 3])
  })
})
