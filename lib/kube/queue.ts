// Which key to work on next. A key is in one of four states, and never in two workers' hands:
//   waiting  until its time comes, or something asks for it sooner
//   ready    in the line of its priority; asked for again, it keeps its place, or moves to a higher line. One that waited
//            for its time at a higher priority moves there when that comes: who asks sooner must not make it later
//   working  taken; asked for again, it is `asked`, and ready once more when the worker is done
//   absent   nobody asks for it
import type { Clock } from '../process/clock.ts'
import { type Backoff, backoffSeconds } from './backoff.ts'
import { Delays } from './delays.ts'
import type { QueueSnapshot } from './metrics.ts'
import { RetryBudget, type RetryLimit } from './retry-budget.ts'
import type { Runtime } from './runtime.ts'

/** For what stands already: changes overtake it, however many objects there are. */
export const LOW_PRIORITY = -100

export interface QueueItem {
  key: string
  priority: number
}

export interface QueueOptions {
  runtime: Runtime
  /** The metrics' label. */
  name: string
  /** Default 0.005 s to 1000 s, doubling. */
  backoff?: Backoff | undefined
  /** Of all keys together. Default 10 a second, 100 in a burst. */
  retries?: RetryLimit | undefined
}

export class WorkQueue {
  readonly #options: QueueOptions
  readonly #clock: Clock
  readonly #labels: { name: string; controller: string }
  readonly #delays: Delays
  readonly #budget: RetryBudget
  /** By priority; within one, keys in order of arrival with the time they came. */
  readonly #ready = new Map<number, Map<string, number>>()
  readonly #priorities = new Map<string, number>()
  readonly #working = new Map<string, number>()
  readonly #asked = new Map<string, number>()
  readonly #failures = new Map<string, number>()
  readonly #takers = new Set<(item: QueueItem) => void>()

  constructor(options: QueueOptions) {
    const { runtime, name } = options
    this.#options = options
    this.#clock = runtime.clock
    this.#labels = { name, controller: name }
    this.#delays = new Delays({ clock: runtime.clock, due: (key, priority) => this.add(key, priority) })
    this.#budget = new RetryBudget(runtime.clock, options.retries ?? { perSecond: 10, burst: 100 })
    runtime.metrics.queueAdds.inc(this.#labels, 0)
    runtime.metrics.queueRetries.inc(this.#labels, 0)
    runtime.metrics.queueSeconds.zero(this.#labels)
    runtime.metrics.workSeconds.zero(this.#labels)
    runtime.metrics.queues.set(name, () => this.#snapshot())
  }

  /** Keys ready to be worked on. */
  get length(): number {
    return this.#priorities.size
  }

  /** Keys that wait for their time. */
  get waiting(): number {
    return this.#delays.size
  }

  add(key: string, priority = 0): void {
    if ((this.#delays.priorityOf(key) ?? priority) <= priority) this.#delays.remove(key)
    if (this.#working.has(key)) {
      this.#asked.set(key, Math.max(priority, this.#asked.get(key) ?? priority))
      return
    }
    const old = this.#priorities.get(key)
    if (old !== undefined && old >= priority) return
    const since = old === undefined ? this.#clock.monotonic() : this.#leave(key, old)
    if (old === undefined) this.#options.runtime.metrics.queueAdds.inc(this.#labels)
    const line = this.#ready.get(priority) ?? new Map<string, number>()
    this.#ready.set(priority, line.set(key, since))
    this.#priorities.set(key, priority)
    this.#serve()
  }

  /** Asks for `key` in `seconds`, unless something asks sooner. */
  addAfter(key: string, seconds: number, priority = 0): void {
    this.#options.runtime.metrics.queueRetries.inc(this.#labels)
    if (seconds <= 0) this.add(key, priority)
    else if (!this.#priorities.has(key)) this.#delays.add(key, seconds, priority)
  }

  /** After a failure: later each time, until `forget`; never sooner than `atLeastSeconds`. */
  addBackedOff(key: string, options: { priority?: number; atLeastSeconds?: number | undefined } = {}): void {
    const failures = this.failures(key) + 1
    this.#failures.set(key, failures)
    const backoff = this.#options.backoff ?? { initialSeconds: 0.005, maximumSeconds: 1000 }
    const own = Math.max(backoffSeconds(backoff, failures), options.atLeastSeconds ?? 0)
    const seconds = Math.max(own, this.#budget.takeSeconds())
    this.addAfter(key, seconds, options.priority)
  }

  forget(key: string): void {
    this.#failures.delete(key)
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /** The next key, which is the caller's until `done`; `undefined` once the signal is aborted. */
  async take(signal: AbortSignal): Promise<QueueItem | undefined> {
    if (signal.aborted) return undefined
    const item = this.#next()
    if (item !== undefined) return item
    return await new Promise(resolve => {
      const give = (given: QueueItem | undefined) => {
        this.#takers.delete(give)
        signal.removeEventListener('abort', leave)
        resolve(given)
      }
      const leave = () => give(undefined)
      this.#takers.add(give)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  done(key: string): void {
    const started = this.#working.get(key)
    if (started === undefined) return
    this.#working.delete(key)
    this.#options.runtime.metrics.workSeconds.observe(this.#labels, (this.#clock.monotonic() - started) / 1000)
    const asked = this.#asked.get(key)
    this.#asked.delete(key)
    if (asked !== undefined) this.add(key, asked)
  }

  /** Ends all waiting; no timer is left. */
  stop(): void {
    this.#delays.clear()
  }

  #serve(): void {
    for (const give of this.#takers) {
      const item = this.#next()
      if (item === undefined) return
      give(item)
    }
  }

  #next(): QueueItem | undefined {
    if (this.#ready.size === 0) return undefined
    const priority = Math.max(...this.#ready.keys())
    const [key] = this.#ready.get(priority)?.keys() ?? []
    if (key === undefined) return undefined
    const now = this.#clock.monotonic()
    const since = this.#leave(key, priority)
    this.#delays.remove(key) // The look that now comes decides on the next.
    this.#working.set(key, now)
    this.#options.runtime.metrics.queueSeconds.observe(this.#labels, (now - since) / 1000)
    return { key, priority }
  }

  /** Takes a ready key out of its line; when it came. */
  #leave(key: string, priority: number): number {
    const line = this.#ready.get(priority)
    const since = line?.get(key)
    line?.delete(key)
    if (line?.size === 0) this.#ready.delete(priority)
    this.#priorities.delete(key)
    return since ?? this.#clock.monotonic()
  }

  #snapshot(): QueueSnapshot {
    const now = this.#clock.monotonic()
    return {
      depths: new Map([[0, 0], ...Array.from(this.#ready, ([priority, line]) => [priority, line.size] as const)]),
      workingSeconds: Array.from(this.#working.values(), started => (now - started) / 1000),
    }
  }
}
