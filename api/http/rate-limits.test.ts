import { afterAll, expect, test } from 'vitest'
import { createLogger } from '../../lib/telemetry/log.ts'
import { BoundedMemory, createRateLimits, LIMITS } from './rate-limits.ts'
import { connectRedis } from './redis.ts'

// Port 9 is the discard service, which nobody runs: as good as a Redis that is gone.
const redis = connectRedis(
  { url: 'redis://127.0.0.1:9', mode: 'Single' },
  createLogger({ program: 'test', level: 'silent' }),
)
afterAll(() => redis.disconnect())

test('without Redis the limits hold in memory', async () => {
  const limits = createRateLimits(redis)
  const count = (address: string) => limits.count({ name: 'pay', subject: address })
  for (let time = 1; time <= LIMITS.pay; time += 1) {
    const left = { limit: LIMITS.pay, remaining: LIMITS.pay - time, isRefused: false }
    expect(await count('203.0.113.9')).toMatchObject(left)
  }
  expect(await count('203.0.113.9')).toMatchObject({ limit: LIMITS.pay, remaining: 0, isRefused: true })
  expect(await count('203.0.113.10')).toMatchObject({ isRefused: false })
})

test('in memory, too, what is refused for its address spends nothing of its player', async () => {
  const limits = createRateLimits(redis)
  const [address, player] = [
    { name: 'pay', subject: '203.0.113.9' },
    { name: 'read', subject: 'getMe:player' },
  ] as const
  for (let time = 1; time <= LIMITS.pay; time += 1) {
    expect(await limits.count(address, player)).toMatchObject({ limit: LIMITS.read, remaining: LIMITS.read - time })
  }
  expect(await limits.count(address, player)).toMatchObject({ limit: LIMITS.pay, isRefused: true })
  expect(await limits.count(player)).toMatchObject({ remaining: LIMITS.read - LIMITS.pay - 1 })
})

test('a flood of addresses fills no memory: beyond 65,536 of them some share a count', async () => {
  const points = 1000
  const memory = new BoundedMemory({ points, duration: 60 })
  const subjects = 100_000
  let counters = 0
  for (let subject = 0; subject < subjects; subject += 1) {
    const { remainingPoints } = await memory.consume(`2001:db8::${subject.toString(16)}`)
    if (remainingPoints === points - 1) counters += 1 // The first of its counter: one is kept for it.
  }
  expect(counters).toBeLessThanOrEqual(65_536)
  expect(counters).toBeGreaterThan(subjects / 3) // Few are mistaken for others.
})
