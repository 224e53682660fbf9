// The loop around a reconciler: takes keys from its sources, has each looked at by one worker at a time, and decides
// by the outcome when to look again.
import { randomUUID } from 'node:crypto'
import type { Logger } from '../telemetry/log.ts'
import { aborted, withDeadline } from './abort.ts'
import { isKubeError, TerminalError } from './errors.ts'
import { type QueueItem, WorkQueue } from './queue.ts'
import { keyOf, type ObjectReference, referenceOfKey } from './resource.ts'
import type { Runnable, Runtime, StopSignals } from './runtime.ts'
import type { Source } from './sources.ts'

/** What a reconcile says of the next look at its key. */
export interface ReconcileResult {
  /** Seconds until then; 0 goes on at once. Without it: when something changes. */
  requeueAfterSeconds?: number | undefined
  /** It is to be tried again: with backoff, as after a throw, and nothing is logged. */
  isRetry?: boolean
  /** Of that next look: a higher one goes first. Without it, that of any change. */
  priority?: number
}

/**
 * Brings the world closer to what the object of this key asks for. Called again after a throw, with backoff; never
 * twice at once for one key. `signal` is aborted at the time limit, when the lease is lost and at the end of a drain. Lines
 * of `log` bear the controller, the key and an id of this look, as does what the controller itself says of it.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a reconciler with nothing to say returns nothing.
export type Reconcile = (key: ObjectReference, signal: AbortSignal, log: Logger) => Promise<ReconcileResult | void>

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
  /** Retries of all keys together. Default 10 a second, 100 in a burst. */
  retries?: { perSecond: number; burst: number }
  /** Without one, a reconcile may take as long as it likes. */
  reconcileTimeoutSeconds?: number
  /** Whether the stores have caught up with our own writes for this key; while not, the key waits. */
  ready?: (key: ObjectReference) => boolean
}

export interface Controller extends Runnable {
  /** Asks for a look at `key`. */
  enqueue(key: ObjectReference, priority?: number): void
}

export function controller(options: ControllerOptions): Controller {
  return new Loop(options)
}

/** Until a key is gone on with at once, so that one which never comes to rest cannot take all of the processor. */
const AT_ONCE_SECONDS = 0.01
/** How soon a key is tried again whose own last write has not come back yet. The write's own event is often faster. */
const STALE_RETRY_SECONDS = 0.05
const RESULTS = ['success', 'error', 'requeue', 'requeue_after'] as const

class ReconcileTimeout extends Error {
  override readonly name = 'ReconcileTimeout'
}

class Loop implements Controller {
  readonly name: string
  readonly #options: ControllerOptions
  readonly #queue: WorkQueue

  constructor(options: ControllerOptions) {
    const { name, runtime, backoff, retries, concurrency = 1 } = options
    this.name = name
    this.#options = options
    this.#queue = new WorkQueue({ runtime, name, backoff, retries })

    const { metrics } = runtime
    for (const result of RESULTS) metrics.reconciles.inc({ controller: name, result }, 0)
    const failures = [metrics.reconcileErrors, metrics.terminalErrors, metrics.reconcilePanics]
    for (const counter of [...failures, metrics.reconcileTimeouts, metrics.staleSkips]) {
      counter.inc({ controller: name }, 0)
    }
    metrics.reconcileSeconds.zero({ controller: name })
    metrics.maxConcurrentReconciles.set({ controller: name }, concurrency)
    metrics.activeWorkers.set({ controller: name }, 0)
  }

  enqueue(key: ObjectReference, priority = 0): void {
    this.#queue.add(keyOf(key), priority)
  }

