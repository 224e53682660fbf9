// The connection to Redis, which may be gone at any time: a command then fails in a fifth of a second instead of waiting.
import { Redis } from 'ioredis'
import type { Logger } from '../../lib/telemetry/log.ts'

/** Milliseconds until a command that gets no reply fails. */
const COMMAND_MILLISECONDS = 200
/** Milliseconds between attempts to connect again, at most. */
const RECONNECT_MILLISECONDS = 2000

/** Connects in the background and for ever. The three settings matter: without them ioredis 6 waits without end. */
export function connectRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: COMMAND_MILLISECONDS,
    connectionName: 'wasd-api',
    retryStrategy: attempt => Math.min(attempt * 100, RECONNECT_MILLISECONDS),
  })

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
