import type { ObjectReference } from './resource.ts'
import type { Runnable, Runtime } from './runtime.ts'
import type { Source } from './sources.ts'

export interface Verdictish {
  /** Seconds until the next look; 0 asks for one as soon as the backoff permits. Without it: when something changes. */
  requeueAfterSeconds?: number | undefined
}

/**
 * Brings the world closer to what the object of this key asks for. Called again after a throw, with backoff; never
 * twice at once for one key. `signal` is aborted at the time limit, when the lease is lost and at the end of a drain.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a reconciler with nothing to say returns nothing.
export type Reconcile = (key: ObjectReference, signal: AbortSignal) => Promise<Verdictish | void>

export interface ControllerOptions {
  runtime: Runtime
  /** Also the metrics' label, such as `gpuvm.lifecycle`. */
  name: string
  reconcile: Reconcile
  sources: readonly Source[]
  /** Keys worked on at once. Default 1. */
  concurrency?: number
  /** Per key and failure in a row: doubled from the first to the last. Default 0.005 to 1000. */
  backoff?: { initialSeconds: number; maximumSeconds: number }
  /** Without one, a reconcile may take as long as it likes. */
  reconcileTimeoutSeconds?: number
  /** Whether the stores have caught up with our own writes for this key; while not, the key waits. */
  ready?: (key: ObjectReference) => boolean
}

export interface Controller extends Runnable {
  /** Asks for a look at `key`. */
  enqueue(key: ObjectReference, priority?: number): void
}

export declare function controller(options: ControllerOptions): Controller
