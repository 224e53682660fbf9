import { describe, expect, onTestFinished, test } from 'vitest'
import { type Event, events } from '../../lib/kube/core.ts'
import { type Occurrence, recorder } from '../../lib/kube/events.ts'
import { handClock } from '../../lib/kube/hand-clock.ts'
import type { ApiServer } from './api-server.ts'
import { clientOf, makeRuntime, metric, newNamespace, until, widget, widgets } from './fixtures.ts'
import { startProxy } from './proxy.ts'

const evicted: Occurrence = { type: 'Warning', reason: 'Evicted', action: 'Recover', note: 'The machine is gone.' }

export function eventsBehave(server: () => ApiServer): void {
  const setUp = async ({ port = server().port } = {}) => {
    const namespace = await newNamespace(server())
    const client = clientOf(server().credentials({ port }))
    const direct = clientOf(server().credentials())
    const clock = handClock(new Date())
    const runtime = { ...makeRuntime(), clock }
    const object = await direct.create(widgets, widget(namespace, 'a'))
    const teller = recorder({
      runtime,
      client,
      reportingController: 'test.example.com/operator',
      reportingInstance: 'operator-0',
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
    return { runtime, clock, object, teller, told, stop, run }
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

    test('another note is another event, and a flood about one object is cut', async () => {
      const { runtime, object, teller, told } = await setUp()
      for (let index = 0; index < 40; index++) teller.event(object, { ...evicted, note: `Machine ${index} is gone.` })
      expect(await metric(runtime, 'kube_events_total{result="Spam"}')).toBe(15)
      await until(async () => (await told()).length === 25)
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
      const { clock, object, teller, told, stop, run, runtime } = await setUp({ port: proxy.port })
      proxy.become('Refuse')
      teller.event(object, evicted)
      await until(async () => (await runtime.metrics.registry.metrics()).includes('kube_events_total'))
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
