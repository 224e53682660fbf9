import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ControllerOptions, controller } from '../../lib/kube/controller.ts'
import { configMaps } from '../../lib/kube/core.ts'
import { TerminalError } from '../../lib/kube/errors.ts'
import { manager } from '../../lib/kube/manager.ts'
import { ownWrites } from '../../lib/kube/own-writes.ts'
import { generationChanged } from '../../lib/kube/predicates.ts'
import { reflector } from '../../lib/kube/reflector.ts'
import { controlledBy, keyOf } from '../../lib/kube/resource.ts'
import { ownedBy, rawSource, reflected } from '../../lib/kube/sources.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, makeRuntime, metric, newNamespace, until, untilTestEnds, widget, widgets } from './fixtures.ts'
import { startProxy } from './proxy.ts'

export function controllerBehaves(server: () => ApiServer): void {
  const setUp = async () => {
    const client = clientOf(server().credentials())
    const namespace = await newNamespace(server())
    const runtime = makeRuntime()
    const seen = reflector({ runtime, client, resource: widgets, namespace })
    const start = (options: Omit<ControllerOptions, 'runtime' | 'name'>) => {
      const loop = controller({ runtime, name: 'widgets', ...options })
      const signal = untilTestEnds()
      void seen.run(signal)
      void loop.run({ stop: signal, abort: signal })
      return loop
    }
    const create = (name: string) => client.create(widgets, widget(namespace, name))
    return { client, namespace, runtime, seen, start, create }
  }

  describe('controller', () => {
    test('looks at what stands and at what changes, and a status write wakes nobody behind a predicate', async () => {
      const { client, namespace, seen, start, create } = await setUp()
      await create('standing')
      const looks: string[] = []
      start({
        sources: [reflected(seen, { predicate: generationChanged })],
        reconcile: async key => {
          looks.push(key.name)
          const object = seen.store.get(key)
          if (object) await client.replaceStatus(widgets, { ...object, status: { seen: looks.length } })
        },
      })
      await until(() => looks.length === 1)
      await create('new')
      await until(() => looks.length === 2)
      await until(() => seen.store.list().every(object => object.status?.seen))
      await client.mergePatch(widgets, { namespace, name: 'new' }, { spec: { size: 3 } })
      await until(() => looks.length === 3 && seen.store.get({ namespace, name: 'new' })?.status?.seen === 3)
      expect(looks).toEqual(['standing', 'new', 'new'])
    })

    test('a failing reconcile comes again with backoff, a mistaken one too, a terminal one does not', async () => {
      const { runtime, seen, start, create } = await setUp()
      const looks: Record<string, number> = { failing: 0, mistaken: 0, terminal: 0 }
      start({
        sources: [reflected(seen)],
        backoff: { initialSeconds: 0.02, maximumSeconds: 1 },
        reconcile: async ({ name }) => {
          looks[name] = (looks[name] ?? 0) + 1
          if (name === 'terminal') throw new TerminalError('will never do')
          if (name === 'mistaken' && looks[name] === 1) throw new TypeError('undefined is no function')
          if (name === 'failing' && looks[name] < 5) throw new Error('not yet')
        },
      })
      await create('failing')
      await create('mistaken')
      await create('terminal')
      await until(() => looks.failing === 5 && looks.mistaken === 2 && looks.terminal === 1)
      await until(
        async () =>
          (await metric(runtime, 'controller_runtime_reconcile_total{controller="widgets",result="success"}')) === 2,
      )
      // Each of the five was put off, and the terminal one was not asked for again.
      expect(await metric(runtime, 'workqueue_retries_total{name="widgets",controller="widgets"}')).toBe(5)
      expect(await metric(runtime, 'controller_runtime_reconcile_errors_total{controller="widgets"}')).toBe(6)
      expect(await metric(runtime, 'controller_runtime_reconcile_panics_total{controller="widgets"}')).toBe(1)
      expect(await metric(runtime, 'controller_runtime_terminal_reconcile_errors_total{controller="widgets"}')).toBe(1)
    })

    test('a reconcile has a log whose lines bear the controller, the key and the look; so do those about it', async () => {
      const { runtime } = await setUp()
      const lines: Record<string, unknown>[] = []
      const log = pino({ messageKey: 'message' }, { write: (line: string) => lines.push(JSON.parse(line)) })
      const source = rawSource()
      const signal = untilTestEnds()
      const loop = controller({
        runtime: { ...runtime, log },
        name: 'told',
        sources: [source],
        reconcile: async (_key, _signal, log) => {
          log.info({ step: 1 }, 'Looking')
          if (lines.length === 1) throw new Error('not yet')
        },
      })
      void loop.run({ stop: signal, abort: signal })
      source.push({ namespace: 'n', name: 'a' })
      await until(() => lines.length === 3)
      const [first, failure, second] = lines
      const bound = { controller: 'told', key: 'n/a', reconcileID: expect.stringMatching(/^[\da-f-]{36}$/) }
      expect(first).toMatchObject({ ...bound, message: 'Looking', step: 1 })
      expect(failure).toMatchObject({ ...bound, message: 'A reconcile failed; retrying', failures: 1 })
      expect(failure?.reconcileID).toBe(first?.reconcileID)
      expect(second).toMatchObject({ ...bound, message: 'Looking' })
      expect(second?.reconcileID).not.toBe(first?.reconcileID)
    })

    test('one key is never in two hands, and changes meanwhile make one more look', async () => {
      const { start } = await setUp()
      const source = rawSource()
      let atOnce = 0
      let most = 0
      let looks = 0
      const held = Promise.withResolvers<void>()
      start({
        sources: [source],
        concurrency: 8,
        reconcile: async () => {
          most = Math.max(most, ++atOnce)
          looks += 1
          await held.promise
          atOnce -= 1
        },
      })
      const key = { namespace: 'n', name: 'a' }
      source.push(key)
      await until(() => looks === 1)
      for (let push = 0; push < 100; push++) source.push(key)
      held.resolve()
      await until(() => looks === 2 && atOnce === 0)
      expect(most).toBe(1)
    })

    test('workers share the keys, and a change overtakes what stands', async () => {
      const { seen, start, create, client, namespace } = await setUp()
      for (let index = 0; index < 6; index++) await create(`standing-${index}`)
      void seen.run(untilTestEnds())
      await seen.synced
      const looks: string[] = []
      const first = Promise.withResolvers<void>()
      start({
        sources: [reflected(seen)],
        reconcile: async ({ name }) => {
          looks.push(name)
          if (looks.length === 1) await first.promise
        },
      })
      await until(() => looks.length === 1)
      await client.mergePatch(widgets, { namespace, name: 'standing-4' }, { spec: { size: 1 } })
      await until(() => seen.store.get({ namespace, name: 'standing-4' })?.spec?.size === 1)
      first.resolve()
      await until(() => looks.length === 6)
      expect(looks[1]).toBe('standing-4')
    })

    test('without a word about it, one key is worked on at a time, whatever else waits', async () => {
      const { runtime, seen, start, create } = await setUp()
      for (const name of ['a', 'b', 'c', 'd']) await create(name)
      let atWork = 0
      const crowds: number[] = []
      start({
        sources: [reflected(seen)],
        reconcile: async ({ name }) => {
          if (name.startsWith('while')) return
          crowds.push(++atWork)
          await create(`while-${crowds.length}`) // Another worker, if there were one, would have begun by then.
          atWork -= 1
        },
      })
      await until(() => crowds.length === 4 && atWork === 0)
      expect(crowds).toEqual([1, 1, 1, 1])
      expect(await metric(runtime, 'controller_runtime_max_concurrent_reconciles{controller="widgets"}')).toBe(1)
    })

    test('looks at what stands again and again, though nothing has changed', async () => {
      const { seen, start, create } = await setUp()
      const versions: (string | undefined)[] = []
      const made = await create('standing')
      start({
        sources: [reflected(seen, { predicate: generationChanged, resyncSeconds: 0.05 })],
        reconcile: async key => void versions.push(seen.store.get(key)?.metadata.resourceVersion),
      })
      await until(() => versions.length >= 4)
      expect(new Set(versions)).toEqual(new Set([made.metadata.resourceVersion]))
    })

    test('asks again after the seconds a verdict names, and aborts at the time limit', async () => {
      const { runtime, start } = await setUp()
      const source = rawSource()
      let looks = 0
      let reason: unknown
      start({
        sources: [source],
        reconcileTimeoutSeconds: 0.05,
        reconcile: async (_key, signal) => {
          looks += 1
          if (looks === 1) return { requeueAfterSeconds: 0.1 }
          if (looks > 2) return
          await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
          reason = signal.reason
          signal.throwIfAborted()
        },
      })
      source.push({ name: 'a' })
      await until(() => looks === 3)
      const asked = 'controller_runtime_reconcile_total{controller="widgets",result="requeue_after"}'
      expect(await metric(runtime, asked)).toBe(1)
      expect(await metric(runtime, 'workqueue_retries_total{name="widgets",controller="widgets"}')).toBe(2)
      expect(String(reason)).toContain('not done in 0.05 s')
      expect(await metric(runtime, 'controller_runtime_reconcile_timeouts_total{controller="widgets"}')).toBe(1)
    })

    test('progress goes on at once and is no retry; what says that it is one comes again as after a throw', async () => {
      const { runtime, start } = await setUp()
      const source = rawSource()
      const looks: string[] = []
      start({
        sources: [source],
        reconcile: async ({ name }) => {
          const before = looks.filter(one => one === name).length
          looks.push(name)
          if (before < 3) return name === 'goes-on' ? { requeueAfterSeconds: 0 } : { isRetry: true }
        },
      })
      const counted = (result: string) =>
        metric(runtime, `controller_runtime_reconcile_total{controller="widgets",result="${result}"}`)
      source.push({ name: 'goes-on' })
      await until(() => looks.length === 4)
      expect([await counted('requeue_after'), await counted('requeue')]).toEqual([3, 0])
      source.push({ name: 'retries' })
      await until(() => looks.length === 8)
      expect([await counted('requeue_after'), await counted('requeue')]).toEqual([3, 3])
    })

    test('an owner is looked at when what it owns changes, and a vanished owner’s child maps to its key', async () => {
      const { client, namespace, runtime, seen, start, create } = await setUp()
      const children = reflector({ runtime, client, resource: configMaps, namespace })
      void children.run(untilTestEnds())
      const owner = await create('owner')
      const looks: string[] = []
      start({
        sources: [reflected(children, { map: ownedBy(widgets) })],
        reconcile: async key => {
          looks.push(keyOf(key))
        },
      })
      await seen.synced
      const child = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: 'child' } }
      await client.create(configMaps, controlledBy(child, owner))
      await until(() => looks.length === 1)
      expect(looks).toEqual([`${namespace}/owner`])
    })

    test('a key waits until the store has our own last write', async () => {
      const { client, runtime, namespace, start, create } = await setUp()
      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const late = clientOf(server().credentials({ port: proxy.port }))
      const seen = reflector({ runtime, client: late, resource: widgets, namespace })
      void seen.run(untilTestEnds())
      await seen.synced
      proxy.become('Slow') // What is written is answered at once, and seen later.
      const writes = ownWrites([seen])
      const stale: number[] = []
      let written = 0
      start({
        sources: [reflected(seen)],
        ready: key => writes.caughtUp(key),
        reconcile: async key => {
          const object = seen.store.get(key)
          if (!object) return
          const count = object.status?.seen ?? 0
          if (count < written) stale.push(count)
          if (count >= 20) return
          const next = await client.replaceStatus(widgets, { ...object, status: { seen: count + 1 } })
          written = count + 1
          writes.remember(widgets, next)
          return { requeueAfterSeconds: 0.0001 } // Sooner than the watch.
        },
      })
      await create('a')
      await until(() => seen.store.get({ namespace, name: 'a' })?.status?.seen === 20)
      expect(stale).toEqual([])
      expect(await metric(runtime, 'controller_runtime_reconcile_errors_total{controller="widgets"}')).toBe(0)
      expect(await metric(runtime, 'stale_sync_skips_total{controller="widgets"}')).toBeGreaterThan(0)
    })
  })

  describe('manager', () => {
    test('controllers begin when the stores are full, and a stop lets them finish', async () => {
      const { runtime, seen, create } = await setUp()
      for (const name of ['a', 'b', 'c']) await create(name)
      const sizes: number[] = []
      const held = Promise.withResolvers<void>()
      let finished = 0
      const order: string[] = []
      const service = {
        name: 'service',
        run: async ({ stop }: { stop: AbortSignal }) => {
          order.push('service up')
          await new Promise(resolve => stop.addEventListener('abort', resolve, { once: true }))
          order.push('service down')
        },
      }
      const loop = controller({
        runtime,
        name: 'drained',
        sources: [reflected(seen)],
        reconcile: async () => {
          sizes.push(seen.store.size)
          await held.promise
          finished += 1
          order.push('reconciled')
        },
      })
      const stop = new AbortController()
      const parts = manager({ runtime, reflectors: [seen], controllers: [loop], services: [service] })
      expect(parts.isReady()).toBe(false)
      const run = parts.run(stop.signal)
      await until(() => sizes.length === 1)
      expect(parts.isReady()).toBe(true)
      stop.abort()
      await until(() => !parts.isReady())
      held.resolve()
      expect(await run).toBe('Stopped')
      expect(sizes).toEqual([3])
      expect(finished).toBe(1)
      expect(order).toEqual(['service up', 'reconciled', 'service down'])
    })

    test('a reconcile that outlasts the drain is aborted', async () => {
      const { runtime } = await setUp()
      const source = rawSource()
      let wasAborted = false
      const loop = controller({
        runtime,
        name: 'slow',
        sources: [source],
        reconcile: async (_key, signal) => {
          await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
          wasAborted = true
        },
      })
      const stop = new AbortController()
      const run = manager({ runtime, reflectors: [], controllers: [loop], drainSeconds: 0.05 }).run(stop.signal)
      loop.enqueue({ name: 'a' })
      await until(async () => (await metric(runtime, 'controller_runtime_active_workers{controller="slow"}')) === 1)
      stop.abort()
      expect(await run).toBe('Stopped')
      expect(wasAborted).toBe(true)
    })

    test('two controllers of one name are refused before anything starts: their metrics would mix', async () => {
      const { runtime } = await setUp()
      let looks = 0
      const reconcile = async () => {
        looks += 1
      }
      const named = (name: string) => controller({ runtime, name, sources: [rawSource()], reconcile })
      const twins = [named('gpus'), named('sessions'), named('gpus')]
      for (const twin of twins) twin.enqueue({ name: 'a' })
      const refused = () => manager({ runtime, reflectors: [], controllers: twins })
      expect(refused).toThrow(expect.objectContaining({ code: 'NameTaken' }))
      expect(refused).toThrow('Two controllers are named "gpus"')
      expect(refused).toThrow('Give each a name of its own.')
      expect(looks).toBe(0)

      const apart = manager({ runtime, reflectors: [], controllers: twins.slice(0, 2) }).run(untilTestEnds())
      await until(() => looks === 2)
      expect(apart).toBeInstanceOf(Promise)
    })

    test('a part that fails, and stores that do not fill, stop the program with their cause', async () => {
      const { runtime, client } = await setUp()
      const cause = new Error('port taken')
      const service = { name: 'metrics', run: () => Promise.reject(cause) }
      const never = new AbortController().signal
      const failing = manager({ runtime, reflectors: [], controllers: [service] }).run(never)
      await expect(failing).rejects.toMatchObject({ message: 'The part "metrics" failed.', cause })
      const missing = reflector({ runtime, client, resource: { ...widgets, plural: 'missing', kind: 'Missing' } })
      const unsynced = manager({ runtime, reflectors: [missing], controllers: [], syncTimeoutSeconds: 0.2 }).run(never)
      await expect(unsynced).rejects.toThrow('No list of Missing')
    })
  })
}
