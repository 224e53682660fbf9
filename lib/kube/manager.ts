import type { Elector } from './elector.ts'
import type { Reflector } from './reflector.ts'
import type { KubernetesObject } from './resource.ts'
import type { Runnable, Runtime } from './runtime.ts'

export interface ManagerOptions {
  runtime: Runtime
  /** Run from the start to the very end, leading or not: health and metrics servers, the event recorder. */
  services?: readonly Runnable[]
  /** Run from the start, so that a standby's stores are warm. */
  reflectors: readonly Reflector<KubernetesObject>[]
  /** Run once synced, and with an elector only while leading. */
  controllers: readonly Runnable[]
  /** Without one, this is the only replica. */
  elector?: Elector
  /** Until every reflector must have listed. Default 120. */
  syncTimeoutSeconds?: number
  /** For running reconciles to finish after a stop. Default 30. */
  drainSeconds?: number
}

export interface Manager {
  /** `Lost`: another may lead by now, and the program must exit. Rejects when a part fails or the stores do not sync. */
  run(signal: AbortSignal): Promise<'Stopped' | 'Lost'>
  /** Stores synced and not stopping; a warm standby is ready. */
  isReady(): boolean
  /** False when the process should be restarted. */
  isHealthy(): boolean
  isLeading(): boolean
}

export declare function manager(options: ManagerOptions): Manager
