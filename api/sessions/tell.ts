// Tells the cluster what a player wishes of a session, and forces nothing: where another holds `desiredState`, a pause and an
// end are said beside it by an annotation, and the field stays as it is. A resumption takes back what was said so, and no
// pause of another's.

import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { END_ANNOTATION, isToldToEnd, PAUSE_ANNOTATION } from '../../crds/wished.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { type Applied, referenceOf } from '../../lib/kube/resource.ts'
import type { DesiredState } from './session.ts'

/** Owns `desiredState`, or one of the annotations, and nothing else, so that an SRE's hand on it is noticed and left alone. */
export const DESIRED_STATE_MANAGER = 'wasd-api-desired-state'

const annotationsOf = {
  Running: {},
  Paused: { annotations: { [PAUSE_ANNOTATION]: '' } },
  Ended: { annotations: { [END_ANNOTATION]: '' } },
} as const

/** The object as it is then; what is wished of it may be another's. Throws `Conflict` when another one bears its name by now. */
export async function tellWish(
  kube: KubeClient,
  { object, desiredState }: { object: GameSession; desiredState: DesiredState },
  signal: AbortSignal,
): Promise<GameSession> {
  const { namespace, name, uid } = object.metadata
  const identity = { apiVersion: 'wasd.cloud/v1alpha1', kind: 'GameSession' } as const
  const metadata = { name, namespace, ...(uid === undefined ? {} : { uid }) }
  const said = async (wish: Pick<Applied<GameSession>, 'spec'>, beside = {}) =>
    await kube.apply(
      gameSessions,
      { ...identity, metadata: { ...metadata, ...beside }, ...wish },
      { fieldManager: DESIRED_STATE_MANAGER, signal },
    )
  try {
    return await said({ spec: { desiredState } }).catch(async (error: unknown) => {
      if (!isKubeError(error, 'Conflict')) throw error
      return await said({}, annotationsOf[desiredState])
    })
  } catch (error) {
    // The end is told already, or the annotation stands by another hand.
    if (!isKubeError(error, 'Conflict', 'Invalid')) throw error
    const now = await kube.get(gameSessions, referenceOf(object), { signal })
    if (!now || now.metadata.uid !== uid || (desiredState === 'Ended' && !isToldToEnd(now))) throw error
    return now
  }
}