  /** Ends once what runs has finished; what waits is left to the next leader, which looks at everything anyway. */
  async run({ stop, abort }: StopSignals): Promise<void> {
    const { runtime, sources, concurrency = 1 } = this.#options
    for (const source of sources)
      source.start((key, priority) => this.enqueue(key, priority), { signal: stop, runtime })
    await Promise.race([Promise.all(sources.map(source => source.synced)), aborted(stop)])
    await Promise.all(Array.from({ length: concurrency }, () => this.#work({ stop, abort })))
    this.#queue.stop()
  }

  async #work({ stop, abort }: StopSignals): Promise<void> {
    for (;;) {
      const item = await this.#queue.take(stop)
      if (item === undefined) return
      try {
        await this.#look(item, abort)
      } finally {
        this.#queue.done(item.key)
      }
    }
  }

  async #look(item: QueueItem, abort: AbortSignal): Promise<void> {
    const { runtime, ready = () => true } = this.#options
    const { metrics, clock } = runtime
    const controller = this.name
    const reference = referenceOfKey(item.key)
    if (!ready(reference)) {
      metrics.staleSkips.inc({ controller })
      this.#queue.addAfter(item.key, STALE_RETRY_SECONDS, item.priority)
      return
    }

    const log = runtime.log.child({ controller, key: item.key, reconcileID: randomUUID() })
    const started = clock.monotonic()
    metrics.activeWorkers.inc({ controller })
    try {
      this.#settle(item, await this.#reconcile(reference, { abort, log }))
    } catch (error) {
      if (!abort.aborted) this.#failed(item, { error, log })
    } finally {
      metrics.activeWorkers.dec({ controller })
      metrics.reconcileSeconds.observe({ controller }, (clock.monotonic() - started) / 1000)
    }
  }

  async #reconcile(
    reference: ObjectReference,
    { abort, log }: { abort: AbortSignal; log: Logger },
  ): Promise<ReconcileResult> {
    const { reconcile, reconcileTimeoutSeconds: seconds, runtime } = this.#options
    if (seconds === undefined) return (await reconcile(reference, abort, log)) ?? {}
    const reason = new ReconcileTimeout(`The reconcile was not done in ${seconds} s.`)
    const deadline = { clock: runtime.clock, signal: abort, seconds, reason }
    return (await withDeadline(deadline, async signal => await reconcile(reference, signal, log))) ?? {}
  }

  #settle({ key, priority }: QueueItem, { requeueAfterSeconds, isRetry, priority: next }: ReconcileResult): void {
    const count = (result: (typeof RESULTS)[number]) =>
      this.#options.runtime.metrics.reconciles.inc({ controller: this.name, result })
    if (isRetry) {
      this.#queue.addBackedOff(key, { priority: next ?? priority })
      count('requeue')
      return
    }
    this.#queue.forget(key)
    if (requeueAfterSeconds !== undefined) this.#queue.addAfter(key, requeueAfterSeconds || AT_ONCE_SECONDS, next)
    count(requeueAfterSeconds === undefined ? 'success' : 'requeue_after')
  }

  #failed({ key, priority }: QueueItem, { error, log }: { error: unknown; log: Logger }): void {
    const { metrics } = this.#options.runtime
    const controller = this.name
    metrics.reconciles.inc({ controller, result: 'error' })
    metrics.reconcileErrors.inc({ controller })
    if (error instanceof TerminalError) {
      metrics.terminalErrors.inc({ controller })
      log.error({ error }, 'A reconcile failed for good')
      this.#queue.forget(key)
      return
    }
    if (error instanceof ReconcileTimeout) metrics.reconcileTimeouts.inc({ controller })
    if (isMistake(error)) metrics.reconcilePanics.inc({ controller })

    const atLeastSeconds = isKubeError(error) ? error.retryAfterSeconds : undefined
    this.#queue.addBackedOff(key, { priority, atLeastSeconds })
    const fields = { failures: this.#queue.failures(key), error }
    // Somebody else wrote first: a matter of course among controllers.
    if (isKubeError(error, 'Conflict')) log.debug(fields, 'reconcile met a conflict; retrying')
    else log.error(fields, 'A reconcile failed; retrying')
  }
}

/** What Go would have panicked on. */
function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
}
