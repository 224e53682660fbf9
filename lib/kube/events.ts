// Tells people what happened to an object, as events.k8s.io/v1. The same thing happening again becomes a series of one
// event: written at its second time, then every half hour, and once more when it has stopped for six minutes
// (client-go `tools/events/event_broadcaster.go`). Nothing here is ever waited for.
import { pause } from './abort.ts'
import { backoffSeconds } from './backoff.ts'
import type { KubeClient } from './client.ts'
import { type Event, type EventObjectReference, events, microTime } from './core.ts'
import { isKubeError, type KubeErrorCode } from './errors.ts'
import type { KubernetesObject } from './resource.ts'
import { referenceOf } from './resource.ts'
import type { Runnable, Runtime, StopSignals } from './runtime.ts'
import { SpamGuard } from './spam-guard.ts'

export interface Occurrence {
  type: 'Normal' | 'Warning'
  /** PascalCase, why: `SpotEvicted`. At most 128 characters. */
  reason: string
  /** PascalCase, what was done or tried: `Recover`. At most 128 characters. */
  action: string
  /** A sentence for a person. Cut at 1024 bytes. Another note is another event, not the same one again. */
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
  /** The controller that reports, such as `example.com/operator`. */
  reportingController: string
  /** The pod's name. At most 128 characters. */
  reportingInstance: string
}

export function recorder(options: RecorderOptions): Recorder {
  return new SeriesRecorder(options)
}

/** Events that wait to be sent. Beyond, the newest are dropped. */
const QUEUE_LIMIT = 1000
/** Different things remembered. Beyond, the oldest is forgotten: it would begin a new event. */
const SERIES_LIMIT = 4096
const ATTEMPTS = 12
const RETRY = { initialSeconds: 0.5, maximumSeconds: 10 }
const REFRESH_SECONDS = 30 * 60
const FINISH_SECONDS = 6 * 60
const SWEEP_SECONDS = 30
/** What the API server permits (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/). */
const NOTE_BYTES = 1024
const NAME_CHARACTERS = 253

/** Trying again will not help: the namespace ends, we may not, or the event is malformed. */
const REFUSALS: KubeErrorCode[] = ['Forbidden', 'Invalid', 'BadRequest', 'UnknownKind', 'NotFound']

interface Series {
  key: string
  event: Event
  isSent: boolean
  count: number
  lastSeenAt: number
  lastSeen: Date
  writtenCount: number
  writtenAt: number
}

