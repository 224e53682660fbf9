// What every part of the runtime stands on: time, chance, the log, the metrics. Built once, in a program's main.
import type { Clock } from '../process/clock.ts'
import type { Logger } from '../telemetry/log.ts'
import type { KubeMetrics } from './metrics.ts'

export interface Runtime {
  clock: Clock
  /** At least 0 and below 1, as `Math.random`. */
  random: () => number
  log: Logger
  metrics: KubeMetrics
  /** Freezes what the stores hold, so that a reconciler that edits a shared object fails at once. Off in production. */
  development?: boolean
}

/** The two ways a running part is told to end. */
export interface StopSignals {
  /** Take on nothing more, finish what runs. */
  stop: AbortSignal
  /** End what runs too: the lease is lost, or the time to drain is over. */
  abort: AbortSignal
}

/** Anything with a life of its own that the manager starts and stops: controllers, pollers, servers. */
export interface Runnable {
  readonly name: string
  /** Resolves when it has stopped; a rejection stops the program. */
  run(signals: StopSignals): Promise<void>
}
