// A reflector under observation: everything it says is kept, and compared with what the server holds.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { onTestFinished } from 'vitest'
import { connect } from '../../lib/kube/client.ts'
import type { Credentials } from '../../lib/kube/credentials.ts'
import { type Change, type ReflectorOptions, reflector } from '../../lib/kube/reflector.ts'
import { keyOf, referenceOf } from '../../lib/kube/resource.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, makeRuntime, metric, newNamespace, until, type Widget, widget, widgets } from './fixtures.ts'

export type Witness = Awaited<ReturnType<typeof witness<never>>>

/** Whatever the reflector's connections go through. */
export interface Way {
  open(): number
}

export interface WitnessOptions<Name extends string = never>
  extends Partial<Omit<ReflectorOptions<Widget, Name>, 'client' | 'resource'>> {
  /** Directly to the server without one. */
  credentials?: Credentials
  way?: Way
  /** Of its client, upon silence. Default 2. */
  timeoutSeconds?: number
}

export async function witness<Name extends string = never>(server: ApiServer, options: WitnessOptions<Name> = {}) {
  const { credentials = server.credentials(), way, timeoutSeconds = 2, ...rest } = options
  const writer = clientOf(server.credentials())
  const namespace = await newNamespace(server)
  const runtime = options.runtime ?? makeRuntime()
  const before = resources()
  const client = connect(credentials, { userAgent: 'witness/1', timeoutSeconds, metrics: runtime.metrics })
  const changes: Change<Widget>[] = []
  const stop = new AbortController()
  const seen = reflector({ resource: widgets, namespace, ...rest, runtime, client })
  seen.onChange(change => changes.push(change))
  let running: Promise<void> | undefined
  const end = async () => {
    stop.abort()
    await running
    await client.close()
  }
  onTestFinished(end)

  const edit = (name: string, spec: Widget['spec'] & object) =>
    writer.mergePatch(widgets, { namespace, name }, { spec })
  const listed = async () => textOf((await writer.list(widgets, { namespace })).items)
  return {
    namespace,
    runtime,
    seen,
    store: seen.store,
    changes,
    start() {
      running = seen.run(stop.signal)
      return seen.synced
    },
    create: (name: string, spec: Widget['spec'] = {}) => writer.create(widgets, widget(namespace, name, spec)),
    resize: (name: string, size: number) => edit(name, { size }),
    edit,
    remove: (name: string) => writer.delete(widgets, { namespace, name }),
    get: (name: string) => seen.store.get({ namespace, name }),
    told: () => changes.map(({ type, object }) => `${type} ${object.metadata.name}`),
    /** Forgets what led here: the changes are ours, and growing by nature. */
    forget() {
      const standing = replayed(changes).map(object => ({ type: 'Added', object, initial: true }) as const)
      changes.splice(0, changes.length, ...standing)
    },
    lists: () => metric(runtime, `kube_lists_total{resource="${namespace}/widgets.test.example.com"}`),
    restarts: (cause: string) =>
      metric(runtime, `kube_watch_restarts_total{resource="${namespace}/widgets.test.example.com",cause="${cause}"}`),
    /** Reads that the client asked again by itself, their connection having broken. */
    readsAgain: () => {
      const labels = `code="<error>",verb="GET",host="${new URL(credentials.server).host}"`
      return metric(runtime, `rest_client_request_retries_total{${labels}}`)
    },
    /** Waits until the store is what the server lists; then, that whoever only followed the changes has it too. */
    async equal(): Promise<void> {
      const text = await until(async () => {
        const truth = await listed().catch(() => undefined) // A server that has just started may not answer yet.
        return truth === textOf(seen.store.list()) && truth
      })
      if (textOf(replayed(changes)) !== text) throw new Error('A change was lost: the store has it, who followed not.')
    },
    /** Ends the reflector; then, that no connection, timer or socket of it is left. */
    async leavesNothing(): Promise<void> {
      await end()
      await until(() => (way?.open() ?? 0) === 0)
      await nothingIsLeft(before)
    },
  }
}

/** What keeps this process alive, by kind: sockets, timers, requests under way. */
export function resources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/** Of memory in use, after everything that can be freed is freed. */
export function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}

/** Waits until there is no more of anything than there was `before`. */
export async function nothingIsLeft(before: Record<string, number>): Promise<void> {
  await until(() => Object.entries(resources()).every(([kind, count]) => count <= (before[kind] ?? 0)))
}

/** What somebody has who saw nothing but the changes. Throws on a change that does not follow from those before. */
export function replayed(changes: readonly Change<Widget>[]): Widget[] {
  const objects = new Map<string, Widget>()
  for (const { type, object } of changes) {
    const key = keyOf(referenceOf(object))
    const known = objects.get(key)
    if ((type === 'Added') !== (known === undefined)) throw new Error(`${type} ${key} does not follow.`)
    if (known !== undefined && known.metadata.uid !== object.metadata.uid) throw new Error(`${key} is another by now.`)
    if (type === 'Deleted') objects.delete(key)
    else objects.set(key, object)
  }
  return Array.from(objects.values())
}

/** Sorted, and less what the store leaves out. */
function textOf(objects: readonly Widget[]): string {
  const short = objects.map(({ metadata: { name, uid, resourceVersion }, spec, status }) => {
    return { name, uid, resourceVersion, spec, status }
  })
  return JSON.stringify(short.toSorted((left, right) => (left.name < right.name ? -1 : 1)))
}
