// Counts in Redis for rate-limiter-flexible: what is asked within one turn of the event loop goes there as one command,
// where the library's own way costs a command, a timer and a reply for each.
import type { Redis } from 'ioredis'

/** Of each key, in order: how much is consumed, and the milliseconds until that begins anew. */
const SCRIPT = `
local counted = {}
for index, key in ipairs(KEYS) do
  redis.call('set', key, 0, 'EX', ARGV[index], 'NX')
  local consumed = redis.call('incr', key)
  local ttl = redis.call('pttl', key)
  if ttl == -1 then
    redis.call('expire', key, ARGV[index])
    ttl = 1000 * ARGV[index]
  end
  counted[2 * index - 1] = consumed
  counted[2 * index] = ttl
end
return counted`

/** Keys that one command counts at most: it holds up Redis for as long as it runs. */
const KEYS_AT_ONCE = 64

interface Asked {
  key: string
  seconds: string
  resolve(counted: readonly [consumed: number, milliseconds: number]): void
  reject(reason: unknown): void
}

/** In the place of a client, as far as RateLimiterRedis uses one to consume. Of a single Redis: a cluster's keys lie apart. */
export class RateCounter {
  readonly #redis: Redis
  #asked: Asked[] = []

  constructor(redis: Redis) {
    this.#redis = redis
  }

  get status(): string {
    return this.#redis.status
  }

  /** The library's script is ours. */
  defineCommand(): void {}

  /** By one point each, as all our limits do. */
  rlflxIncr([key = '', , seconds = '']: readonly string[]): Promise<readonly [number, number]> {
    return new Promise((resolve, reject) => {
      if (this.#asked.length === 0) setImmediate(() => this.#count())
      this.#asked.push({ key, seconds, resolve, reject })
      if (this.#asked.length === KEYS_AT_ONCE) this.#count()
    })
  }

  #count(): void {
    const asked = this.#asked
    if (asked.length === 0) return
    this.#asked = []
    const [keys, seconds] = [asked.map(each => each.key), asked.map(each => each.seconds)]
    this.#redis.eval(SCRIPT, keys.length, ...keys, ...seconds).then(
      (counted: unknown) => {
        asked.forEach(({ resolve, reject }, index) => {
          const [consumed, milliseconds] = Array.isArray(counted) ? counted.slice(2 * index, 2 * index + 2) : []
          if (typeof consumed === 'number' && typeof milliseconds === 'number') resolve([consumed, milliseconds])
          else reject(new Error('Redis answered a count with something else.'))
        })
      },
      (reason: unknown) => {
        for (const { reject } of asked) reject(reason)
      },
    )
  }
}
