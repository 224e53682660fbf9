// The connection to Redis, which may be gone at any time: a command then fails in a fifth of a second instead of waiting.
import { Cluster, Redis } from 'ioredis'
import type { Logger } from '../../lib/telemetry/log.ts'

export const REDIS_MODES = ['Single', 'Cluster'] as const
export type RedisMode = (typeof REDIS_MODES)[number]
export type RedisConnection = Redis | Cluster

/** Milliseconds until a command that gets no reply fails. */
const COMMAND_MILLISECONDS = 200
/** Milliseconds between attempts to connect again, at most. */
const RECONNECT_MILLISECONDS = 2000

/** The three settings matter: without them ioredis 6 waits without end. */
const options = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: COMMAND_MILLISECONDS,
  connectionName: 'wasd-api',
} as const
const retryIn = (attempt: number) => Math.min(attempt * 100, RECONNECT_MILLISECONDS)

/**
 * Connects in the background and for ever; with TLS where the URL says `rediss:`. A cluster is asked for its nodes at that
 * address, as ElastiCache Serverless is: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless.html
 */
export function connectRedis({ url, mode }: { url: string; mode: RedisMode }, log: Logger): RedisConnection {
  const redis = mode === 'Single' ? new Redis(url, { ...options, retryStrategy: retryIn }) : cluster(new URL(url))
  let away = false
  redis.on('error', (error: Error) => {
    if (away) return // One line as the outage begins, one as it ends.
    away = true
    log.warn({ error }, 'Redis does not answer; limits are counted in memory')
  })
  redis.on('ready', () => {
    if (away) log.info({}, 'Redis answers again')
    away = false
  })
  return redis
}

function cluster(url: URL): Cluster {
  const port = url.port === '' ? 6379 : Number(url.port)
  return new Cluster([{ host: url.hostname, port }], {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryIn,
    slotsRefreshTimeout: COMMAND_MILLISECONDS * 5,
    // The nodes' names as they are told: a certificate holds for a name, not for an address.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: {
      ...options,
      enableAutoPipelining: true, // Of a single one, `RateCounter` makes one command out of many.
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
      ...(url.protocol === 'rediss:' ? { tls: { servername: url.hostname } } : {}),
    },
  })
}
