import type { KubeClient } from './client.ts'
import type { KubernetesObject, Resource } from './resource.ts'
import type { Runtime } from './runtime.ts'
import type { Indexes, Store } from './store.ts'

/** One change of the store. `object` of a `Deleted` is the last state known. */
export interface Change<T> {
  type: 'Added' | 'Modified' | 'Deleted'
  object: T
  old?: T
  /** Part of the first list: nothing has happened, the object stands as it stood. */
  initial: boolean
}

export interface ReflectorOptions<T extends KubernetesObject> {
  runtime: Runtime
  client: KubeClient
  resource: Resource<T>
  /** Without one: all namespaces. */
  namespace?: string | undefined
  labelSelector?: string | undefined
  fieldSelector?: string | undefined
  indexes?: Indexes<T>
  /** Drops what nobody reads before an object is stored; `managedFields` are dropped always. */
  transform?: (object: T) => T
  /** Objects per page of a list. Default 500. */
  pageSize?: number
  /** A watch ends after a random length between these. Default 290 to 580. */
  watchSeconds?: { minimum: number; maximum: number }
}

export interface Reflector<T extends KubernetesObject> {
  readonly resource: Resource<T>
  readonly store: Store<T>
  /** Resolves when the first list is in the store. Stays pending until then, whatever happens. */
  readonly synced: Promise<void>
  isSynced(): boolean
  /** Until the returned function is called. A handler that throws is logged, and the others still run. */
  onChange(handler: (change: Change<T>) => void): () => void
  /** Seconds since the server last gave any sign (list, event or bookmark); `undefined` before the first. */
  lastEventAgeSeconds(): number | undefined
  /** What went wrong last, until something went right. */
  lastError(): unknown
  /** Resolves when the signal is aborted, and never rejects: errors are retried, logged and counted. */
  run(signal: AbortSignal): Promise<void>
}

export declare function reflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector<T>