class SeriesRecorder implements Recorder {
  readonly name = 'events'
  readonly #options: RecorderOptions
  readonly #series = new Map<string, Series>()
  readonly #outbox = new Set<Series>()
  readonly #guard: SpamGuard
  #wake = () => {}

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#guard = new SpamGuard(options.runtime.clock)
  }

  event(object: KubernetesObject, occurrence: Occurrence): void {
    const { clock } = this.#options.runtime
    const key = keyOfOccurrence(object, occurrence)
    const known = this.#series.get(key)
    if (known !== undefined && clock.monotonic() - known.lastSeenAt < FINISH_SECONDS * 1000) {
      known.count += 1
      known.lastSeen = clock.now()
      known.lastSeenAt = clock.monotonic()
      if (known.count === 2) this.#post(known)
      return
    }
    if (!this.#guard.permits(object.metadata.uid ?? key)) {
      this.#count('Spam')
      return
    }

    const event = this.#draft(object, occurrence)
    const lastSeen = clock.now()
    const at = clock.monotonic()
    const series = { key, event, isSent: false, count: 1, lastSeenAt: at, lastSeen, writtenCount: 0, writtenAt: at }
    if (this.#series.size >= SERIES_LIMIT) this.#series.delete(this.#series.keys().next().value ?? key)
    this.#series.delete(key) // To the end, as the youngest.
    this.#series.set(key, series)
    this.#post(series)
  }

  async run({ stop, abort }: StopSignals): Promise<void> {
    const sweeping = this.#sweep(stop)
    stop.addEventListener('abort', () => this.#wake(), { once: true })
    while (!stop.aborted) {
      await this.#flush(stop)
      await this.#posted(stop)
    }
    await sweeping
    for (const series of this.#series.values()) if (series.count > series.writtenCount) this.#post(series)
    await this.#flush(abort)
  }

  #draft(object: KubernetesObject, { type, reason, action, note, related }: Occurrence): Event {
    const { runtime, reportingController, reportingInstance } = this.#options
    const { namespace = 'default', name } = object.metadata
    const random = Math.floor(runtime.random() * 2 ** 32)
    const suffix = `.${runtime.clock.now().getTime().toString(16)}${random.toString(16).padStart(8, '0')}`
    return {
      apiVersion: events.apiVersion,
      kind: events.kind,
      metadata: { namespace, name: `${name.slice(0, NAME_CHARACTERS - suffix.length)}${suffix}` },
      eventTime: microTime(runtime.clock.now()),
      type,
      reason,
      action,
      note: cut(note),
      regarding: objectReference(object),
      ...(related === undefined ? {} : { related: objectReference(related) }),
      reportingController,
      reportingInstance,
    }
  }

  #post(series: Series): void {
    if (this.#outbox.size >= QUEUE_LIMIT && !this.#outbox.has(series)) {
      this.#count('QueueFull')
      return
    }
    this.#outbox.add(series)
    this.#wake()
  }

  /** Until something is to be sent. */
  async #posted(stop: AbortSignal): Promise<void> {
    if (this.#outbox.size > 0 || stop.aborted) return
    await new Promise<void>(resolve => {
      this.#wake = resolve
    })
  }

  async #flush(signal: AbortSignal): Promise<void> {
    for (const series of this.#outbox) {
      if (signal.aborted) return
      this.#outbox.delete(series) // Before it is sent: what happens meanwhile puts it back.
      await this.#send(series, signal)
    }
  }

  async #send(series: Series, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#options
    for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt++) {
      const count = series.count
      try {
        await this.#write(series, signal)
        series.writtenCount = count
        series.writtenAt = runtime.clock.monotonic()
        return this.#count('Sent')
      } catch (error) {
        if (signal.aborted) return
        if (isKubeError(error, ...REFUSALS) || attempt === ATTEMPTS) {
          runtime.log.warn(
            { event: series.event.reason, regarding: series.event.regarding?.name, error },
            'An event could not be sent',
          )
          break
        }
      }
      await pause(runtime.clock, backoffSeconds(RETRY, attempt) * (0.5 + runtime.random() / 2), signal)
    }
    if (signal.aborted) return
    this.#series.delete(series.key)
    this.#count('Dropped')
  }

  async #write(series: Series, signal: AbortSignal): Promise<void> {
    const { client } = this.#options
    const more =
      series.count < 2 ? {} : { series: { count: series.count, lastObservedTime: microTime(series.lastSeen) } }
    try {
      if (series.isSent) {
        await client.mergePatch(events, referenceOf(series.event), more, { signal })
        return
      }
      await client.create(events, { ...series.event, ...more }, { signal })
    } catch (error) {
      // Sent before, but the answer was lost; or the server has forgotten it (events live an hour).
      if (isKubeError(error, 'AlreadyExists')) series.isSent = true
      else if (series.isSent && isKubeError(error, 'NotFound')) series.isSent = false
      else throw error
      return await this.#write(series, signal)
    }
    series.isSent = true
  }

  async #sweep(stop: AbortSignal): Promise<void> {
    const { clock } = this.#options.runtime
    while (!stop.aborted) {
      await pause(clock, SWEEP_SECONDS, stop)
      const now = clock.monotonic()
      for (const series of this.#series.values()) {
        const isOver = now - series.lastSeenAt >= FINISH_SECONDS * 1000
        const isDue = isOver || now - series.writtenAt >= REFRESH_SECONDS * 1000
        if (isDue && series.count > series.writtenCount) this.#post(series)
        if (isOver) this.#series.delete(series.key)
      }
    }
  }

  #count(result: 'Sent' | 'Dropped' | 'Spam' | 'QueueFull'): void {
    this.#options.runtime.metrics.eventsSent.inc({ result })
  }
}

function keyOfOccurrence(object: KubernetesObject, { type, reason, action, note, related }: Occurrence): string {
  const { uid = '', namespace = '', name } = object.metadata
  return JSON.stringify([object.kind, namespace, name, uid, type, reason, action, note, related?.metadata.uid])
}

function objectReference({ apiVersion, kind, metadata }: KubernetesObject): EventObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
}

function cut(note: string): string {
  if (Buffer.byteLength(note) <= NOTE_BYTES) return note
  const kept = Buffer.from(note)
    .subarray(0, NOTE_BYTES - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
  return `${kept}…`
}
