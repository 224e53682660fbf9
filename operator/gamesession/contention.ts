// One player plays one session at a time. Who has a machine that is meant to run keeps the turn; among those without
// one the oldest by creation, then by UID, is next. The others wait, and say for whom.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { GameSession } from '../../crds/types/gamesession.ts'
import { isSuspended } from '../held.ts'
import { type Explanation, isToRun, type Observed, type Rival, type Seen } from './decision.ts'
import { wishOf } from './wish.ts'

/** Why the session has to wait for its turn; `undefined` when it is its turn. */
export function turnOf({
  session,
  observed,
  catalogue,
}: Pick<Seen, 'session' | 'catalogue'> & { observed: Pick<Observed, 'rivals'> }): Explanation | undefined {
  const ahead = observed.rivals.filter(rival => isAhead(rival, session, catalogue)).toSorted(bySeniority)[0]
  if (ahead === undefined) return undefined
  const { namespace, name } = ahead.session.metadata
  const message = `Player ${session.spec.player} has session ${namespace}/${name} already; one is played at a time. End or pause that one, or this one waits.`
  return { reason: 'PlayerBusy', message }
}

function isAhead({ session: rival, holdsMachine }: Rival, session: GameSession, catalogue: Catalogue): boolean {
  if (!isToRun(rival)) return false // It is on its way out, or paused: nobody plays it.
  if (holdsMachine) return true
  // What cannot begin must not keep others from beginning.
  if (isSuspended(rival)) return false
  if (wishOf(rival, catalogue).fault) return false
  return seniority(rival, session) < 0
}

function bySeniority(one: Rival, other: Rival): number {
  return Number(other.holdsMachine) - Number(one.holdsMachine) || seniority(one.session, other.session)
}

/** Below zero when `one` is the older. */
function seniority({ metadata: one }: GameSession, { metadata: other }: GameSession): number {
  return compare(one.creationTimestamp ?? '', other.creationTimestamp ?? '') || compare(one.uid ?? '', other.uid ?? '')
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
