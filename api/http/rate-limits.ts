// How often one address, and one player, may ask. Counted in Redis for all replicas; in this process's memory when Redis
// does not answer, so that its loss neither shuts players out nor lets a flood in. Never the place for what money depends
// on.
import { getConnInfo } from '@hono/node-server/conninfo'
import type { Context, MiddlewareHandler } from 'hono'
import { Redis } from 'ioredis'
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { clientAddress } from './client-address.ts'
import { HttpError } from './errors.ts'
import { tell } from './headers.ts'
import { RateCounter } from './rate-counter.ts'
import type { RedisConnection } from './redis.ts'

/** Requests a minute to one route from one player, or from one address where nobody is signed in, by what they cost us. */
export const LIMITS = {
  /** Reading a page or a list. */
  read: 120,
  /** Changing something of one's own. */
  write: 30,
  /** Opening a payment: each is a call to Razorpay. */
  pay: 12,
  /** Starting a session: each may become a machine. */
  start: 10,
  /** Trying to sign in. */
  signIn: 20,
  /** Collecting all that is stored of a player. */
  export: 4,
  /** Opening a stream of events. */
  stream: 30,
  /** A machine's reports. */
  report: 60,
  /** All routes under /v1 together, from one address: many players may share one. */
  address: 1200,
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
  count(name: LimitName, subject: string): Promise<Allowance>
}

export function createRateLimits(redis: RedisConnection): RateLimits {
  const storeClient = redis instanceof Redis ? new RateCounter(redis) : redis
  const limiter = (name: LimitName): RateLimiterAbstract => {
    const rate = { points: LIMITS[name], duration: WINDOW_SECONDS, keyPrefix: `wasd-api:limit:${name}` }
    const insuranceLimiter = new BoundedMemory(rate)
    return new RateLimiterRedis({ ...rate, storeClient, rejectIfRedisNotReady: true, insuranceLimiter })
  }
  const limiters: Record<LimitName, RateLimiterAbstract> = {
    read: limiter('read'),
    write: limiter('write'),
    pay: limiter('pay'),
    start: limiter('start'),
    signIn: limiter('signIn'),
    export: limiter('export'),
    stream: limiter('stream'),
    report: limiter('report'),
    address: limiter('address'),
  }

  return {
    async count(name, subject) {
      try {
        const { remainingPoints, msBeforeNext } = await limiters[name].consume(subject)
        return { limit: LIMITS[name], remaining: remainingPoints, resetSeconds: Math.ceil(msBeforeNext / 1000) }
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal
        throw new HttpError('TooManyRequests', { retryAfterSeconds: Math.ceil(refusal.msBeforeNext / 1000) })
      }
    },
  }
}

/** Subjects that memory tells apart at most; beyond that some share a count. */
const MEMORY_SUBJECTS = 65_536

/** Counts in memory, under no more keys than that. */
export class BoundedMemory extends RateLimiterMemory {
  override consume(key: string | number, points?: number, options?: Record<string, unknown>): Promise<RateLimiterRes> {
    return super.consume(bucketOf(String(key)), points, options)
  }
}

/** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
function bucketOf(text: string): string {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  return String((hash >>> 0) % MEMORY_SUBJECTS)
}

/** Before a handler: `counted`. */
export function limited(name: LimitName, limits: RateLimits): MiddlewareHandler {
  const count = counted(limits, { name, subjectOf: addressOf })
  return async (context, next) => {
    await count(context)
    await next()
  }
}

export interface Limited {
  name: LimitName
  /** Against what a request is counted. */
  subjectOf(context: Context): string
}

/** Counts a request under all of these at once. Throws the first one's TooManyRequests; tells of it, or else of the last. */
export function counted(limits: RateLimits, ...all: readonly Limited[]) {
  return async (context: Context): Promise<void> => {
    const counting = all.map(({ name, subjectOf }) => limits.count(name, subjectOf(context)))
    const counts = await Promise.allSettled(counting)
    let allowance: Allowance | undefined
    for (let index = 0; index < counts.length; index += 1) {
      const count = counts[index]
      if (count?.status === 'rejected') throw refusedBy(context, all[index]?.name, count.reason)
      allowance = count?.value
    }
    if (allowance) tellAllowance(context, allowance)
  }
}

function refusedBy(context: Context, name: LimitName | undefined, error: unknown): unknown {
  if (name !== undefined && error instanceof HttpError && error.retryAfterSeconds !== undefined) {
    tellAllowance(context, { limit: LIMITS[name], remaining: 0, resetSeconds: error.retryAfterSeconds })
  }
  return error
}

/** https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-07.html */
function tellAllowance(context: Context, { limit, remaining, resetSeconds }: Allowance): void {
  tell(context, {
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(remaining),
    'RateLimit-Reset': String(resetSeconds),
    'RateLimit-Policy': `${limit};w=${WINDOW_SECONDS}`,
  })
}

export function addressOf(context: Context): string {
  const forwardedFor = context.req.header('X-Forwarded-For')
  // A request that came over no socket (a test's) has no peer.
  const peer = context.env && 'incoming' in context.env ? getConnInfo(context).remote.address : undefined
  return clientAddress({ peer, forwardedFor })
}
