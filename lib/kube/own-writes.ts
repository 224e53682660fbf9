// Read your own writes: after a write the store is behind for a moment, and a reconciler that looked at it would do
// the same thing twice. So a key waits until the store has reached what was written for it.
import type { Reflector } from './reflector.ts'
import {
  compareResourceVersions,
  type KubernetesObject,
  keyOf,
  type ObjectReference,
  type Resource,
  referenceOf,
} from './resource.ts'
import type { Store } from './store.ts'

export interface OwnWrites {
  /** After each write: `object` as the server answered it. `key` is whose reconciler must see it; its own by default. */
  remember<T extends KubernetesObject>(resource: Resource<T>, object: T, key?: ObjectReference): void
  /** After the write that let `object` go: its reconciler waits until the stores show it no more. */
  rememberGone<T extends KubernetesObject>(resource: Resource<T>, object: T): void
  /** False while a store lacks a remembered write for this key. */
  caughtUp(key: ObjectReference): boolean
}

type AnyReflector = Pick<Reflector<KubernetesObject>, 'resource' | 'namespace'> & {
  store: Pick<Store<KubernetesObject>, 'resourceVersion' | 'get'>
}

/**
 * Gates on these reflectors; writes to kinds or namespaces that none of them sees are not waited for. A write to an
 * object that a reflector's selector leaves out is seen with the next bookmark only: up to a minute later, and one that
 * was made while its watch began, not before the kind changes again.
 */
export function ownWrites(reflectors: readonly AnyReflector[]): OwnWrites {
  /** By key, then by store: the newest version written. */
  const written = new Map<string, Map<AnyReflector['store'], string>>()
  /** By key: the UID let go. The server answers such a write with the version before the object's end. */
  const gone = new Map<string, string>()
  const sees = (reflector: AnyReflector, resource: Resource<KubernetesObject>, namespace: string | undefined) =>
    isSame(reflector.resource, resource) && (reflector.namespace === undefined || reflector.namespace === namespace)

  function isShown(key: ObjectReference, uid: string): boolean {
    return reflectors.some(({ store }) => store.get(key)?.metadata.uid === uid)
  }

  return {
    remember(resource, object, key = referenceOf(object)) {
      const { resourceVersion, namespace } = object.metadata
      if (resourceVersion === undefined) return
      for (const reflector of reflectors) {
        if (!sees(reflector, resource, namespace)) continue
        const versions = written.get(keyOf(key)) ?? new Map<AnyReflector['store'], string>()
        const old = versions.get(reflector.store)
        if (old === undefined || isBehind({ reached: old, wanted: resourceVersion })) {
          versions.set(reflector.store, resourceVersion)
        }
        written.set(keyOf(key), versions)
      }
    },
    rememberGone(resource, object) {
      const { uid, namespace } = object.metadata
      if (uid === undefined || !reflectors.some(reflector => sees(reflector, resource, namespace))) return
      gone.set(keyOf(referenceOf(object)), uid)
    },
    caughtUp(key) {
      const uid = gone.get(keyOf(key))
      if (uid !== undefined && isShown(key, uid)) return false
      gone.delete(keyOf(key))
      const versions = written.get(keyOf(key))
      if (versions === undefined) return true
      for (const [store, wanted] of versions) {
        if (!isBehind({ reached: store.resourceVersion, wanted })) versions.delete(store)
      }
      if (versions.size > 0) return false
      written.delete(keyOf(key))
      return true
    },
  }
}

/** Versions that cannot be compared count as reached: waiting for ever would be worse than a stale look. */
function isBehind({ reached, wanted }: { reached: string | undefined; wanted: string }): boolean {
  if (reached === undefined) return true
  const order = compareResourceVersions({ left: reached, right: wanted })
  return order !== undefined && order < 0
}

function isSame(left: Resource<KubernetesObject>, right: Resource<KubernetesObject>): boolean {
  return left.group === right.group && left.plural === right.plural
}
