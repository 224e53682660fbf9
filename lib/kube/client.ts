// What can be asked of one API server, by declared kinds.

import { type Clock, systemClock } from '../process/clock.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Credentials } from './credentials.ts'
import type { KubeMetrics } from './metrics.ts'
import type {
  Applied,
  KubernetesObject,
  MergePatch,
  MetadataPatch,
  ObjectReference,
  Resource,
  Unnamed,
} from './resource.ts'
import { RestClient } from './rest-client.ts'
import { Transport } from './transport.ts'
import { warnings } from './warnings.ts'

export interface CallOptions {
  signal?: AbortSignal | undefined
}

export interface Permitted {
  /**
   * Asked just before a write goes out: it may have waited for a connection since it was called, or its process have been
   * stopped. What it throws is the call's error, and nothing is written.
   */
  permit?: (() => void) | undefined
}

export interface WriteOptions extends CallOptions, Permitted {
  /** Who owns the fields written; without one the server takes the start of our user agent. */
  fieldManager?: string | undefined
  /** `All`: checked and answered as if it were done, but not done. */
  dryRun?: 'All' | undefined
  /** Of fields that the schema does not know: dropped with a warning, or `BadRequest`. Default `Warn`. */
  fieldValidation?: 'Ignore' | 'Warn' | 'Strict' | undefined
}

export interface ListOptions extends CallOptions {
  /** Without one: all namespaces. */
  namespace?: string | undefined
  labelSelector?: string | undefined
  fieldSelector?: string | undefined
  /** Items per page; the answer's `metadata.continue` fetches the next. */
  limit?: number | undefined
  continue?: string | undefined
  resourceVersion?: string | undefined
}

export interface ObjectList<T> {
  items: T[]
  metadata: { resourceVersion: string; continue?: string }
}

export interface WatchOptions extends CallOptions {
  namespace?: string | undefined
  labelSelector?: string | undefined
  fieldSelector?: string | undefined
  resourceVersion: string
  /** The server ends the watch after so many seconds. */
  timeoutSeconds: number
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string }

export interface PatchOptions extends WriteOptions {
  subresource?: 'status' | undefined
}

export interface ApplyOptions extends PatchOptions {
  fieldManager: string
  /** Takes fields from other managers instead of failing with `Conflict`: for fields that are ours alone. */
  force?: boolean | undefined
}

export interface DeleteOptions extends CallOptions, Permitted {
  /** `Conflict` when the object of this name is another one by now. */
  uid?: string | undefined
  resourceVersion?: string | undefined
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined
  /** For kinds that end gracefully, such as pods; 0 takes the object away at once. Default: what the object says. */
  gracePeriodSeconds?: number | undefined
  /** As of a write. */
  dryRun?: 'All' | undefined
}

/**
 * One API server. Every call throws `KubeError`, or the signal's reason when its signal is aborted. Nothing is
 * retried here but a read whose connection broke: whoever calls knows better when to try again.
 */
export interface KubeClient {
  /** `undefined` when there is none. */
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    options?: CallOptions,
  ): Promise<T | undefined>
  /** One page; consistent unless a `resourceVersion` is given. */
  list<T extends KubernetesObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>
  /** Throws `AlreadyExists`. */
  create<T extends KubernetesObject>(resource: Resource<T>, object: T | Unnamed<T>, options?: WriteOptions): Promise<T>
  /** PUT; carries the resourceVersion that was read, and throws `Conflict` when that is old. */
  replace<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>
  /** PUT of the status alone; otherwise as `replace`. */
  replaceStatus<T extends KubernetesObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>
  /** A `resourceVersion` or `uid` in the patch's metadata makes it conditional. */
  mergePatch<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    patch: NoInfer<MergePatch<T>> | MetadataPatch,
    options?: PatchOptions,
  ): Promise<T>
  /** Server-side apply. `Conflict` with one cause per field that another manager owns. No change, no write: the server sees to it. */
  apply<T extends KubernetesObject>(resource: Resource<T>, object: Applied<T>, options: ApplyOptions): Promise<T>
  /** `Deleted` also when only the deletion has begun: finalizers may keep the object for long. */
  delete<T extends KubernetesObject>(
    resource: Resource<T>,
    reference: ObjectReference,
    options?: DeleteOptions,
  ): Promise<'Deleted' | 'Absent'>
  /** Ends when the server ends it; an error within the stream is thrown as `KubeError`. */
  watch<T extends KubernetesObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>
  /** Lets running calls finish, then closes all connections. */
  close(): Promise<void>
}

export interface ConnectOptions {
  /** `program/version`; the server's default field manager and its audit log are named after it. */
  userAgent: string
  metrics?: KubeMetrics | undefined
  /** Seconds until an answer must have begun, and between its parts. Default 30. */
  timeoutSeconds?: number | undefined
  /** Calls under way at once, each on a connection; further ones wait. Each running watch has one more. Default 16. */
  connections?: number | undefined
  clock?: Clock | undefined
  /** Is told once what the server warns of: unknown fields, kinds that are going away. */
  log?: Logger | undefined
}

export function connect(credentials: Credentials, options: ConnectOptions): KubeClient {
  const { userAgent, metrics, timeoutSeconds = 30, connections = 16, clock = systemClock, log } = options
  const warn = log === undefined ? () => {} : warnings(log)
  return new RestClient(new Transport(credentials, { userAgent, metrics, timeoutSeconds, connections, clock, warn }))
}
