// The GameSession as our books ask for it, and what is ours in one that is read. Pure.
import { isDeepStrictEqual } from 'node:util'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { Applied } from '../../lib/kube/resource.ts'
import { objectNameOf, type Session } from './session.ts'

/** Owns everything in the object's spec but `desiredState`, which tell.ts tells. */
export const FIELD_MANAGER = 'wasd-api'
/** Taken off once the final charge is committed: an object cannot vanish with its bill. */
export const SETTLEMENT_FINALIZER = 'wasd.cloud/settlement'

const MANAGED_BY = 'app.kubernetes.io/managed-by'
export const OURS_SELECTOR = `${MANAGED_BY}=${FIELD_MANAGER}`

export function identityOf(
  session: Session,
  asked: { namespace: string; paidSeconds: number; ttlSeconds: number },
): Applied<GameSession> {
  const { playerId, game, tier, regions, objectUid } = session
  const { namespace, paidSeconds, ttlSeconds } = asked
  return {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: {
      name: objectNameOf(session.id),
      namespace,
      // With a UID the server changes this very object or none: what is consumed is never made again.
      ...(objectUid === undefined ? {} : { uid: objectUid }),
      labels: { [MANAGED_BY]: FIELD_MANAGER, 'wasd.cloud/player': playerId },
      finalizers: [SETTLEMENT_FINALIZER],
    },
    spec: { player: playerId, game, tier, regions, paidSeconds, ttlSecondsAfterFinished: ttlSeconds },
  }
}

/** Whether the object says all of it already, by whomever: to apply it would change nothing. */
export function says({ metadata, spec }: GameSession, identity: Applied<GameSession>): boolean {
  const { labels = {}, finalizers = [] } = identity.metadata
  return (
    Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value) &&
    finalizers.every(finalizer => metadata.finalizers?.includes(finalizer)) &&
    isDeepStrictEqual({ ...spec, ...identity.spec }, { ...spec })
  )
}

/** Whether the object is the one that this session made, or, before it was first seen, could have made. */
export function isOurs(object: GameSession, session: Session): boolean {
  const { uid, labels } = object.metadata
  if (session.objectUid !== undefined) return session.objectUid === uid
  return labels?.[MANAGED_BY] === FIELD_MANAGER && object.spec.player === session.playerId
}
