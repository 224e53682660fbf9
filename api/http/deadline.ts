// Bounds what a request may take: when its time is over, or its client is gone, what runs for it in Postgres is cancelled
// and rolled back, so that nothing is done for nobody.
import type { Context } from 'hono'
import { cancelledBy } from '../../lib/database/cancel.ts'
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { ApiEnvironment } from './api.ts'
import { HttpError } from './errors.ts'
import { replyOf } from './headers.ts'

/** Seconds for a whole reply; a stream's are those until it begins. Below what a load balancer waits. */
export const REQUEST_SECONDS = 10

/** Sets `signal` and `database`, and bounds the request until what this returns is called. */
export function deadline(outside: { database: Database; clock: Clock; requestSeconds: number }) {
  const { database } = outside
  const end = endingInOrder(outside)
  return (context: Context<ApiEnvironment>): (() => void) => {
    const over = new AbortController()
    context.set('signal', over.signal)
    context.set('database', cancelledBy(database, over.signal))
    const answered = end(() => over.abort(new HttpError('TimedOut', { retryAfterSeconds: 1 })))
    const unfollow = followClient(context, () => over.abort(new HttpError('ClientGone')))
    return () => {
      unfollow()
      answered()
    }
  }
}

/**
 * All have the same time, so that they end in the order in which they began: one sleep, for the oldest, serves them all,
 * where a timer for each would cost as much as the rest of this. Returns what takes one out.
 */
function endingInOrder({ clock, requestSeconds }: { clock: Clock; requestSeconds: number }) {
  const running = new Set<{ dueAt: number; over: (() => void) | undefined }>()
  let isWatched = false
  const watch = async () => {
    for (;;) {
      const [oldest] = running
      if (oldest === undefined) break
      const left = oldest.dueAt - clock.monotonic()
      if (left > 0) {
        await clock.sleep(left)
        continue
      }
      running.delete(oldest)
      oldest.over?.()
    }
    isWatched = false
  }
  return (over: () => void): (() => void) => {
    const one: { dueAt: number; over: (() => void) | undefined } = {
      dueAt: clock.monotonic() + requestSeconds * 1000,
      over,
    }
    running.add(one)
    if (!isWatched) {
      isWatched = true
      void watch()
    }
    return () => {
      // Let go of at once: a set grows by a new table, and those before it hold on to what was in them.
      one.over = undefined
      running.delete(one)
    }
  }
}

function followClient(context: Context, gone: () => void): () => void {
  const reply = replyOf(context)
  reply?.once('close', gone)
  return () => reply?.off('close', gone)
}
