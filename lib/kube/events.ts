import type { KubeClient } from './client.ts'
import type { KubernetesObject } from './resource.ts'
import type { Runnable, Runtime } from './runtime.ts'

export interface Occurrence {
  type: 'Normal' | 'Warning'
  /** PascalCase, why: `SpotEvicted`. At most 128 characters. */
  reason: string
  /** PascalCase, what was done or tried: `Recover`. At most 128 characters. */
  action: string
  /** A sentence for a person. Cut at 1024 bytes. */
  note: string
  related?: KubernetesObject
}

export interface Recorder extends Runnable {
  /** Never blocks and never throws; events that cannot be sent are dropped and counted. */
  event(object: KubernetesObject, occurrence: Occurrence): void
}

export interface RecorderOptions {
  runtime: Runtime
  client: KubeClient
  /** `wasd.cloud/operator`-like: the controller that reports. */
  reportingController: string
  /** The pod's name. */
  reportingInstance: string
}

export declare function recorder(options: RecorderOptions): Recorder
