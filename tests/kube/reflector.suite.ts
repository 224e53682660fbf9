import { describe, expect, test } from 'vitest'
import { isKubeError } from '../../lib/kube/errors.ts'
import { reflectNamespaces } from '../../lib/kube/namespaces.ts'
import { reflector } from '../../lib/kube/reflector.ts'
import { defineResource } from '../../lib/kube/resource.ts'
import { sharing } from '../../lib/kube/sharing.ts'
import { systemClock } from '../../lib/process/clock.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, makeRuntime, metric, newNamespace, until, untilTestEnds, widget, widgets } from './fixtures.ts'
import { heapBytes, witness } from './witness.ts'

export function reflectorBehaves(server: () => ApiServer): void {
  describe('reflector', () => {
    test('lists in pages, then follows every change', async () => {
      const seen = await witness(server(), { pageSize: 2 })
      for (const name of ['a', 'b', 'c', 'd', 'e']) await seen.create(name)
      await seen.start()
      expect(seen.store.size).toBe(5)
      expect(seen.changes.every(change => change.type === 'Added' && change.initial)).toBe(true)
      await seen.create('f')
      await seen.resize('a', 7)
      await seen.remove('b')
      await until(() => seen.changes.length === 8)
      expect(seen.told().slice(5)).toEqual(['Added f', 'Modified a', 'Deleted b'])
      expect(seen.changes[6]).toMatchObject({ old: { spec: {} }, object: { spec: { size: 7 } }, initial: false })
      await seen.equal()
      expect(seen.store.list().some(object => object.metadata.managedFields)).toBe(false)
      expect(await seen.lists()).toBe(1)
      expect(seen.seen.lastEventAgeSeconds()).toBeLessThan(15)
      const label = `{resource="${seen.namespace}/widgets.test.example.com"}`
      expect(await metric(seen.runtime, `kube_store_objects${label}`)).toBe(5)
      expect(await metric(seen.runtime, `store_resource_version${label}`)).toBe(Number(seen.store.resourceVersion))
      await seen.leavesNothing()
    })

    test('how long ago the server gave a sign is told: more and more while nothing arrives, and nothing upon an event', async () => {
      let elapsed = 5000
      const runtime = { ...makeRuntime(), clock: { ...systemClock, monotonic: () => elapsed } }
      const seen = await witness(server(), { runtime })
      const label = `{resource="${seen.namespace}/widgets.test.example.com"}`
      const age = () => metric(runtime, `kube_watch_last_event_age_seconds${label}`)
      expect(await age()).toBeNaN()
      await seen.start()
      expect(await age()).toBe(0) // By its list.
      elapsed += 40_000
      expect(await age()).toBe(40)
      elapsed += 50_000
      expect(await age()).toBe(90)
      await seen.create('a')
      await until(() => seen.store.size === 1)
      expect(await age()).toBe(0)
      elapsed += 1500
      expect(await age()).toBe(1.5)
    })

    test('keeps indexes, transforms, and freezes what is shared in development', async () => {
      const { start, create, resize, told, store } = await witness(server(), {
        indexes: { bySize: object => [String(object.spec?.size ?? 'none')] },
        transform: object => ({ ...object, spec: { size: object.spec?.size ?? 0 } }),
      })
      await create('a', { size: 1, note: 'long' })
      await create('b', { size: 1 })
      await start()
      expect(store.byIndex('bySize', '1')).toHaveLength(2)
      await resize('a', 2)
      await until(() => told().includes('Modified a'))
      expect(store.byIndex('bySize', '1').map(object => object.metadata.name)).toEqual(['b'])
      const [a] = store.byIndex('bySize', '2')
      expect(a?.spec).toEqual({ size: 2 })
      expect(Object.isFrozen(a?.spec)).toBe(true)
      // @ts-expect-error There is no such index.
      expect(() => store.byIndex('byNothing', '1')).toThrow('no index')
    })

    test('a view over namespaces takes what one reflector takes, and leaves the other namespaces out', async () => {
      const [one, two, other] = await Promise.all([
        newNamespace(server()),
        newNamespace(server()),
        newNamespace(server()),
      ])
      const client = clientOf(server().credentials())
      for (const namespace of [one, two, other]) {
        for (const name of ['blue', 'red']) {
          const made = widget(namespace, name, { note: 'long' })
          await client.create(widgets, { ...made, metadata: { ...made.metadata, labels: { name } } })
        }
      }
      const { view, parts } = reflectNamespaces({
        ...{ runtime: makeRuntime(), client, resource: widgets, namespaces: [one, two], labelSelector: 'name=red' },
        transform: ({ spec: _dropped, ...object }) => object,
      })
      for (const part of parts) void part.run(untilTestEnds())
      await view.synced
      expect(view.store.list().map(({ metadata, spec }) => [metadata.namespace, metadata.name, spec])).toEqual([
        [one, 'red', undefined],
        [two, 'red', undefined],
      ])
    })

    test('sees what its label and field selectors let through, and what leaves them as deleted', async () => {
      const labelled = await witness(server(), { labelSelector: 'keep=yes' })
      const named = await witness(server(), { namespace: labelled.namespace, fieldSelector: 'metadata.name=b' })
      const { namespace } = labelled
      const writer = clientOf(server().credentials())
      const label = (name: string, keep: string) =>
        writer.mergePatch(widgets, { namespace, name }, { metadata: { labels: { keep } } })
      for (const name of ['a', 'b']) await labelled.create(name)
      await Promise.all([labelled.start(), named.start()])
      await label('a', 'yes')
      await label('b', 'no')
      await label('a', 'no')
      await until(() => labelled.changes.length === 2 && named.changes.length === 2)
      expect(labelled.told()).toEqual(['Added a', 'Deleted a'])
      expect(named.told()).toEqual(['Added b', 'Modified b'])
    })

    test('waits for a kind that is not installed yet', async () => {
      const client = clientOf(server().credentials())
      const early = defineResource({ ...widgets, plural: 'latecomers', kind: 'Latecomer' })
      const seen = reflector({ runtime: makeRuntime(), client, resource: early })
      void seen.run(untilTestEnds())
      await until(() => isKubeError(seen.lastError(), 'UnknownKind'))
      expect(seen.isSynced()).toBe(false)
    })

    test('a handler that throws does not stop the others, nor the reflector', async () => {
      const { start, seen, create, changes, runtime, namespace } = await witness(server())
      seen.onChange(() => {
        throw new Error('a mistake of the handler')
      })
      await start()
      await create('a')
      await create('b')
      await until(() => changes.length === 2)
      const label = `${namespace}/widgets.test.example.com`
      expect(await metric(runtime, `kube_handler_errors_total{resource="${label}"}`)).toBe(2)
    })

    test('equal texts are kept once, beside fields that tell objects apart', () => {
      const text = 'What it is is told in a sentence. '.repeat(20)
      const share = sharing()
      const before = heapBytes()
      const objects = Array.from({ length: 5000 }, (_, index) => {
        const object = JSON.parse(JSON.stringify({ status: { name: `n-${index}`, text } }))
        share(object)
        return object
      })
      const grown = heapBytes() - before
      expect(objects).toHaveLength(5000)
      expect(grown).toBeLessThan((objects.length * text.length) / 2)
    })
  })
}
