// What the parts that keep sessions going need from the world.
import type { Database } from '../../lib/database/pool.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { Tax } from '../wallet/receipts.ts'
import type { Promises } from './faults.ts'

export interface SessionsOutside {
  database: Database
  kube: KubeClient
  clock: Clock
  log: Logger
  settings: {
    /** Where our GameSessions live. */
    namespace: string
    /** Seconds by which a hold grows at a time, or more where the wallet is full. */
    holdBlockSeconds: number
    /** Seconds that the operator lets a session play beyond the paid ones. */
    paidGraceSeconds: number
    /** `ttlSecondsAfterFinished` of our GameSessions. */
    ttlSeconds: number
    promises: Promises
    /** Included in every price. */
    tax: Tax
  }
}

/** Contradictions of books and cluster, by code; see api/wallet/contradictions.ts. */
export const raiseReasons = [
  /** The GameSession of a session that is not settled is gone. */
  'ObjectGone',
  /** Another object bears the name of a session's. */
  'ObjectForeign',
  /** A GameSession with our label that our books do not know. */
  'ObjectUnknown',
  /** Billable seconds that cannot be true: not charged. */
  'FigureImpossible',
  /** The API server refuses a change to a session that runs. */
  'ChangeRefused',
] as const

export type RaiseReason = (typeof raiseReasons)[number]

/** What such a contradiction is about. */
export function subjectOf(sessionId: string): string {
  return `session ${sessionId}`
}
