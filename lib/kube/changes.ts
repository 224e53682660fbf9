// Brings what the server says into a store, and tells what has changed by that.
import type { Change } from './reflector.ts'
import { type KubernetesObject, keyOf, referenceOf } from './resource.ts'
import type { IndexedStore } from './store.ts'

interface Seen<T extends KubernetesObject> {
  store: IndexedStore<T>
  /** Whether this is part of the first list. */
  initial: boolean
}

/** One object. No change for one that stands already as it stood. */
export function bring<T extends KubernetesObject>(
  { store, initial }: Seen<T>,
  type: 'ADDED' | 'MODIFIED' | 'DELETED',
  object: T,
): Change<T>[] {
  const key = keyOf(referenceOf(object))
  const old = store.get(key)
  if (type === 'DELETED') {
    store.delete(key)
    return old === undefined ? [] : [{ type: 'Deleted', object, old, initial }]
  }
  const { uid, resourceVersion } = object.metadata
  if (old?.metadata.uid === uid && old?.metadata.resourceVersion === resourceVersion) return []
  store.set(object)
  if (old === undefined) return [{ type: 'Added', object, initial }]
  if (old.metadata.uid === uid) return [{ type: 'Modified', object, old, initial }]
  // Deleted and made again under one name while we did not look: two objects, not one that changed.
  return [
    { type: 'Deleted', object: old, old, initial },
    { type: 'Added', object, initial },
  ]
}

/** A whole list: what it does not name is gone. */
export function replaceAll<T extends KubernetesObject>(seen: Seen<T>, objects: readonly T[]): Change<T>[] {
  const keys = new Set(objects.map(object => keyOf(referenceOf(object))))
  const gone = seen.store.list().filter(object => !keys.has(keyOf(referenceOf(object))))
  return [
    ...gone.flatMap(object => bring(seen, 'DELETED', object)),
    ...objects.flatMap(object => bring(seen, 'ADDED', object)),
  ]
}
