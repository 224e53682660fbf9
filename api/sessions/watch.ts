// Watches our GameSessions. Each change, and each object that stands at the start, is taken into the books; one that is
// over there is let go of. A failure is tried again with backoff: what counts is how the object stands, not the event.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { type Controller, controller } from '../../lib/kube/controller.ts'
import { type Reflector, reflector } from '../../lib/kube/reflector.ts'
import type { ObjectReference } from '../../lib/kube/resource.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { reflected } from '../../lib/kube/sources.ts'
import { OURS_SELECTOR } from './game-session.ts'
import { observe } from './observe.ts'
import type { SessionsOutside } from './outside.ts'
import { sessionById, sessionIdOf } from './session.ts'
import { letGo, settleLost } from './settle.ts'
import { raiseUnknown } from './unknown.ts'

/** Objects taken in at once; each takes a connection for a few milliseconds. */
const CONCURRENCY = 4
const BACKOFF = { initialSeconds: 0.2, maximumSeconds: 30 }

export function watchSessions(
  outside: SessionsOutside,
  runtime: Runtime,
): { reflector: Reflector<GameSession>; controller: Controller } {
  const { kube, settings } = outside
  const watched = reflector<GameSession>({
    runtime,
    client: kube,
    resource: gameSessions,
    namespace: settings.namespace,
    labelSelector: OURS_SELECTOR,
  })
  return {
    reflector: watched,
    controller: controller({
      runtime,
      name: 'api.session',
      sources: [reflected(watched)],
      concurrency: CONCURRENCY,
      backoff: BACKOFF,
      async reconcile(key, signal) {
        const object = watched.store.get(key)
        if (object) await taken(outside, object, signal)
        else await missing(outside, key, signal)
      },
    }),
  }
}

/** Takes an object into the books as it stands. */
export async function taken(outside: SessionsOutside, object: GameSession, signal: AbortSignal): Promise<void> {
  const { name } = object.metadata
  const observation = await observe(outside, object)
  switch (observation) {
    case 'Active':
      return
    case 'Over':
      return await letGo(outside, object, signal)
    case 'Foreign': {
      const sessionId = sessionIdOf(name)
      if (sessionId !== undefined) await settleLost(outside, { sessionId, reason: 'ObjectForeign' })
      return
    }
    case 'Unknown':
      // Left alone: should our books be the wrong ones, or restored from yesterday, others' machines must not end by it.
      // Its paid seconds end it; its finalizer is for a person to take off.
      return await raiseUnknown(outside, object)
    default:
      observation satisfies never
  }
}

/** The store has it no longer: gone, or merely no longer labelled as ours. The server itself is asked. */
async function missing(outside: SessionsOutside, key: ObjectReference, signal: AbortSignal): Promise<void> {
  const { database, kube } = outside
  const sessionId = sessionIdOf(key.name)
  const session = sessionId === undefined ? undefined : await sessionById(database, sessionId)
  if (!session || session.endedAt || session.objectUid === undefined) return
  const live = await kube.get(gameSessions, key, { signal })
  if (live?.metadata.uid === session.objectUid) return await taken(outside, live, signal)
  await settleLost(outside, { sessionId: session.id, reason: live ? 'ObjectForeign' : 'ObjectGone' })
}
