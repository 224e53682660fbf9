// Tells the cluster that a session is to end. An SRE's hand on `desiredState` is not forced off it, and no player is kept
// paying by it: where another holds the field, the annotation says the end, and the field stays as it is.
import { END_ANNOTATION } from '../../crds/end.ts'
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { referenceOf } from '../../lib/kube/resource.ts'
import { DESIRED_STATE_MANAGER, wishOf } from './game-session.ts'

/** The object as it is then. Throws `Conflict` when another one bears its name by now. */
export async function tellEnd(kube: KubeClient, object: GameSession, signal: AbortSignal): Promise<GameSession> {
  const by = { fieldManager: DESIRED_STATE_MANAGER, signal }
  try {
    return await kube.apply(gameSessions, wishOf(object, 'Ended'), by)
  } catch (error) {
    if (!isKubeError(error, 'Conflict')) throw error
    const { uid } = object.metadata
    const patch = { metadata: { ...(uid === undefined ? {} : { uid }), annotations: { [END_ANNOTATION]: '' } } }
    return await kube.mergePatch(gameSessions, referenceOf(object), patch, by)
  }
}
