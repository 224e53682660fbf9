import { describe, expect, onTestFinished, test } from 'vitest'
import type { KubeClient } from '../../lib/kube/client.ts'
import { controller } from '../../lib/kube/controller.ts'
import { type Event, events, leases } from '../../lib/kube/core.ts'
import { elector } from '../../lib/kube/elector.ts'
import { type Occurrence, recorder } from '../../lib/kube/events.ts'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { manager } from '../../lib/kube/manager.ts'
import type { ObjectReference } from '../../lib/kube/resource.ts'
import { rawSource } from '../../lib/kube/sources.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, makeRuntime, metric, newNamespace, until, widget, widgets } from './fixtures.ts'
import { startProxy } from './proxy.ts'
import { startRelay, status } from './relay.ts'

const evicted: Occurrence = { type: 'Warning', reason: 'Evicted', action: 'Recover', note: 'The machine is gone.' }

const reporter = { reportingController: 'test.example.com/operator', reportingInstance: 'operator-0' }

export function eventsBehave(server: () => ApiServer): void {
  const setUp = async ({ credentials = server().credentials() } = {}) => {
    const namespace = await newNamespace(server())
    const client = clientOf(credentials)
    const direct = clientOf(server().credentials())
    const clock = handClock(new Date())
    const runtime = { ...makeRuntime(), clock }
    const object = await direct.create(widgets, widget(namespace, 'a'))
    const teller = recorder({
      runtime,
      client,
      ...reporter,
    })
    const stop = new AbortController()
    const abort = new AbortController()
    const run = teller.run({ stop: stop.signal, abort: abort.signal })
    onTestFinished(async () => {
      stop.abort()
      abort.abort()
      await run
    })
    const told = async (): Promise<Event[]> => (await direct.list(events, { namespace })).items
    return { runtime, clock, object, teller, told, stop, run, direct }
  }

  describe('events', () => {
    test('tells who, what and why, as kubectl describe shows it', async () => {
      const { object, teller, told } = await setUp()
      teller.event(object, evicted)
      const [event] = await until(async () => ((await told()).length > 0 ? await told() : undefined))
      expect(event).toMatchObject({
        type: 'Warning',
        reason: 'Evicted',
        action: 'Recover',
        note: 'The machine is gone.',
        regarding: { kind: 'Widget', name: 'a', uid: object.metadata.uid },
        reportingController: 'test.example.com/operator',
        reportingInstance: 'operator-0',
      })
      expect(event?.eventTime).toMatch(/\.\d{6}Z$/)
    })

    test('the same again makes a series: told at the second time, and once more when it is over', async () => {
      const { clock, object, teller, told } = await setUp()
      const count = async () => (await told()).map(event => event.series?.count ?? 1)
      teller.event(object, evicted)
      await until(async () => (await count())[0] === 1)
      teller.event(object, evicted)
      await until(async () => (await count())[0] === 2)
      for (let again = 0; again < 5; again++) teller.event(object, evicted)
      await clock.advance(60)
      expect(await count()).toEqual([2])
      await clock.advance(360)
      await until(async () => (await count())[0] === 7)
      teller.event(object, evicted)
      await until(async () => (await count()).length === 2)
    })

    test('a series that goes on is written anew every half hour, and not in between', async () => {
      const { runtime, clock, object, teller, told } = await setUp()
      const count = async () => (await told()).map(event => event.series?.count ?? 1)
      // The server may have the first one sooner than we have counted it, and then there is no such line.
      const sent = () => metric(runtime, 'kube_events_total{result="Sent"}').catch(() => 0)
      teller.event(object, evicted)
      await until(async () => (await count())[0] === 1)
      teller.event(object, evicted)
      await until(async () => (await sent()) === 2)
      for (const [halfHours, total] of [7, 13].entries()) {
        for (let time = 0; time < 6; time++) {
          await clock.advance(5 * 60) // Sooner than a series is over.
          teller.event(object, evicted) // The last one just after the half hour's write.
        }
        await until(async () => (await sent()) >= 3 + halfHours)
        expect(await sent()).toBe(3 + halfHours)
        expect(await count()).toEqual([total])
      }
    })

    test('another note is another event, and a flood about one object is cut', async () => {
      const { runtime, object, teller, told } = await setUp()
      for (let index = 0; index < 40; index++) teller.event(object, { ...evicted, note: `Machine ${index} is gone.` })
      expect(await metric(runtime, 'kube_events_total{result="Spam"}')).toBe(15)
      await until(async () => (await told()).length === 25)
    })

    test('a thousand wait to be sent, and further ones are dropped and counted', async () => {
      const { direct, object } = await setUp()
      const runtime = makeRuntime()
      const silent = recorder({ runtime, client: direct, ...reporter }) // Not running: it sends nothing.
      for (let index = 0; index < 1003; index++) {
        silent.event({ ...object, metadata: { ...object.metadata, uid: `u-${index}` } }, evicted)
      }
      expect(await metric(runtime, 'kube_events_total{result="QueueFull"}')).toBe(3)
    })

    test('an overlong note is cut within what the server takes', async () => {
      const { object, teller, told } = await setUp()
      teller.event(object, { ...evicted, note: 'ünïcödé '.repeat(300) })
      const [event] = await until(async () => ((await told()).length > 0 ? await told() : undefined))
      expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1024)
      expect(event?.note?.endsWith('…')).toBe(true)
    })

    test('waits out a server that is away, and sends what is left before it ends', async () => {
      const proxy = await startProxy(server().port)
      onTestFinished(() => proxy.close())
      const { clock, object, teller, told, stop, run } = await setUp({
        credentials: server().credentials({ port: proxy.port }),
      })
      proxy.become('Refuse')
      teller.event(object, evicted)
      await until(() => proxy.refused() > 0)
      proxy.become('Open')
      await until(async () => {
        await clock.advance(10)
        return (await told()).length === 1
      })
      teller.event(object, evicted)
      teller.event(object, evicted)
      stop.abort()
      await run
      expect((await told())[0]?.series?.count).toBe(3)
    })

    test('an event is tried twelve times, then dropped and counted, and the same again is a new one', async () => {
      const relay = await startRelay(server())
      onTestFinished(() => relay.close())
      const { clock, object, teller, told, runtime } = await setUp({ credentials: relay.credentials() })
      relay.intercept(() => ({ status: 503, body: status(503, 'ServiceUnavailable') }))
      teller.event(object, evicted)
      await until(async () => {
        await clock.advance(10)
        return (await metric(runtime, 'kube_events_total{result="Dropped"}').catch(() => 0)) === 1
      })
      expect(relay.requests).toHaveLength(12)
      relay.intercept()
      teller.event(object, evicted)
      const [event] = await until(async () => ((await told()).length > 0 ? await told() : undefined))
      expect(event?.series).toBeUndefined()
    })

    test.each(['Stopped', 'Lost'] as const)('the last counts of a leader are not lost: %s', async end => {
      const { object, told, direct } = await setUp()
      const runtime = makeRuntime()
      const lease = { namespace: object.metadata.namespace, name: 'leader' }
      const times = { leaseSeconds: 2, renewDeadlineSeconds: 1.2, retrySeconds: 0.1 }
      const leader = elector({ runtime, client: direct, lease, identity: 'us', ...times })
      const teller = recorder({ runtime, client: direct, ...reporter })
      const held = Promise.withResolvers<void>()
      let looks = 0
      const loop = controller({
        runtime,
        name: 'teller',
        sources: [rawSource()],
        reconcile: async () => {
          looks += 1
          await held.promise
          for (let time = 0; time < 3; time++) teller.event(object, evicted)
        },
      })
      loop.enqueue({ name: 'a' })
      const stop = new AbortController()
      const parts = { runtime, reflectors: [], controllers: [loop], services: [teller], elector: leader }
      const run = manager(parts).run(stop.signal)
      await until(() => looks === 1)
      if (end === 'Stopped') stop.abort()
      else await until(() => usurped(direct, lease))
      await until(() => end === 'Stopped' || !leader.holds())
      held.resolve()
      expect(await run).toBe(end)
      expect((await told()).map(({ series }) => series?.count)).toEqual([3])
    })

    test('what the server refuses for good is dropped, and the next is told', async () => {
      const { runtime, object, teller, told } = await setUp()
      const nowhere = { ...object, metadata: { ...object.metadata, namespace: 'nowhere' } }
      teller.event(nowhere, evicted)
      teller.event(object, evicted)
      await until(async () => (await told()).length === 1)
      expect(await metric(runtime, 'kube_events_total{result="Dropped"}')).toBe(1)
    })
  })
}

/** Whether another's name stands in the lease now; false when somebody was faster. */
async function usurped(client: KubeClient, reference: ObjectReference): Promise<boolean> {
  const lease = await client.get(leases, reference)
  if (lease === undefined) return false
  const spec = { ...lease.spec, holderIdentity: 'usurper' }
  return await client.replace(leases, { ...lease, spec }).then(
    () => true,
    () => false,
  )
}
