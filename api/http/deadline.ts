// Bounds what a request may take: when its time is over, or its client is gone, what runs for it in Postgres is cancelled
// and rolled back, so that nothing is done for nobody.
import type { Context, MiddlewareHandler } from 'hono'
import { cancelledBy } from '../../lib/database/cancel.ts'
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { ApiEnvironment } from './api.ts'
import { HttpError } from './errors.ts'

/** Seconds for a whole reply; a stream's are those until it begins. Below what a load balancer waits. */
export const REQUEST_SECONDS = 10

export function deadline(outside: {
  database: Database
  clock: Clock
  requestSeconds: number
}): MiddlewareHandler<ApiEnvironment> {
  const { database, clock, requestSeconds } = outside
  return async (context, next) => {
    const over = new AbortController()
    const answered = new AbortController()
    context.set('signal', over.signal)
    context.set('database', cancelledBy(database, over.signal))
    clock.sleep(requestSeconds * 1000, answered.signal).then(
      () => over.abort(new HttpError('TimedOut', { retryAfterSeconds: 1 })),
      () => undefined,
    )
    const unfollow = followClient(context, () => over.abort(new HttpError('ClientGone')))
    await next()
    unfollow()
    answered.abort()
  }
}

/** Over a socket only: a test's request has none. */
function followClient({ env }: Context, gone: () => void): () => void {
  const reply: unknown = env && 'outgoing' in env ? env.outgoing : undefined
  if (!isReply(reply)) return () => undefined
  reply.once('close', gone)
  return () => reply.off('close', gone)
}

function isReply(value: unknown): value is import('node:http').ServerResponse {
  return typeof value === 'object' && value !== null && 'once' in value && 'off' in value
}
