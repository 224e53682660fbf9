// GameSessions with our label that our books do not know: raised once each, for as long as they are there.
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { Reflector } from '../../lib/kube/reflector.ts'
import {
  contradictionGone,
  keepContradiction,
  openContradictions,
  tellContradiction,
} from '../wallet/contradictions.ts'
import type { RaiseReason, SessionsOutside } from './outside.ts'

type UnknownOutside = Pick<SessionsOutside, 'database' | 'clock' | 'log'>

const code = 'ObjectUnknown' satisfies RaiseReason
/** Looked at in one pass; more would be another cluster's, and a person has enough to look at. */
const PASS_SIZE = 1000

export async function raiseUnknown({ database, clock, log }: UnknownOutside, object: GameSession): Promise<void> {
  const { name, uid } = object.metadata
  const detail = 'It bears our label, and our books have no such session. Its finalizer is for a person to take off.'
  const contradiction = { code, subject: subjectOf(object), detail }
  const isNew = await keepContradiction(database, { ...contradiction, now: clock.now() })
  if (isNew) tellContradiction(log, contradiction, { name, uid })
}

/** Those that are gone from the cluster are nobody's concern any more. */
export async function forgetUnknown(
  { database, clock }: UnknownOutside,
  watched: Reflector<GameSession>,
): Promise<void> {
  const open = await openContradictions(database, { code, limit: PASS_SIZE })
  if (open.length === 0) return
  const there = new Set(watched.store.list().map(subjectOf))
  for (const { subject } of open) {
    if (!there.has(subject)) await contradictionGone(database, { code, subject, now: clock.now() })
  }
}

function subjectOf({ metadata: { name, uid } }: GameSession): string {
  return `GameSession ${name}, UID ${uid}`
}
