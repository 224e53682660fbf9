// Keeps a store equal to the server's list: lists once in pages, then watches from there, for ever.
//
// A watch ends every few minutes by the server's own clock and goes on from the last version seen. One that has shown
// no sign of life for three minutes (a bookmark comes every minute or so while anything of the kind changes), or that
// the server has not ended five seconds after its time, may be half open: it is cut and goes on over a new connection.
// `Gone` means that the server no longer has what came since: the list is read anew and compared. No error ends the loop.
import { pause, withDeadline } from './abort.ts'
import { backoffSeconds } from './backoff.ts'
import { bring, replaceAll } from './changes.ts'
import type { KubeClient } from './client.ts'
import { isKubeError, KubeError } from './errors.ts'
import { type KubernetesObject, keyOf, type Resource, referenceOf } from './resource.ts'
import type { Runtime } from './runtime.ts'
import { sharing } from './sharing.ts'
import { IndexedStore, type Indexes, type Store } from './store.ts'

/** One change of the store. `object` of a `Deleted` is the last state known. */
export interface Change<T> {
  type: 'Added' | 'Modified' | 'Deleted'
  object: T
  old?: T
  /** Part of the first list: nothing has happened, the object stands as it stood. */
  initial: boolean
}

export interface ReflectorOptions<T extends KubernetesObject, Name extends string = never> {
  runtime: Runtime
  client: KubeClient
  resource: Resource<T>
  /** Without one: all namespaces. */
  namespace?: string | undefined
  labelSelector?: string | undefined
  fieldSelector?: string | undefined
  indexes?: Indexes<T, Name>
  /** Drops what nobody reads before an object is stored; `managedFields` are dropped always. */
  transform?: (object: T) => T
  /** Objects per page of a list. Default 500. */
  pageSize?: number
  /** A watch ends after a random length between these. Default 290 to 580. */
  watchSeconds?: { minimum: number; maximum: number }
  /** A watch without any sign of life for so long is cut and begun anew. Default 180. */
  silentSeconds?: number
}

export interface Reflector<T extends KubernetesObject, Name extends string = never> {
  readonly resource: Resource<T>
  /** The only namespace seen, or `undefined` for all. */
  readonly namespace: string | undefined
  readonly store: Store<T, Name>
  /** Resolves when the first list is in the store. Stays pending until then, whatever happens. */
  readonly synced: Promise<void>
  isSynced(): boolean
  /** Until the returned function is called. A handler that throws is logged, and the others still run. */
  onChange(handler: (change: Change<T>) => void): () => void
  /** Seconds since the server last gave any sign (list, event or bookmark); `undefined` before the first. */
  lastEventAgeSeconds(): number | undefined
  /** What went wrong last, until something went right. */
  lastError(): unknown
  /** Resolves when the signal is aborted, and never rejects: errors are retried, logged and counted. */
  run(signal: AbortSignal): Promise<void>
}

export function reflector<T extends KubernetesObject, Name extends string = never>(
  options: ReflectorOptions<T, Name>,
): Reflector<T, Name> {
  return new ListWatch(options)
}

/** client-go `tools/cache/reflector.go`: full jitter, forgotten after two minutes without a failure. */
const BACKOFF = { initialSeconds: 0.8, maximumSeconds: 30 }
const BACKOFF_RESET_SECONDS = 120
/** kube-rs `kube-runtime/src/watcher.rs`: how long after its time a watch may still live. */
const IDLE_GRACE_SECONDS = 5
/** A watch that the server ends sooner counts as a failure, or two programs would be busy with nothing. */
const SHORT_WATCH_SECONDS = 5

class ListWatch<T extends KubernetesObject, Name extends string> implements Reflector<T, Name> {
  readonly resource: Resource<T>
  readonly namespace: string | undefined
  readonly synced: Promise<void>
  readonly #store: IndexedStore<T, Name>
  readonly #options: ReflectorOptions<T, Name>
  readonly #handlers = new Set<(change: Change<T>) => void>()
  readonly #label: string
  readonly #share = sharing()
  #announceSync = () => {}
  #isSynced = false
  /** Where the next watch begins; `undefined` asks for a list first. */
  #watchFrom: string | undefined
  #lastEventAt: number | undefined
  /** When the running watch began, or last gave a sign. */
  #signAt = 0
  #lastError: unknown
  #failures = 0
  #failedAt = 0

