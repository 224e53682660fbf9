// Compares books and cluster in both directions on a timer, so that nothing depends on an event, an item of the queue or
// a program having lived long enough.

import type { GameSession } from '../../crds/types/gamesession.ts'
import { isToldToEnd } from '../../crds/wished.ts'
import { outage } from '../../lib/database/outage.ts'
import type { Database } from '../../lib/database/pool.ts'
import { pause } from '../../lib/kube/abort.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import { enqueue } from '../queue/queue.ts'
import { holdOf } from '../wallet/holds.ts'
import type { SessionsOutside } from './outside.ts'
import { activeSessions, objectNameOf, type Session } from './session.ts'
import { forgetUnknown } from './unknown.ts'
import { taken } from './watch.ts'

const PASS_SECONDS = 60
const PAGE_SIZE = 500
/** Seconds that a session's own item of the queue has to bring it to the cluster. */
const PATIENCE_SECONDS = 30

/** Until the signal is aborted. */
export async function compareSessions(
  outside: SessionsOutside,
  watched: Reflector<GameSession>,
  stopping: AbortSignal,
): Promise<void> {
  const { clock, log } = outside
  const trouble = outage(log, 'Books and cluster cannot be compared')
  while (!stopping.aborted) {
    await pause(clock, PASS_SECONDS, stopping)
    if (stopping.aborted) return
    try {
      await compareOnce(outside, watched, stopping)
      trouble.over()
    } catch (error) {
      if (!stopping.aborted) trouble.failed(error)
    }
  }
}

/** One comparison. The number of sessions that were sent to the cluster again. */
export async function compareOnce(
  outside: SessionsOutside,
  watched: Reflector<GameSession>,
  signal: AbortSignal,
): Promise<number> {
  const { database, clock, settings, log } = outside
  let sent = 0
  const current = new Set<GameSession>()
  for (let after = ''; ; ) {
    const page = await activeSessions(database, { after, limit: PAGE_SIZE })
    for (const session of page) {
      const object = watched.store.get({ namespace: settings.namespace, name: objectNameOf(session.id) })
      if (object !== undefined && object.metadata.resourceVersion === session.seen.version) current.add(object)
      if (await isInStep(database, { session, object, now: clock.now() })) continue
      if (await isQueued(database, session.id)) continue
      await enqueue(database, 'kubernetes.session', { sessionId: session.id })
      log.warn({ session: session.id }, 'Books and cluster differ over a session; it is applied again')
      sent += 1
    }
    const last = page.at(-1)
    if (!last || page.length < PAGE_SIZE) break
    after = last.id
  }
  for (const object of watched.store.list()) if (!current.has(object)) await taken(outside, object, signal)
  await forgetUnknown(outside, watched)
  return sent
}

/** Whether the object is as the books ask. The outbox, which looks live, decides over one that is not there. */
async function isInStep(
  database: Database,
  { session, object, now }: { session: Session; object: GameSession | undefined; now: Date },
): Promise<boolean> {
  if (now.getTime() - session.createdAt.getTime() < PATIENCE_SECONDS * 1000) return true
  if (!object || session.command > session.commandApplied) return false
  if (session.desiredState === 'Ended' && !isToldToEnd(object)) return false
  const hold = await holdOf(database, session.id)
  return hold === undefined || (object.spec.paidSeconds ?? 0) >= Number(hold.paidSeconds)
}

async function isQueued(database: Database, sessionId: string): Promise<boolean> {
  const rows = await database`
    SELECT FROM queue_items WHERE topic = 'kubernetes.session' AND key = ${sessionId} AND dead_at IS NULL LIMIT 1`
  return rows.length > 0
}
