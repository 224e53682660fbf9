import { describe, expect, onTestFinished, test } from 'vitest'
import type { KubeClient } from '../../lib/kube/client.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { type Change, type ReflectorOptions, reflector } from '../../lib/kube/reflector.ts'
import { defineResource } from '../../lib/kube/resource.ts'
import type { ApiServer } from './api-server.ts'
import {
  clientOf,
  makeRuntime,
  metric,
  newNamespace,
  until,
  untilTestEnds,
  type Widget,
  widget,
  widgets,
} from './fixtures.ts'
import { startProxy } from './proxy.ts'

export function reflectorBehaves(server: () => ApiServer): void {
  /** A reflector that runs until the test ends, and everything it says. */
  const setUp = async (
    options: Partial<ReflectorOptions<Widget>> & { through?: (client: KubeClient) => KubeClient } = {},
  ) => {
    const { through = client => client, ...rest } = options
    const writer = clientOf(server().credentials())
    const namespace = await newNamespace(server())
    const runtime = makeRuntime()
    const changes: Change<Widget>[] = []
    const client = through(options.client ?? writer)
    const make = () => {
      const seen = reflector({ runtime, resource: widgets, namespace, ...rest, client })
      seen.onChange(change => changes.push(change))
      void seen.run(untilTestEnds())
      return seen
    }
    const told = () => changes.map(({ type, object }) => `${type} ${object.metadata.name}`)
    const create = (name: string, spec: Widget['spec'] = {}) => writer.create(widgets, widget(namespace, name, spec))
    const resize = (name: string, size: number) => writer.mergePatch(widgets, { namespace, name }, { spec: { size } })
    const remove = (name: string) => writer.delete(widgets, { namespace, name })
    /** Waits until the store is what the server lists. */
    const equal = (store: { list(): Widget[] }) =>
      until(async () => {
        const listed = (await writer.list(widgets, { namespace })).items
        return JSON.stringify(sorted(store.list())) === JSON.stringify(sorted(listed))
      })
    return { writer, namespace, runtime, changes, make, told, create, resize, remove, equal }
  }

  const withProxy = async () => {
    const proxy = await startProxy(server().port)
    onTestFinished(() => proxy.close())
    return { proxy, client: clientOf(server().credentials({ port: proxy.port }), { timeoutSeconds: 2 }) }
  }

  describe('reflector', () => {
    test('lists in pages, then follows every change', async () => {
      const { make, create, resize, remove, told, changes, equal, runtime } = await setUp({ pageSize: 2 })
      for (const name of ['a', 'b', 'c', 'd', 'e']) await create(name)
      const seen = make()
      const { store, synced } = seen
      await synced
      expect(store.size).toBe(5)
      expect(changes.every(change => change.type === 'Added' && change.initial)).toBe(true)
      await create('f')
      await resize('a', 7)
      await remove('b')
      await until(() => told().length === 8)
      expect(told().slice(5)).toEqual(['Added f', 'Modified a', 'Deleted b'])
      expect(changes[6]).toMatchObject({ old: { spec: {} }, object: { spec: { size: 7 } }, initial: false })
      await equal(store)
      expect(store.list().some(object => object.metadata.managedFields)).toBe(false)
      expect(await metric(runtime, `kube_lists_total{resource="${runtimeLabel(changes)}"}`)).toBe(1)
      expect(seen.lastEventAgeSeconds()).toBeLessThan(15)
    })

    test('keeps indexes, transforms, and freezes what is shared in development', async () => {
      const { make, create, resize, told } = await setUp({
        indexes: { bySize: object => [String(object.spec?.size ?? 'none')] },
        transform: object => ({ ...object, spec: { size: object.spec?.size ?? 0 } }),
      })
      await create('a', { size: 1, note: 'long' })
      await create('b', { size: 1 })
      const { store, synced } = make()
      await synced
      expect(store.byIndex('bySize', '1')).toHaveLength(2)
      await resize('a', 2)
      await until(() => told().includes('Modified a'))
      expect(store.byIndex('bySize', '1').map(object => object.metadata.name)).toEqual(['b'])
      const [a] = store.byIndex('bySize', '2')
      expect(a?.spec).toEqual({ size: 2 })
      expect(Object.isFrozen(a?.spec)).toBe(true)
      expect(() => store.byIndex('byNothing', '1')).toThrow('no index')
    })

    test('goes on where a cut connection left off, without a new list', async () => {
      const { proxy, client } = await withProxy()
      const { make, create, resize, remove, equal, told, changes, runtime } = await setUp({ client })
      await create('a')
      await create('b')
      const { store, synced } = make()
      await synced
      for (let round = 1; round <= 3; round++) {
        proxy.cut()
        await resize('a', round)
        await until(() => store.list().some(object => object.spec?.size === round))
      }
      proxy.become('Refuse')
      await remove('b')
      await create('c')
      proxy.become('Open')
      await equal(store)
      expect(told().filter(line => !line.startsWith('Modified'))).toEqual([
        'Added a',
        'Added b',
        'Deleted b',
        'Added c',
      ])
      expect(await metric(runtime, `kube_lists_total{resource="${runtimeLabel(changes)}"}`)).toBe(1)
    })

    test('cuts a half-open link when the server’s time is over, and catches up', async () => {
      const { proxy, client } = await withProxy()
      const clock = hurried(5)
      const watchSeconds = { minimum: 2, maximum: 2 }
      const runtime = { ...makeRuntime(), clock }
      const { make, create, equal } = await setUp({ client, watchSeconds, runtime })
      await create('a')
      const seen = make()
      const { store, synced } = seen
      await synced
      const broken = proxy.open()
      expect(broken).toBeGreaterThan(0)
      proxy.become('Silent')
      await create('b')
      await until(() => runtime.metrics.registry.metrics().then(text => text.includes('cause="Timeout"')))
      expect(store.size).toBe(1)
      proxy.cut()
      proxy.become('Open')
      await equal(store)
      await until(() => seen.lastError() === undefined)
    })

    test('lists anew when the server says Gone, and tells only what changed in between', async () => {
      let isOld = false
      // The server itself refuses: version 1 is older than anything it remembers.
      const through = (client: KubeClient): KubeClient =>
        Object.assign(Object.create(client), {
          list: client.list.bind(client),
          watch: (...[resource, options]: Parameters<KubeClient['watch']>) => {
            const resourceVersion = isOld ? '1' : options.resourceVersion
            isOld = false
            return client.watch(resource, { ...options, resourceVersion })
          },
        })
      const { proxy, client } = await withProxy()
      const { make, namespace, create, resize, remove, equal, told, changes, runtime } = await setUp({
        client,
        through,
      })
      for (const name of ['a', 'b', 'c', 'd']) await create(name)
      const { store, synced } = make()
      await synced
      proxy.become('Refuse')
      const before = store.get({ namespace, name: 'c' })
      await resize('b', 2)
      await remove('c')
      await create('c')
      await remove('d')
      await create('e')
      isOld = true
      proxy.become('Open')
      await equal(store)
      expect(told().slice(4).toSorted()).toEqual(['Added c', 'Added e', 'Deleted c', 'Deleted d', 'Modified b'])
      const [gone, fresh] = changes.filter(({ object }, index) => index >= 4 && object.metadata.name === 'c')
      expect(gone).toMatchObject({ type: 'Deleted', object: { metadata: { uid: before?.metadata.uid } } })
      expect(fresh?.object.metadata.uid).not.toBe(before?.metadata.uid)
      const label = runtimeLabel(changes)
      expect(await metric(runtime, `kube_watch_restarts_total{resource="${label}",cause="Gone"}`)).toBe(1)
      expect(await metric(runtime, `kube_lists_total{resource="${label}"}`)).toBe(2)
    })

    test('reads everything at once when the pages expire half way', async () => {
      let expired = 0
      const through = (client: KubeClient): KubeClient =>
        Object.assign(Object.create(client), {
          watch: client.watch.bind(client),
          list: async (...[resource, options]: Parameters<KubeClient['list']>) => {
            if (options?.continue === undefined) return await client.list(resource, options)
            const token = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: 1, start: 'a\u0000' })).toString(
              'base64url',
            )
            const page = client.list(resource, { ...options, continue: token })
            return await page.catch(error => {
              if (isKubeError(error, 'Gone')) expired += 1
              throw error
            })
          },
        })
      await compact(server())
      const { make, create, equal } = await setUp({ pageSize: 2, through })
      for (const name of ['a', 'b', 'c']) await create(name)
      const { store, synced } = make()
      await synced
      expect(expired).toBe(1)
      await equal(store)
    })

    test('waits for a kind that is not installed yet', async () => {
      const runtime = makeRuntime()
      const client = clientOf(server().credentials())
      const early = defineResource({ ...widgets, plural: 'latecomers', kind: 'Latecomer' })
      const seen = reflector({ runtime, client, resource: early })
      void seen.run(untilTestEnds())
      await until(() => isKubeError(seen.lastError(), 'UnknownKind'))
      expect(seen.isSynced()).toBe(false)
    })

    test('a handler that throws does not stop the others, nor the reflector', async () => {
      const { make, create, told, changes, runtime } = await setUp()
      const seen = make()
      seen.onChange(() => {
        throw new Error('a mistake of the handler')
      })
      await seen.synced
      await create('a')
      await create('b')
      await until(() => told().length === 2)
      expect(await metric(runtime, `kube_handler_errors_total{resource="${runtimeLabel(changes)}"}`)).toBe(2)
    })

    test('ends when told to, and leaves no connection', async () => {
      const { proxy, client } = await withProxy()
      const namespace = await newNamespace(server())
      const stop = new AbortController()
      const seen = reflector({ runtime: makeRuntime(), client, resource: widgets, namespace })
      const run = seen.run(stop.signal)
      await seen.synced
      await until(() => proxy.open() > 0)
      stop.abort()
      await run
      await client.close()
      await until(() => proxy.open() === 0)
    })
  })
}

function sorted(objects: readonly Widget[]) {
  return objects
    .map(({ metadata, spec }) => ({ name: metadata.name, uid: metadata.uid, version: metadata.resourceVersion, spec }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

function runtimeLabel(changes: readonly Change<Widget>[]): string {
  return `${changes[0]?.object.metadata.namespace}/widgets.test.example.com`
}

/** Lets every sleep be so many times shorter. */
function hurried(times: number) {
  const { clock } = makeRuntime()
  return { ...clock, sleep: (milliseconds: number, signal?: AbortSignal) => clock.sleep(milliseconds / times, signal) }
}

/** Makes etcd forget everything but the present. */
async function compact({ etcdUrl }: ApiServer): Promise<void> {
  const post = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(`${etcdUrl}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) })
    return await answer.json()
  }
  const status = await post('maintenance/status', {})
  const revision = JSON.stringify(status).match(/"revision":"(\d+)"/)?.[1]
  await post('kv/compaction', { revision, physical: true })
}
