import type { Change, Reflector } from './reflector.ts'
import type { KubernetesObject, ObjectReference } from './resource.ts'

/** Takes a key that needs a look. */
export type Sink = (key: ObjectReference, priority: number) => void

export interface Source {
  /** Resolves when everything that stands already has been handed over or can be. */
  readonly synced: Promise<void>
  /** Hands over what stands, then what changes, until the signal is aborted. */
  start(sink: Sink, signal: AbortSignal): void
}

export interface RawSource extends Source {
  /** Asks for a look at `key`; dropped while no controller runs. */
  push(key: ObjectReference, priority?: number): void
}

export interface ReflectedOptions<T extends KubernetesObject> {
  /** Whose keys need a look when this object changes; without one, the object's own. */
  map?: (object: T) => readonly ObjectReference[]
  /** Which changes matter; without one, all. The first list always does. */
  predicate?: (change: Change<T>) => boolean
  /** Everything is looked at again so often, at low priority. Default 36,000 (10 h). */
  resyncSeconds?: number
}

export declare function reflected<T extends KubernetesObject>(
  reflector: Reflector<T>,
  options?: ReflectedOptions<T>,
): Source
export declare function rawSource(): RawSource
/** For `map`: the key of the controller owner, when it is of this kind. */
export declare function ownedBy(owner: {
  apiVersion: string
  kind: string
}): (object: KubernetesObject) => ObjectReference[]
