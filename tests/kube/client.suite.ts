import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { configMaps, secrets } from '../../lib/kube/core.ts'
import { addFinalizer, removeFinalizer } from '../../lib/kube/finalizers.ts'
import { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'
import { type ApiServer, fixed, freePort } from './api-server.ts'
import { clientOf, makeRuntime, metric, newNamespace, until, widget, widgets } from './fixtures.ts'
import { startProxy } from './proxy.ts'

const pods = defineResource<KubernetesObject & { spec: object }>({
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
})

export function clientBehaves(server: () => ApiServer): void {
  const setUp = async () => ({ client: clientOf(server().credentials()), namespace: await newNamespace(server()) })

  describe('client', () => {
    test('creates, gets, lists, replaces, patches and deletes', async () => {
      const { client, namespace } = await setUp()
      const made = await client.create(widgets, widget(namespace, 'a', { size: 1 }))
      expect(made.metadata.uid).toBeDefined()
      expect(await client.get(widgets, { namespace, name: 'a' })).toEqual(made)
      expect(await client.get(widgets, { namespace, name: 'absent' })).toBeUndefined()

      const replaced = await client.replace(widgets, { ...made, spec: { size: 2 } })
      expect(replaced.spec).toEqual({ size: 2 })
      const patched = await client.mergePatch(widgets, { namespace, name: 'a' }, { spec: { colour: 'red' } })
      expect(patched.spec).toEqual({ size: 2, colour: 'red' })
      // @ts-expect-error A size is a number.
      const mistyped = client.mergePatch(widgets, { namespace, name: 'a' }, { metadata: {}, spec: { size: 'big' } })
      await expect(mistyped).rejects.toMatchObject({ code: 'Invalid', causes: [{ field: 'spec.size' }] })
      const without = await client.mergePatch(widgets, { namespace, name: 'a' }, { spec: { colour: null } })
      expect(without.spec).toEqual({ size: 2 })

      const list = await client.list(widgets, { namespace })
      expect(list.items).toEqual([without])
      expect(await client.delete(widgets, { namespace, name: 'a' })).toBe('Deleted')
      expect(await client.delete(widgets, { namespace, name: 'a' })).toBe('Absent')
    })

    test('gives items of a built-in kind their kind back', async () => {
      const { client, namespace } = await setUp()
      await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: 'a' } })
      const [item] = (await client.list(configMaps, { namespace })).items
      expect(item).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })
    })

    test('pages through a list and selects by label', async () => {
      const { client, namespace } = await setUp()
      for (const name of ['a', 'b', 'c']) {
        const object = widget(namespace, name)
        await client.create(widgets, {
          ...object,
          metadata: { ...object.metadata, labels: { odd: String(name !== 'b') } },
        })
      }
      const first = await client.list(widgets, { namespace, limit: 2 })
      expect(first.items).toHaveLength(2)
      const rest = await client.list(widgets, { namespace, limit: 2, continue: first.metadata.continue })
      expect(rest.items.map(item => item.metadata.name)).toEqual(['c'])
      expect(rest.metadata.continue).toBeUndefined()
      expect((await client.list(widgets, { namespace, labelSelector: 'odd=true' })).items).toHaveLength(2)
    })

    test('a status is written under the version that was read, and leaves the spec alone', async () => {
      const { client, namespace } = await setUp()
      const made = await client.create(widgets, widget(namespace, 'a', { size: 1 }))
      const seen = await client.replaceStatus(widgets, { ...made, spec: { size: 9 }, status: { seen: 1 } })
      expect(seen).toMatchObject({ spec: { size: 1 }, status: { seen: 1 } })
      await expect(client.replaceStatus(widgets, { ...made, status: { seen: 2 } })).rejects.toMatchObject({
        code: 'Conflict',
        status: 409,
      })
    })

    test('a merge patch is conditional on the version or the UID in it', async () => {
      const { client, namespace } = await setUp()
      const made = await client.create(widgets, widget(namespace, 'a'))
      const reference = { namespace, name: 'a' }
      const { resourceVersion } = made.metadata
      await client.mergePatch(widgets, reference, { metadata: { resourceVersion }, spec: { size: 1 } })
      const stale = client.mergePatch(widgets, reference, { metadata: { resourceVersion }, spec: { size: 2 } })
      await expect(stale).rejects.toMatchObject({ code: 'Conflict' })
      const other = client.mergePatch(widgets, reference, { metadata: { uid: crypto.randomUUID() }, spec: { size: 3 } })
      await expect(other).rejects.toMatchObject({ code: 'Conflict' })
      expect((await client.get(widgets, reference))?.spec?.size).toBe(1)
    })

    test('applies, tells whose field stands in the way, and takes it only by force', async () => {
      const { client, namespace } = await setUp()
      const applied = (size: number) => ({ ...widget(namespace, 'a'), spec: { size } })
      await client.apply(widgets, applied(1), { fieldManager: 'first' })
      const conflict = await client.apply(widgets, applied(2), { fieldManager: 'second' }).catch(error => error)
      expect(conflict).toMatchObject({ code: 'Conflict', causes: [{ field: '.spec.size' }] })
      const forced = await client.apply(widgets, applied(2), { fieldManager: 'second', force: true })
      expect(forced.spec?.size).toBe(2)
      const status = { ...widget(namespace, 'a'), status: { seen: 4 } }
      const seen = await client.apply(widgets, status, { fieldManager: 'second', subresource: 'status' })
      expect(seen.status).toEqual({ seen: 4 })
    })

    test('a dry run changes nothing, be it of a creation or of a deletion', async () => {
      const { client, namespace } = await setUp()
      const reference = { namespace, name: 'a' }
      await client.create(widgets, widget(namespace, 'a'), { dryRun: 'All' })
      expect(await client.get(widgets, reference)).toBeUndefined()
      const made = await client.create(widgets, widget(namespace, 'a'))
      expect(await client.delete(widgets, reference, { dryRun: 'All' })).toBe('Deleted')
      expect(await client.get(widgets, reference)).toEqual(made)
    })

    test('lets the server name what it creates', async () => {
      const { client, namespace } = await setUp()
      const { apiVersion, kind } = widgets
      const nameless = { apiVersion, kind, metadata: { namespace, generateName: 'drawn-' }, spec: { size: 1 } }
      const made = [await client.create(widgets, nameless), await client.create(widgets, nameless)]
      const names = made.map(({ metadata }) => metadata.name)
      expect(names).toEqual([expect.stringMatching(/^drawn-\w+/), expect.stringMatching(/^drawn-\w+/)])
      expect(new Set(names).size).toBe(2)
    })

    test('an apply that changes nothing is answered without a write', async () => {
      const { client, namespace } = await setUp()
      const wanted = { ...widget(namespace, 'a'), spec: { size: 1 } }
      const first = await client.apply(widgets, wanted, { fieldManager: 'first' })
      const again = await client.apply(widgets, wanted, { fieldManager: 'first' })
      expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
    })

    test('what the server warns of is told, and told once', async () => {
      const { namespace } = await setUp()
      const told: unknown[] = []
      const log = pino({ base: null, timestamp: false }, { write: (line: string) => told.push(JSON.parse(line)) })
      const client = clientOf(server().credentials(), { log })
      await client.create(widgets, widget(namespace, 'a'))
      const reference = { namespace, name: 'a' }
      for (const size of [1, 2]) {
        // @ts-expect-error No widget has such a field.
        await client.mergePatch(widgets, reference, { spec: { size, 'of a kind': 'rare' } })
      }
      expect(told).toEqual([expect.objectContaining({ warning: 'unknown field "spec.of a kind"' })])
    })

    test('a field that no schema knows is refused where a write asks for that, and else dropped', async () => {
      const { client, namespace } = await setUp()
      const misspelt = { ...widget(namespace, 'a'), spec: { size: 1, color: 'red' } }
      await expect(client.create(widgets, misspelt, { fieldValidation: 'Strict' })).rejects.toMatchObject({
        code: 'BadRequest',
        message: expect.stringContaining('unknown field "spec.color"'),
      })
      expect((await client.create(widgets, misspelt)).spec).toEqual({ size: 1 })
    })

    test('gives a pod the time to end that is asked for, and with none it is gone', async () => {
      const { client, namespace } = await setUp()
      const reference = { namespace, name: 'a' }
      const spec = { nodeName: 'nowhere', containers: [{ name: 'one', image: 'none' }] }
      await client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: reference, spec })
      await client.delete(pods, reference, { gracePeriodSeconds: 7 })
      expect((await client.get(pods, reference))?.metadata.deletionGracePeriodSeconds).toBe(7)
      await client.delete(pods, reference, { gracePeriodSeconds: 0 })
      expect(await client.get(pods, reference)).toBeUndefined()
    })

    test('deletes only the object that was meant', async () => {
      const { client, namespace } = await setUp()
      const made = await client.create(widgets, widget(namespace, 'a'))
      const reference = { namespace, name: 'a' }
      await expect(client.delete(widgets, reference, { uid: crypto.randomUUID() })).rejects.toMatchObject({
        code: 'Conflict',
      })
      expect(await client.delete(widgets, reference, { uid: made.metadata.uid })).toBe('Deleted')
    })

    test('finalizers come and go under optimistic locking', async () => {
      const { client, namespace } = await setUp()
      const made = await client.create(widgets, widget(namespace, 'a'))
      const held = await addFinalizer(client, widgets, made, 'test.example.com/hold')
      expect(held.metadata.finalizers).toEqual(['test.example.com/hold'])
      expect(await addFinalizer(client, widgets, held, 'test.example.com/hold')).toBe(held)
      await expect(addFinalizer(client, widgets, made, 'test.example.com/other')).rejects.toMatchObject({
        code: 'Conflict',
      })

      await client.delete(widgets, { namespace, name: 'a' })
      const ending = await client.get(widgets, { namespace, name: 'a' })
      expect(ending?.metadata.deletionTimestamp).toBeDefined()
      if (ending) await removeFinalizer(client, widgets, ending, 'test.example.com/hold')
      expect(await client.get(widgets, { namespace, name: 'a' })).toBeUndefined()
    })

    test('says what is wrong by a code', async () => {
      const { client, namespace } = await setUp()
      const limited = clientOf(
        fixed({ server: `https://127.0.0.1:${server().port}`, ca: server().ca, token: 'limited' }),
      )
      const nobody = clientOf(fixed({ server: `https://127.0.0.1:${server().port}`, ca: server().ca, token: 'wrong' }))
      const unknown = defineResource({ ...widgets, plural: 'gadgets', kind: 'Gadget' })
      const foreign = defineResource({ ...widgets, group: 'nobody.example.com' })
      await client.create(widgets, widget(namespace, 'a'))

      await expect(client.create(widgets, widget(namespace, 'a'))).rejects.toMatchObject({ code: 'AlreadyExists' })
      await expect(client.create(widgets, widget(namespace, 'b', { size: -1 }))).rejects.toMatchObject({
        code: 'Invalid',
        causes: [{ field: 'spec.size' }],
      })
      await expect(client.mergePatch(widgets, { namespace, name: 'absent' }, {})).rejects.toMatchObject({
        code: 'NotFound',
      })
      await expect(client.list(unknown, { namespace })).rejects.toMatchObject({ code: 'UnknownKind' })
      await expect(client.get(unknown, { namespace, name: 'a' })).rejects.toMatchObject({ code: 'UnknownKind' })
      await expect(client.get(foreign, { namespace, name: 'a' })).rejects.toMatchObject({ code: 'UnknownKind' })
      await expect(limited.get(secrets, { namespace, name: 'a' })).rejects.toMatchObject({ code: 'Forbidden' })
      await expect(nobody.list(widgets)).rejects.toMatchObject({ code: 'Unauthorized' })
      await expect(client.get(widgets, { name: 'a' })).rejects.toThrow('needs a namespace')
    })

    test('an unreachable server, an untrusted one and a broken connection are told apart', async () => {
      const { namespace } = await setUp()
      const closed = clientOf(fixed({ server: `https://127.0.0.1:${await freePort()}`, ca: server().ca }))
      await expect(closed.list(widgets)).rejects.toMatchObject({ code: 'Unreachable' })
      const untrusting = clientOf(fixed({ server: `https://127.0.0.1:${server().port}`, token: server().token }))
      await expect(untrusting.list(widgets)).rejects.toMatchObject({ code: 'Unreachable' })

      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const client = clientOf(server().credentials({ port: proxy.port }), { connections: 1 })
      await client.list(widgets, { namespace })
      proxy.become('Silent')
      const write = client.create(widgets, widget(namespace, 'a')).catch((error: unknown) => error)
      await until(() => proxy.swallowed() > 0)
      proxy.cut()
      expect(await write).toMatchObject({ code: 'Disconnected' })
    })

    test('a silent server is a timeout, and an aborted call rejects with the reason given', async () => {
      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const client = clientOf(server().credentials({ port: proxy.port }), { timeoutSeconds: 1, connections: 1 })
      await client.list(widgets)
      proxy.become('Silent')
      await expect(client.list(widgets)).rejects.toMatchObject({ code: 'Timeout' })
      const reason = new Error('enough')
      await expect(client.list(widgets, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    })

    test('a read is asked again when its idle connection was cut, and connections are kept', async () => {
      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const client = clientOf(server().credentials({ port: proxy.port }), { connections: 1 })
      for (let call = 0; call < 50; call++) await client.list(widgets, { limit: 1 })
      expect(proxy.connections()).toBe(1)
      proxy.cut()
      await client.list(widgets, { limit: 1 })
      expect(proxy.connections()).toBe(2)
    })

    test('a replace of what was not read is a mistake, and nothing is sent: the server would write over whatever stands', async () => {
      const { client, namespace } = await setUp()
      const named = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: 'a' } }
      const made = await client.create(configMaps, { ...named, data: { key: 'theirs' } })
      const unread = { ...named, data: { key: 'ours' } }
      const mistake = { name: 'TypeError', message: 'ConfigMap a has no resourceVersion: replace what was read.' }
      await expect(client.replace(configMaps, unread)).rejects.toMatchObject(mistake)
      await expect(client.replaceStatus(configMaps, unread)).rejects.toMatchObject(mistake)
      expect(await client.get(configMaps, made.metadata)).toEqual(made)
    })

    test('counts, times and measures requests under client-go’s names', async () => {
      const { namespace } = await setUp()
      const runtime = makeRuntime()
      const client = clientOf(server().credentials(), { metrics: runtime.metrics })
      const host = `127.0.0.1:${server().port}`
      const counted = (name: string, labels: string) => metric(runtime, `rest_client_${name}{${labels},host="${host}"}`)
      await client.get(widgets, { namespace, name: 'absent' })
      expect(await counted('requests_total', 'code="404",method="GET"')).toBe(1)

      const object = widget(namespace, 'a')
      await client.create(widgets, object)
      expect(await counted('requests_total', 'code="201",method="POST"')).toBe(1)
      expect(await counted('request_duration_seconds_count', 'verb="POST"')).toBe(1)
      expect(await counted('request_size_bytes_sum', 'verb="POST"')).toBe(JSON.stringify(object).length)
      expect(await counted('response_size_bytes_sum', 'verb="POST"')).toBeGreaterThan(JSON.stringify(object).length)
    })
  })
}
