// How often one address may ask. Counted in Redis for all replicas; in this process's memory when Redis does not answer,
// so that its loss neither shuts players out nor lets a flood in. Never the place for what money depends on.
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context, MiddlewareHandler } from 'hono'
import type { Redis } from 'ioredis'
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { clientAddress } from './client-address.ts'
import { HttpError } from './errors.ts'

/** Requests a minute from one address, by what they cost us. */
export const LIMITS = {
  /** Reading a page or a list. */
  read: 120,
  /** Opening a payment: each is a call to Razorpay. */
  pay: 12,
} as const
export type LimitName = keyof typeof LIMITS

const WINDOW_SECONDS = 60

/** What the reply's headers say. */
export interface Allowance {
  limit: number
  remaining: number
  resetSeconds: number
}

export interface RateLimits {
  /** Counts one request. Throws `HttpError` TooManyRequests; never fails for Redis's sake. */
  count(name: LimitName, address: string): Promise<Allowance>
}

export function createRateLimits(redis: Redis): RateLimits {
  const limiter = (name: LimitName): RateLimiterAbstract => {
    const rate = { points: LIMITS[name], duration: WINDOW_SECONDS, keyPrefix: `wasd-api:limit:${name}` }
    const insuranceLimiter = new RateLimiterMemory(rate)
    return new RateLimiterRedis({ ...rate, storeClient: redis, rejectIfRedisNotReady: true, insuranceLimiter })
  }
  const limiters: Record<LimitName, RateLimiterAbstract> = { read: limiter('read'), pay: limiter('pay') }

  return {
    async count(name, address) {
      try {
        const { remainingPoints, msBeforeNext } = await limiters[name].consume(address)
        return { limit: LIMITS[name], remaining: remainingPoints, resetSeconds: Math.ceil(msBeforeNext / 1000) }
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal
        throw new HttpError('TooManyRequests', { retryAfterSeconds: Math.ceil(refusal.msBeforeNext / 1000) })
      }
    },
  }
}

/** Counts the request against its address. The headers are those of the IETF's draft-ietf-httpapi-ratelimit-headers. */
export function limited(name: LimitName, limits: RateLimits): MiddlewareHandler {
  return async (context, next) => {
    const { limit, remaining, resetSeconds } = await limits.count(name, addressOf(context))
    await next()
    context.header('RateLimit-Limit', String(limit))
    context.header('RateLimit-Remaining', String(remaining))
    context.header('RateLimit-Reset', String(resetSeconds))
  }
}

function addressOf(context: Context): string {
  const forwardedFor = context.req.header('X-Forwarded-For')
  // A request that came over no socket (a test's) has no peer.
  const peer = context.env && 'incoming' in context.env ? getConnInfo(context).remote.address : undefined
  return clientAddress({ peer, forwardedFor })
}