  constructor(options: ReflectorOptions<T, Name>) {
    const { resource, namespace, runtime, indexes } = options
    this.#options = options
    this.resource = resource
    this.namespace = namespace
    this.#store = new IndexedStore({ indexes, freeze: runtime.development })
    this.synced = new Promise(resolve => {
      this.#announceSync = resolve
    })
    const kind = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
    this.#label = namespace === undefined ? kind : `${namespace}/${kind}`
    runtime.metrics.reflectors.set(this.#label, () => ({
      ageSeconds: this.lastEventAgeSeconds(),
      resourceVersion: this.#store.resourceVersion,
      objects: this.#store.size,
    }))
  }

  get store(): Store<T, Name> {
    return this.#store
  }

  isSynced(): boolean {
    return this.#isSynced
  }

  onChange(handler: (change: Change<T>) => void): () => void {
    this.#handlers.add(handler)
    return () => this.#handlers.delete(handler)
  }

  lastEventAgeSeconds(): number | undefined {
    if (this.#lastEventAt === undefined) return undefined
    return (this.#options.runtime.clock.monotonic() - this.#lastEventAt) / 1000
  }

  lastError(): unknown {
    return this.#lastError
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#watchFrom ??= await this.#list(signal)
        await this.#watch(this.#watchFrom, signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#failed(error, signal)
      }
    }
  }

  /** Reads everything, page by page, and brings the store there. The version of the list. */
  async #list(signal: AbortSignal): Promise<string> {
    this.#options.runtime.metrics.lists.inc({ resource: this.#label })
    let listed: { objects: T[]; resourceVersion: string }
    try {
      listed = await this.#pages(this.#options.pageSize ?? 500, signal)
    } catch (error) {
      if (!isKubeError(error, 'Gone')) throw error
      listed = await this.#pages(undefined, signal) // The pages expired half way: all at once, then.
    }
    this.#alive()
    this.#replace(listed.objects, listed.resourceVersion)
    return listed.resourceVersion
  }

  async #pages(limit: number | undefined, signal: AbortSignal): Promise<{ objects: T[]; resourceVersion: string }> {
    const { client, resource, namespace, labelSelector, fieldSelector } = this.#options
    const objects: T[] = []
    let token: string | undefined
    do {
      const selection = { namespace, labelSelector, fieldSelector, limit, continue: token, signal }
      const { items, metadata } = await client.list(resource, selection)
      for (const item of items) objects.push(this.#slim(item))
      token = metadata.continue
      if (token === undefined) return { objects, resourceVersion: metadata.resourceVersion }
    } while (!signal.aborted)
    throw signal.reason
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { runtime, client, resource, namespace, labelSelector, fieldSelector } = this.#options
    const { clock, random, metrics } = runtime
    const { watchSeconds = { minimum: 290, maximum: 580 }, silentSeconds = 180 } = this.#options
    const { minimum, maximum } = watchSeconds
    const timeoutSeconds = Math.ceil(minimum + random() * (maximum - minimum))
    const reason = new KubeError('Timeout', `Watching ${this.#label}: the link is silent.`)
    const started = clock.monotonic()
    this.#signAt = started
    const leftSeconds = () => {
      const [end, silence] = [
        started + (timeoutSeconds + IDLE_GRACE_SECONDS) * 1000,
        this.#signAt + silentSeconds * 1000,
      ]
      return (Math.min(end, silence) - clock.monotonic()) / 1000
    }

    const isSilent = await withDeadline({ clock, signal, seconds: leftSeconds, reason }, async within => {
      const selection = { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, signal: within }
      for await (const event of client.watch(resource, selection)) {
        this.#alive()
        const version = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion
        const seen = { store: this.#store, initial: false }
        this.#follow(event.type === 'BOOKMARK' ? [] : bring(seen, event.type, this.#slim(event.object)), version)
      }
      return false
    }).catch((error: unknown) => {
      if (error !== reason) throw error
      return true
    })
    // A kind in which nothing happens gets no bookmarks either: the next watch shows whether the link is dead.
    if (isSilent) return metrics.watchRestarts.inc({ resource: this.#label, cause: 'Silent' })

    const seconds = (clock.monotonic() - started) / 1000
    if (seconds < Math.min(SHORT_WATCH_SECONDS, timeoutSeconds / 2)) {
      throw new KubeError('Disconnected', `Watching ${this.#label}: the server ended the watch after ${seconds} s.`)
    }
    metrics.watchRestarts.inc({ resource: this.#label, cause: 'Ended' })
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, random, log, metrics } = this.#options.runtime
    const expired = isKubeError(error, 'Gone')
    if (expired) this.#watchFrom = undefined
    metrics.watchRestarts.inc({ resource: this.#label, cause: isKubeError(error) ? error.code : 'Unexpected' })

    if (clock.monotonic() - this.#failedAt > BACKOFF_RESET_SECONDS * 1000) this.#failures = 0
    this.#failures += 1
    this.#failedAt = clock.monotonic()
    if (!expired && this.#lastError === undefined) {
      log.warn({ resource: this.#label, error }, 'Lost sight of a resource; retrying')
    }
    if (!expired) this.#lastError = error

    const asked = isKubeError(error) ? (error.retryAfterSeconds ?? 0) : 0
    await pause(clock, Math.max(asked, random() * backoffSeconds(BACKOFF, this.#failures)), signal)
  }

  #alive(): void {
    const { clock, log } = this.#options.runtime
    this.#signAt = clock.monotonic()
    this.#lastEventAt = this.#signAt
    if (this.#lastError === undefined) return
    this.#lastError = undefined
    log.info({ resource: this.#label }, 'In sight of a resource again')
  }

  #slim(object: T): T {
    const { transform } = this.#options
    // Built anew: an object that a field was deleted from is kept as a table, several times as large.
    const { managedFields: _unread, ...metadata } = object.metadata
    const slim = { ...object, metadata }
    this.#share(slim)
    return transform === undefined ? slim : transform(slim)
  }

  #replace(objects: readonly T[], resourceVersion: string): void {
    this.#follow(replaceAll({ store: this.#store, initial: !this.#isSynced }, objects), resourceVersion)
    if (this.#isSynced) return
    this.#isSynced = true
    this.#announceSync()
  }

  /** The store is there already: a handler that looks sees everything up to this version. */
  #follow(changes: readonly Change<T>[], resourceVersion: string | undefined): void {
    const { log, metrics } = this.#options.runtime
    if (resourceVersion !== undefined) {
      this.#store.reached(resourceVersion)
      this.#watchFrom = resourceVersion
    }
    for (const change of changes) {
      for (const handler of this.#handlers) {
        try {
          handler(change)
        } catch (error) {
          metrics.handlerErrors.inc({ resource: this.#label })
          log.error({ resource: this.#label, object: keyOf(referenceOf(change.object)), error }, 'A handler threw')
        }
      }
    }
  }
}
