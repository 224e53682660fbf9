import type { KubeClient } from './client.ts'
import type { ObjectReference } from './resource.ts'
import type { Runtime } from './runtime.ts'

export interface ElectorOptions {
  runtime: Runtime
  /** Best one of its own, so that a renewal never waits behind other calls. */
  client: KubeClient
  lease: ObjectReference
  /** Unique per process: the pod's name, and something random. */
  identity: string
  /** How long others wait after our last sign of life. Default 15; whole seconds. */
  leaseSeconds?: number
  /** How long we go on without a successful renewal. Default 10; below `leaseSeconds`. */
  renewDeadlineSeconds?: number
  /** Between two attempts, with jitter up to 1.2 times. Default 2. */
  retrySeconds?: number
}

export interface Elector {
  /**
   * Waits for the lease, then calls `onStartedLeading`, and renews until that settles; then releases the lease.
   * `signal` ends the waiting; a leader ends by letting `onStartedLeading` settle once its work is drained. `leading`
   * is aborted when the lease is lost: every write must stop. Rejects with what `onStartedLeading` rejects with.
   */
  run(options: {
    signal: AbortSignal
    onStartedLeading: (leading: AbortSignal) => Promise<void>
    onNewLeader?: (identity: string) => void
  }): Promise<'Stopped' | 'Released' | 'Lost'>
  /** Whether the lease is ours beyond doubt at this moment, by the monotonic clock. */
  holds(): boolean
  /** The holder last seen. */
  leader(): string | undefined
  /** False when we lead and a renewal is overdue by more than the whole lease: the process should be restarted. */
  healthy(): boolean
}

export declare function elector(options: ElectorOptions): Elector
