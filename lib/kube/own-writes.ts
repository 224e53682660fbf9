import type { Reflector } from './reflector.ts'
import type { KubernetesObject, ObjectReference, Resource } from './resource.ts'

export interface OwnWrites {
  /** After each write: `object` as the server answered it. `key` is whose reconciler must see it; its own by default. */
  remember<T extends KubernetesObject>(resource: Resource<T>, object: T, key?: ObjectReference): void
  /** False while a store lacks a remembered write for this key. */
  caughtUp(key: ObjectReference): boolean
}

export declare function ownWrites(reflectors: readonly Reflector<KubernetesObject>[]): OwnWrites
