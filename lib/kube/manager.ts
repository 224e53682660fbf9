// Starts the parts in the order in which they need one another, and ends them in the other one: services (health,
// metrics, events) → reflectors → their first lists → the election → controllers. A standby waits with warm stores.
import { aborted, pause } from './abort.ts'
import type { Elector } from './elector.ts'
import { KubeError } from './errors.ts'
import type { Reflector } from './reflector.ts'
import type { KubernetesObject } from './resource.ts'
import type { Runnable, Runtime } from './runtime.ts'

export interface ManagerOptions {
  runtime: Runtime
  /** Run from the start to the very end, leading or not: health and metrics servers, the event recorder. */
  services?: readonly Runnable[]
  /** Run from the start, so that a standby's stores are warm. */
  reflectors: readonly Reflector<KubernetesObject>[]
  /** Run once synced, and with an elector only while leading. Each has a name of its own. */
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

export class NotSyncedError extends Error {
  override readonly name = 'NotSyncedError'
}

/** Throws a `KubeError` `NameTaken` when two controllers bear one name, as controller-runtime does since v0.19. */
export function manager(options: ManagerOptions): Manager {
  refuseNamesakes(options.controllers)
  return new Parts(options)
}

function refuseNamesakes(controllers: readonly Runnable[]): void {
  const names = new Set<string>()
  for (const { name } of controllers) {
    if (names.has(name)) {
      const message = `Two controllers are named "${name}": their metrics and log lines would mix. Give each a name of its own.`
      throw new KubeError('NameTaken', message)
    }
    names.add(name)
  }
}

/** For controllers to come to rest after their signals were aborted, and for services to end. */
const ABORT_GRACE_SECONDS = 5

class Parts implements Manager {
  readonly #options: ManagerOptions
  #isStopping = false
  #isLeading = false

  constructor(options: ManagerOptions) {
    this.#options = options
  }

  isReady(): boolean {
    return !this.#isStopping && this.#options.reflectors.every(reflector => reflector.isSynced())
  }

  isHealthy(): boolean {
    return this.#options.elector?.healthy() ?? true
  }

  isLeading(): boolean {
    return this.#isLeading
  }

  async run(signal: AbortSignal): Promise<'Stopped' | 'Lost'> {
    const { services = [], reflectors, elector } = this.#options
    const failed = new AbortController()
    const stop = AbortSignal.any([signal, failed.signal])
    const end = new AbortController()
    const kill = new AbortController()
    void aborted(stop).then(() => {
      this.#isStopping = true
    })

    const serving = services.map(service => guarded(service, { stop: end.signal, abort: kill.signal }, failed))
    const reflecting = reflectors.map(reflector => reflector.run(end.signal))
    try {
      const outcome = (await this.#synced(stop)) ? await this.#lead(elector, stop, failed) : 'Stopped'
      if (failed.signal.aborted) throw failed.signal.reason
      return outcome
    } finally {
      this.#isStopping = true
      end.abort()
      await this.#within(ABORT_GRACE_SECONDS, Promise.all([...reflecting, ...serving]))
      kill.abort()
    }
  }

  /** False when stopped before. */
  async #synced(stop: AbortSignal): Promise<boolean> {
    const { runtime, reflectors, syncTimeoutSeconds = 120 } = this.#options
    const all = Promise.all(reflectors.map(reflector => reflector.synced)).then(() => 'Synced' as const)
    const over = new AbortController()
    const timeout = pause(runtime.clock, syncTimeoutSeconds, over.signal).then(() => 'Timeout' as const)
    const result = await Promise.race([all, timeout, aborted(stop).then(() => 'Stopped' as const)])
    over.abort()
    if (result === 'Timeout') {
      const missing = reflectors.filter(reflector => !reflector.isSynced())
      const kinds = missing.map(reflector => reflector.resource.kind).join(', ')
      const message = `No list of ${kinds} in ${syncTimeoutSeconds} s. Is the CRD installed, and may we list it?`
      throw new NotSyncedError(message, { cause: missing[0]?.lastError() })
    }
    return result === 'Synced'
  }

  async #lead(elector: Elector | undefined, stop: AbortSignal, failed: AbortController): Promise<'Stopped' | 'Lost'> {
    if (elector === undefined) {
      await this.#control(stop, undefined, failed)
      return 'Stopped'
    }
    const outcome = await elector.run({
      signal: stop,
      onStartedLeading: leading => this.#control(stop, leading, failed),
      onNewLeader: identity => this.#options.runtime.log.info({ leader: identity }, 'A new leader'),
    })
    return outcome === 'Lost' ? 'Lost' : 'Stopped'
  }

  /** Runs the controllers until stopped, then lets them drain; a lost lease drains nothing. */
  async #control(stop: AbortSignal, leading: AbortSignal | undefined, failed: AbortController): Promise<void> {
    const { runtime, controllers, drainSeconds = 30 } = this.#options
    const abort = new AbortController()
    const lost = leading ?? new AbortController().signal
    const signals = { stop: AbortSignal.any([stop, lost]), abort: AbortSignal.any([abort.signal, lost]) }
    this.#isLeading = true
    const working = Promise.all(controllers.map(controller => guarded(controller, signals, failed)))
    await Promise.race([working, aborted(signals.stop)])
    if (!lost.aborted) await Promise.race([this.#within(drainSeconds, working), aborted(lost)])
    abort.abort(new Error('The time to drain is over.'))
    this.#isLeading = false
    if ((await this.#within(ABORT_GRACE_SECONDS, working)) === 'Late') {
      runtime.log.warn({}, 'A reconcile does not heed its signal; left behind')
    }
  }

  async #within(seconds: number, work: Promise<unknown>): Promise<'Done' | 'Late'> {
    const over = new AbortController()
    const late = pause(this.#options.runtime.clock, seconds, over.signal).then(() => 'Late' as const)
    const result = await Promise.race([work.then(() => 'Done' as const), late])
    over.abort()
    return result
  }
}

/** Runs a part; its failure stops the program instead of going unheard. */
async function guarded(
  part: Runnable,
  signals: Parameters<Runnable['run']>[0],
  failed: AbortController,
): Promise<void> {
  try {
    await part.run(signals)
  } catch (cause) {
    failed.abort(new Error(`The part "${part.name}" failed.`, { cause }))
  }
}
