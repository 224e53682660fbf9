// Replicas of one operator, as their managers run them: one leads, the others stand by with warm stores.
import { describe, expect, test } from 'vitest'
import { controller } from '../../lib/kube/controller.ts'
import { leases } from '../../lib/kube/core.ts'
import { elector } from '../../lib/kube/elector.ts'
import { manager } from '../../lib/kube/manager.ts'
import { reflector } from '../../lib/kube/reflector.ts'
import { reflected } from '../../lib/kube/sources.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, makeRuntime, metric, newNamespace, until, untilTestEnds, widget, widgets } from './fixtures.ts'

/** Nobody waits for a lease to run out: whoever leads next does so because it was released. */
const LONG = { leaseSeconds: 3600, renewDeadlineSeconds: 1800, retrySeconds: 0.05 }

export function replicasTakeTurns(server: () => ApiServer): void {
  /** A namespace with three widgets, all the names that its Lease has borne, and for how many seconds it bore none. */
  const setUp = async () => {
    const namespace = await newNamespace(server())
    const writer = clientOf(server().credentials())
    for (const name of ['x', 'y', 'z']) await writer.create(widgets, widget(namespace, name))
    const lease = { namespace, name: 'leader' }
    const holders: string[] = []
    const released: (number | undefined)[] = []
    const watched = reflector({ runtime: makeRuntime(), client: writer, resource: leases, namespace })
    watched.onChange(({ object }) => {
      const holder = object.spec?.holderIdentity ?? ''
      if (holders.at(-1) === holder) return
      holders.push(holder)
      if (holder === '') released.push(object.spec?.leaseDurationSeconds)
    })
    void watched.run(untilTestEnds())
    await watched.synced

    const replica = (identity: string, look: (signal: AbortSignal) => Promise<void>) => {
      const runtime = makeRuntime()
      const client = clientOf(server().credentials())
      const electing = makeRuntime()
      const own = clientOf(server().credentials(), { metrics: electing.metrics })
      const seen = reflector({ runtime, client, resource: widgets, namespace })
      const looks: string[] = []
      const reconcile = async ({ name }: { name: string }, signal: AbortSignal) => {
        looks.push(name)
        await look(signal)
      }
      const parts = manager({
        runtime,
        reflectors: [seen],
        controllers: [controller({ runtime, name: 'widgets', sources: [reflected(seen)], reconcile })],
        elector: elector({ runtime: electing, client: own, lease, identity, ...LONG }),
      })
      const stop = new AbortController()
      const run = parts.run(AbortSignal.any([stop.signal, untilTestEnds()]))
      const asked = () =>
        metric(electing, `rest_client_requests_total{code="200",method="GET",host="127.0.0.1:${server().port}"}`)
      return {
        parts,
        seen,
        looks,
        run,
        stop: () => stop.abort(),
        lists: () => metric(runtime, `kube_lists_total{resource="${namespace}/widgets.test.example.com"}`),
        /** Waits until it has asked for the lease after now, and gone by the answer: the third request is beyond doubt. */
        async asksAgain() {
          const before = await asked().catch(() => 0)
          await until(async () => (await asked().catch(() => 0)) > before + 2)
        },
      }
    }
    return { writer, lease, holders, released, replica }
  }

  describe('replicas', () => {
    test('a standby is warm, and leads when the leader has let go: after its last reconcile, and without a list', async () => {
      const { holders, released, replica } = await setUp()
      const held = Promise.withResolvers<void>()
      const a = replica('a', () => held.promise)
      await until(() => a.looks.length === 1)
      const b = replica('b', async () => {})
      await b.seen.synced
      await b.asksAgain()
      expect([b.parts.isReady(), b.parts.isHealthy(), b.parts.isLeading()]).toEqual([true, true, false])
      expect(b.seen.store.list()).toEqual(a.seen.store.list())
      expect(b.seen.store.size).toBe(3)

      a.stop()
      await until(() => !a.parts.isReady())
      await b.asksAgain()
      expect(a.parts.isLeading()).toBe(true) // Its reconcile is not done.
      expect(b.parts.isLeading()).toBe(false)
      expect(holders).toEqual(['a'])
      expect(b.looks).toEqual([])

      held.resolve()
      expect(await a.run).toBe('Stopped')
      await until(() => b.looks.length === 3)
      expect(b.parts.isLeading()).toBe(true)
      await until(() => holders.length === 3)
      expect(holders).toEqual(['a', '', 'b'])
      expect(released).toEqual([1]) // As short as it can be: whoever looks next may take it.
      expect(a.looks).toHaveLength(1) // What waited was left to the next leader.
      expect(b.looks.toSorted()).toEqual(['x', 'y', 'z'])
      expect(await b.lists()).toBe(1)
    })

    test('a leader whose name is taken out of the Lease aborts the reconcile that runs, and its program ends', async () => {
      const { writer, lease, holders, replica } = await setUp()
      const reasons: unknown[] = []
      const a = replica('a', async signal => {
        await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
        reasons.push(signal.reason)
      })
      await until(() => a.looks.length === 1)
      await until(async () => {
        const found = await writer.get(leases, lease)
        if (found === undefined) return false
        const spec = { ...found.spec, holderIdentity: 'usurper' }
        return await writer.replace(leases, { ...found, spec }).catch(() => false)
      })
      expect(await a.run).toBe('Lost')
      expect(reasons).toMatchObject([{ code: 'NotLeading' }])
      expect(a.looks).toHaveLength(1)
      expect(a.parts.isLeading()).toBe(false)
      await until(() => holders.length === 2)
      expect(holders).toEqual(['a', 'usurper']) // It does not release what is another's.
    })
  })
}
