// What the parts that keep sessions going need from the world.
import type { Database } from '../../lib/database/pool.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'

export interface SessionsOutside {
  database: Database
  kube: KubeClient
  clock: Clock
  log: Logger
  settings: {
    /** Where our GameSessions live. */
    namespace: string
    /** Seconds by which a hold grows at a time. */
    holdBlockSeconds: number
    /** `ttlSecondsAfterFinished` of our GameSessions. */
    ttlSeconds: number
  }
  /** Something that cannot be, and that a person has to look at: counted, and logged as an error. */
  raise(reason: RaiseReason, fields: Record<string, unknown>): void
}

export type RaiseReason =
  /** The GameSession of a session that is not settled is gone. */
  | 'ObjectGone'
  /** Another object bears the name of a session's. */
  | 'ObjectForeign'
  /** A GameSession with our label that our books do not know. */
  | 'ObjectUnknown'
  /** The API server refuses a change to a session that runs. */
  | 'ChangeRefused'
