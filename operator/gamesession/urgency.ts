// How urgent it is to look at a session: what was begun is finished before another is begun, and an end that is due
// overtakes all.
import type { GameSession } from '../../crds/types/gamesession.ts'
import { hasFinalizer } from '../../lib/kube/finalizers.ts'
import { type RawSource, rawSource } from '../../lib/kube/sources.ts'
import type { Store } from '../../lib/kube/store.ts'
import { FINALIZER, type Verdict } from './decision.ts'

/** For the work queue: a higher number goes first. Of the next look at a session of which this was decided. */
export function priorityOf({ isUrgent }: Pick<Verdict, 'isUrgent'>): number {
  return isUrgent ? priorities.Urgent : priorities.Begun
}

/** Of a change of the object. `undefined`: one that is gone. */
export function priorityOfChange(session: GameSession | undefined): number {
  return session === undefined || isNew(session) ? priorities.New : priorities.Begun
}

/** Looks that somebody asks for, each as urgent as its session: nobody is begun before what was begun is finished. */
export function sessionNudges(sessions: Pick<Store<GameSession>, 'get'>): RawSource {
  return rawSource(key => priorityOfChange(sessions.get(key)))
}

/** Nobody has looked at it yet: the schema gives each a status, and the finalizer comes before the first of ours. */
function isNew(session: GameSession): boolean {
  const { metadata, status } = session
  const isSeen = status?.observedGeneration !== undefined || hasFinalizer(session, FINALIZER)
  return !isSeen && metadata.deletionTimestamp === undefined
}

const priorities = { Urgent: 10, Begun: 2, New: 0 } as const
