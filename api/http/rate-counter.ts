// Counts in Redis: what is asked within one turn of the event loop goes there as one command, where a command, a timer and a
// reply for each would cost more than all else that a request's counting does.
import type { Redis } from 'ioredis'

/**
 * Of each key, in order: how much is consumed, and the milliseconds until that begins anew; 0 and 0 of a key behind one that
 * is past its limit, which is not counted.
 */
const SCRIPT = `
local seconds = ARGV[1]
local counted = {}
local isOver = false
for index, key in ipairs(KEYS) do
  local limit, isFirst = tonumber(ARGV[2 * index]), ARGV[2 * index + 1] == '1'
  local consumed, ttl = 0, 0
  if isFirst or not isOver then
    redis.call('set', key, 0, 'EX', seconds, 'NX')
    consumed = redis.call('incr', key)
    ttl = redis.call('pttl', key)
    if ttl == -1 then
      redis.call('expire', key, seconds)
      ttl = 1000 * seconds
    end
    isOver = consumed > limit
  end
  counted[2 * index - 1] = consumed
  counted[2 * index] = ttl
end
return counted`

/** Requests that one command counts at most: it holds up Redis for as long as it runs. */
const REQUESTS_AT_ONCE = 32

/** What a request is counted under, and how often that may be asked in a window. */
export interface CountedKey {
  key: string
  limit: number
}

export interface KeyCount {
  consumed: number
  /** Until it begins anew. */
  milliseconds: number
}

interface Request {
  keys: readonly CountedKey[]
  resolve(counts: readonly KeyCount[]): void
  reject(reason: unknown): void
}

/** Of a single Redis: a cluster's keys lie apart. */
export class RateCounter {
  readonly #redis: Redis
  readonly #windowSeconds: number
  #requests: Request[] = []

  constructor(redis: Redis, { windowSeconds }: { windowSeconds: number }) {
    this.#redis = redis
    this.#windowSeconds = windowSeconds
  }

  /** Counts a request under its keys, in order, up to the first that is past its limit. Rejects when Redis is away. */
  count(keys: readonly CountedKey[]): Promise<readonly KeyCount[]> {
    return new Promise((resolve, reject) => {
      if (this.#redis.status !== 'ready') return reject(new Error('Redis is not connected.'))
      if (this.#requests.length === 0) setImmediate(() => this.#count())
      this.#requests.push({ keys, resolve, reject })
      if (this.#requests.length === REQUESTS_AT_ONCE) this.#count()
    })
  }

  #count(): void {
    const requests = this.#requests
    if (requests.length === 0) return
    this.#requests = []
    const keys: string[] = []
    const limits: number[] = []
    for (const request of requests) {
      let isFirst = 1
      for (const { key, limit } of request.keys) {
        keys.push(key)
        limits.push(limit, isFirst)
        isFirst = 0
      }
    }
    this.#redis.eval(SCRIPT, keys.length, ...keys, this.#windowSeconds, ...limits).then(
      (counted: unknown) => {
        let at = 0
        for (const { keys: own, resolve, reject } of requests) {
          const counts = countsIn(counted, { from: at, keys: own.length })
          at += own.length
          if (counts.length > 0) resolve(counts)
          else reject(new Error('Redis answered a count with something else.'))
        }
      },
      (reason: unknown) => {
        for (const { reject } of requests) reject(reason)
      },
    )
  }
}

/** Of those that were counted. */
function countsIn(counted: unknown, { from, keys }: { from: number; keys: number }): KeyCount[] {
  if (!Array.isArray(counted)) return []
  const counts: KeyCount[] = []
  for (let index = from; index < from + keys; index += 1) {
    const [consumed, milliseconds] = [counted[2 * index], counted[2 * index + 1]]
    if (typeof consumed !== 'number' || typeof milliseconds !== 'number' || consumed === 0) break
    counts.push({ consumed, milliseconds })
  }
  return counts
}
