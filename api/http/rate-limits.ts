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
import { type KeyCount, RateCounter } from './rate-counter.ts'
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

/** What a request is counted under. */
export interface Asked {
  name: LimitName
  subject: string
}

/** What the reply's headers say. */
export interface Allowance {
  limit: number
  remaining: number
  resetSeconds: number
  /** Whether it was too many. */
  isRefused: boolean
}

export interface RateLimits {
  /**
   * Counts one request under all of these, in order, up to the first that it is too many of: what is refused for its address
   * spends nothing of its player's. Says how it stands with the last that was counted. Never fails for Redis's sake.
   */
  count(...asked: readonly [Asked, ...Asked[]]): Promise<Allowance>
}

export function createRateLimits(redis: RedisConnection): RateLimits {
  const rateOf = (name: LimitName) => ({
    points: LIMITS[name],
    duration: WINDOW_SECONDS,
    keyPrefix: prefixOf(name),
  })
  const inMemory = oneByOne(name => new BoundedMemory(rateOf(name)))
  if (!(redis instanceof Redis)) {
    const store = { storeClient: redis, rejectIfRedisNotReady: true }
    const limiter = (name: LimitName) =>
      new RateLimiterRedis({ ...rateOf(name), ...store, insuranceLimiter: new BoundedMemory(rateOf(name)) })
    return { count: oneByOne(limiter) }
  }
  const counter = new RateCounter(redis, { windowSeconds: WINDOW_SECONDS })
  return {
    async count(...asked) {
      const keys = asked.map(({ name, subject }) => ({ key: `${prefixOf(name)}:${subject}`, limit: LIMITS[name] }))
      const counts = await counter.count(keys).catch(() => undefined)
      const last = counts?.at(-1)
      const name = counts && asked[counts.length - 1]?.name
      return last && name ? allowanceOf(name, last) : await inMemory(...asked)
    },
  }
}

function prefixOf(name: LimitName): string {
  return `wasd-api:limit:${name}`
}

/** The same limits, each counted for itself: of a cluster the keys lie apart. */
function oneByOne(limiter: (name: LimitName) => RateLimiterAbstract): RateLimits['count'] {
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
  return async (first, ...others) => {
    const count = async ({ name, subject }: Asked) => {
      const refused = (refusal: unknown) => {
        if (refusal instanceof RateLimiterRes) return refusal
        throw refusal
      }
      const { consumedPoints, msBeforeNext } = await limiters[name].consume(subject).catch(refused)
      return allowanceOf(name, { consumed: consumedPoints, milliseconds: msBeforeNext })
    }
    let allowance = await count(first)
    for (const other of others) if (!allowance.isRefused) allowance = await count(other)
    return allowance
  }
}

function allowanceOf(name: LimitName, { consumed, milliseconds }: KeyCount): Allowance {
  const limit = LIMITS[name]
  const resetSeconds = Math.ceil(milliseconds / 1000)
  return { limit, remaining: Math.max(0, limit - consumed), resetSeconds, isRefused: consumed > limit }
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

/** Counts a request under all of these at once, and tells of it. Throws `HttpError` TooManyRequests. */
export function counted(limits: RateLimits, first: Limited, ...others: readonly Limited[]) {
  return async (context: Context): Promise<void> => {
    const askedOf = ({ name, subjectOf }: Limited): Asked => ({ name, subject: subjectOf(context) })
    const allowance = await limits.count(askedOf(first), ...others.map(askedOf))
    tellAllowance(context, allowance)
    const { isRefused, resetSeconds } = allowance
    if (isRefused) throw new HttpError('TooManyRequests', { retryAfterSeconds: resetSeconds })
  }
}

/** https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-07.html */
function tellAllowance(context: Context, { limit, remaining, resetSeconds }: Allowance): void {
  tell(context, {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(resetSeconds),
    'ratelimit-policy': `${limit};w=${WINDOW_SECONDS}`,
  })
}

export function addressOf(context: Context): string {
  const forwardedFor = context.req.header('X-Forwarded-For')
  // A request that came over no socket (a test's) has no peer.
  const peer = context.env && 'incoming' in context.env ? getConnInfo(context).remote.address : undefined
  return clientAddress({ peer, forwardedFor })
}
