// How often may be asked, tried over HTTP against the running process: by player, by address and by route; counted in Redis,
// and in memory while it is gone.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LIMITS, type LimitName } from '../../api/http/rate-limits.ts'
import { type Answer, type ApiPlayer, ask, signIn } from './client-of.ts'
import type { World } from './program.ts'

export function limitsHold(worldOf: () => World): void {
  describe('limits', () => {
    let world: World
    let redis: Redis
    beforeAll(() => {
      world = worldOf()
      redis = new Redis(world.redis.url)
      redis.on('error', () => undefined)
    })
    afterAll(() => redis?.disconnect())

    const player = (name: string) => signIn({ publicUrl: world.url, telegram: world.telegram }, name)
    const keyOf = (name: LimitName, subject: string) => `wasd-api:limit:${name}:${subject}`
    /** As other replicas would have counted it: all but the last of the minute. */
    const onlyOneIsLeft = (name: LimitName, subject: string) =>
      redis.set(keyOf(name, subject), LIMITS[name] - 1, 'EX', 60)
    const from = (address: string, path = '/v1/catalogue') =>
      ask(world.url, path, { headers: { 'X-Forwarded-For': address } })
    const topUp = (of: ApiPlayer, headers: Record<string, string> = {}) =>
      of.post('/v1/top-ups', { amountPaise: 10_000 }, { headers })

    function isAllowed({ status, headers, text }: Answer, told: { limit: number; remaining: number }): void {
      expect([status < 300, headers.get('Retry-After')], text).toEqual([true, null])
      expect(headers.get('RateLimit-Limit')).toBe(String(told.limit))
      expect(headers.get('RateLimit-Remaining')).toBe(String(told.remaining))
      expect(headers.get('RateLimit-Policy')).toBe(`${told.limit};w=60`)
      expect(Number(headers.get('RateLimit-Reset'))).toSatisfy((seconds: number) => seconds >= 1 && seconds <= 60)
    }

    function isRefused({ status, headers, json }: Answer, limit: number): void {
      expect([status, json.code, json.status]).toEqual([429, 'TooManyRequests', 429])
      expect(headers.get('Content-Type')).toBe('application/problem+json')
      expect([headers.get('RateLimit-Limit'), headers.get('RateLimit-Remaining')]).toEqual([String(limit), '0'])
      expect(headers.get('Retry-After')).toBe(headers.get('RateLimit-Reset'))
      expect(Number(headers.get('Retry-After'))).toSatisfy((seconds: number) => seconds >= 1 && seconds <= 60)
    }

    /** To the last request of the minute and past it. */
    async function isLimitedAlone(name: string): Promise<ApiPlayer> {
      const [limited, other] = [await player(name), await player(`Not ${name}`)]
      for (let left = LIMITS.pay - 1; left >= 0; left -= 1) {
        isAllowed(await topUp(limited), { limit: LIMITS.pay, remaining: left })
      }
      isRefused(await topUp(limited), LIMITS.pay)
      isRefused(await topUp(limited, { 'X-Forwarded-For': '203.0.113.99' }), LIMITS.pay)
      // Nothing was done, and nobody else is meant, nor another route.
      const { json } = await limited.get('/v1/top-ups?limit=100')
      expect(json.items).toHaveLength(LIMITS.pay)
      isAllowed(await limited.get('/v1/wallet'), { limit: LIMITS.read, remaining: LIMITS.read - 1 })
      isAllowed(await topUp(other), { limit: LIMITS.pay, remaining: LIMITS.pay - 1 })
      return limited
    }

    test('a player is limited by route, whatever the address; neither another player nor another route is', async () => {
      const limited = await isLimitedAlone('Hasty')
      expect(Number(await redis.get(keyOf('pay', `createTopUp:${limited.id}`)))).toBeGreaterThan(LIMITS.pay)
    })

    test('who is not signed in is limited by route and address; neither another address nor another route is', async () => {
      const [address, another] = ['203.0.113.70', '203.0.113.71']
      await onlyOneIsLeft('read', `getCatalogue:${address}`)
      isAllowed(await from(address), { limit: LIMITS.read, remaining: 0 })
      isRefused(await from(address), LIMITS.read)
      isRefused(await from(`198.51.100.1, ${address}`), LIMITS.read) // Only the nearest balancer's word counts.
      isAllowed(await from(another), { limit: LIMITS.read, remaining: LIMITS.read - 1 })
      expect((await from(address, '/v1/wallet')).json.code).toBe('Unauthenticated')
    })

    test.each([
      ['an address', '203.0.113.72', '203.0.113.72', '203.0.113.73'],
      ['an IPv6 network', '2001:db8:1:2::7', '2001:db8:1:2:ffff::9', '2001:db8:1:3::7'],
    ])('%s is limited across all routes, before anything is looked at', async (_name, first, second, another) => {
      await onlyOneIsLeft('address', first.includes(':') ? '2001:db8:1:2::/64' : first)
      expect((await from(first)).status).toBe(200)
      for (const path of ['/v1/catalogue', '/v1/wallet', '/v1/sessions/odd']) {
        isRefused(await from(second, path), LIMITS.address)
      }
      expect((await from(another)).status).toBe(200)
    })

    test('what is refused for its address spends nothing of its player, whoever else asks at that moment', async () => {
      const [hasty, calm] = [await player('Shares an address'), await player('Has an own one')]
      const look = (of: ApiPlayer, address: string) => of.get('/v1/wallet', { headers: { 'X-Forwarded-For': address } })
      const spent = async (of: ApiPlayer) => Number(await redis.get(keyOf('read', `getWallet:${of.id}`)))
      await Promise.all([look(hasty, '203.0.113.75'), look(calm, '203.0.113.75')]) // Known from here on.
      await redis.set(keyOf('address', '203.0.113.74'), LIMITS.address, 'EX', 60)
      const both = Array.from({ length: 20 }, () => [look(hasty, '203.0.113.74'), look(calm, '203.0.113.75')]).flat()
      const replies = await Promise.all(both)
      for (const [index, reply] of replies.entries()) {
        if (index % 2 === 0) isRefused(reply, LIMITS.address)
        else expect(reply.status).toBe(200)
      }
      expect([await spent(hasty), await spent(calm)]).toEqual([1, 21])
    })

    test('without Redis everything goes on, and limits hold in memory; when it is back they are counted there again', async () => {
      await world.redis.server.stop()
      try {
        const ben = await world.telegram.person('Ben')
        await ben.writes('/start')
        await ben.reads('Hi Ben')
        await isLimitedAlone('Hasty too')
        expect((await fetch(`${world.url}/readyz`)).status).toBe(200)
      } finally {
        await world.redis.server.start()
      }
      const back = await player('Back')
      const isCounted = async () => {
        await back.get('/v1/wallet')
        return await redis.exists(keyOf('read', `getWallet:${back.id}`)).catch(() => 0)
      }
      await expect.poll(isCounted, { timeout: 15_000 }).toBe(1)
    })
  })
}
