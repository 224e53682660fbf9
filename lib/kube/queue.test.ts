import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createLogger } from '../telemetry/log.ts'
import { handClock } from './hand-clock.ts'
import { kubeMetrics } from './metrics.ts'
import { LOW_PRIORITY, WorkQueue } from './queue.ts'

function setUp() {
  const clock = handClock()
  const metrics = kubeMetrics(new Registry())
  const log = createLogger({ program: 'test', level: 'silent' })
  const queue = new WorkQueue({ name: 'q', runtime: { clock, random: () => 0.5, log, metrics } })
  const never = new AbortController().signal
  const taken = async () => (await queue.take(AbortSignal.any([never, AbortSignal.timeout(0)])))?.key
  return { clock, metrics, queue, never, taken }
}

async function drain(queue: WorkQueue, signal: AbortSignal): Promise<string[]> {
  const keys: string[] = []
  while (queue.length > 0) {
    const item = await queue.take(signal)
    if (item === undefined) break
    keys.push(item.key)
    queue.done(item.key)
  }
  return keys
}

test('a key asked for many times is worked on once', async () => {
  const { queue, never } = setUp()
  for (const key of ['a', 'b', 'a', 'a', 'b']) queue.add(key)
  expect(await drain(queue, never)).toEqual(['a', 'b'])
})

test('a key asked for while it is worked on is worked on once more, and never by two at once', async () => {
  const { queue, never } = setUp()
  queue.add('a')
  expect(await queue.take(never)).toEqual({ key: 'a', priority: 0 })
  queue.add('a')
  queue.add('a')
  expect(queue.length).toBe(0)
  queue.done('a')
  expect(await drain(queue, never)).toEqual(['a'])
})

test('a change overtakes what merely stands, and lifts its own key', async () => {
  const { queue, never } = setUp()
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key, LOW_PRIORITY)
  queue.add('e')
  queue.add('c')
  queue.add('e', LOW_PRIORITY)
  expect(await drain(queue, never)).toEqual(['e', 'c', 'a', 'b', 'd'])
})

test('within a priority the first come is the first served', async () => {
  const { queue, never } = setUp()
  const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`)
  for (const key of keys) queue.add(key)
  for (const key of keys.toReversed()) queue.add(key)
  expect(await drain(queue, never)).toEqual(keys)
})

test('a later key comes in its time, the earliest first', async () => {
  const { clock, queue, never } = setUp()
  const seconds: Record<string, number> = { a: 30, b: 10, c: 20, d: 5, e: 25 }
  for (const [key, delay] of Object.entries(seconds)) queue.addAfter(key, delay)
  await clock.advance(4.9)
  expect(queue.length).toBe(0)
  await clock.advance(0.1)
  expect(queue.length).toBe(1)
  await clock.advance(25)
  expect(await drain(queue, never)).toEqual(['d', 'b', 'c', 'e', 'a'])
})

test('the sooner of two times counts, and asking now counts most', async () => {
  const { clock, queue, never } = setUp()
  queue.addAfter('a', 10)
  queue.addAfter('a', 60)
  queue.addAfter('b', 60)
  queue.addAfter('b', 10)
  queue.addAfter('c', 10)
  queue.add('c')
  expect(await drain(queue, never)).toEqual(['c'])
  await clock.advance(10)
  expect((await drain(queue, never)).toSorted()).toEqual(['a', 'b'])
  await clock.advance(60)
  expect(queue.length).toBe(0)
})

test('a key that waits for its time at a higher priority keeps that time when something asks sooner', async () => {
  const { clock, queue, taken } = setUp()
  queue.addAfter('urgent', 10, 10)
  for (const key of ['a', 'b', 'urgent']) queue.add(key)
  await clock.advance(10)
  expect([await taken(), await taken(), await taken(), await taken()]).toEqual(['urgent', 'a', 'b', undefined])
})

test('a look that comes before that time is the one that was waited for', async () => {
  const { clock, queue, never } = setUp()
  queue.addAfter('urgent', 10, 10)
  queue.add('urgent')
  expect(await drain(queue, never)).toEqual(['urgent'])
  await clock.advance(10)
  expect(await drain(queue, never)).toEqual([])
})

test('a failing key waits twice as long each time, up to the maximum, until it is forgotten', async () => {
  const { clock, queue, never } = setUp()
  const waits: number[] = []
  for (let failure = 0; failure < 10; failure++) {
    queue.addBackedOff('a')
    const began = clock.monotonic()
    while (queue.length === 0) await clock.advance(0.005)
    waits.push(Math.round(clock.monotonic() - began))
    await drain(queue, never)
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560])
  queue.forget('a')
  expect(queue.failures('a')).toBe(0)
  queue.addBackedOff('a', { atLeastSeconds: 7 })
  await clock.advance(6.9)
  expect(queue.length).toBe(0)
  await clock.advance(0.1)
  expect(queue.length).toBe(1)
})

test('a key that goes on failing waits a thousand seconds, and never longer', async () => {
  const { clock, queue, never } = setUp()
  for (let failure = 1; failure < 30; failure++) {
    queue.addBackedOff('a')
    await clock.advance(1000)
    expect(await drain(queue, never)).toEqual(['a'])
  }
  queue.addBackedOff('a')
  await clock.advance(999.9)
  expect(queue.length).toBe(0)
  await clock.advance(0.1)
  expect(queue.length).toBe(1)
})

test('a waiting worker is handed the next key, and leaves when told to', async () => {
  const { queue, taken } = setUp()
  const stop = new AbortController()
  const first = queue.take(stop.signal)
  const second = queue.take(stop.signal)
  queue.add('a')
  expect(await first).toEqual({ key: 'a', priority: 0 })
  stop.abort()
  expect(await second).toBeUndefined()
  queue.add('b')
  expect(queue.length).toBe(1) // Not lost with the worker that left.
  expect(await taken()).toBe('b')
})

test('keys put off again and again leave no trace', async () => {
  const { clock, queue, never } = setUp()
  for (let round = 0; round < 10_000; round++) {
    queue.addAfter('a', 3600)
    queue.add('a')
    await drain(queue, never)
  }
  expect(queue.waiting).toBe(0)
  await clock.advance(3600)
  expect(queue.length).toBe(0)
})

test('the metrics bear client-go’s names', async () => {
  const { clock, metrics, queue, never } = setUp()
  queue.add('a')
  queue.add('b', LOW_PRIORITY)
  await queue.take(never)
  await clock.advance(3)
  const text = await metrics.registry.metrics()
  expect(text).toContain('workqueue_adds_total{name="q",controller="q"} 2')
  expect(text).toContain('workqueue_depth{name="q",controller="q",priority="-100"} 1')
  expect(text).toContain('workqueue_unfinished_work_seconds{name="q",controller="q"} 3')
  expect(text).toContain('workqueue_longest_running_processor_seconds{name="q",controller="q"} 3')
})

test('everything that can be counted is there from the start, at 0', async () => {
  const { metrics } = setUp()
  const text = await metrics.registry.metrics()
  for (const name of [
    'workqueue_adds_total',
    'workqueue_retries_total',
    'workqueue_queue_duration_seconds_count',
    'workqueue_work_duration_seconds_count',
    'workqueue_unfinished_work_seconds',
    'workqueue_longest_running_processor_seconds',
  ]) {
    expect(text).toContain(`${name}{name="q",controller="q"} 0`)
  }
  expect(text).toContain('workqueue_depth{name="q",controller="q",priority="0"} 0')
})

test('more than 25 priorities share one label, and no key is missing from the sum', async () => {
  const { metrics, queue } = setUp()
  for (let priority = 1; priority <= 60; priority++) queue.add(`key-${priority}`, priority)
  const text = await metrics.registry.metrics()
  const depths = text.split('\n').filter(line => line.startsWith('workqueue_depth{'))
  expect(depths).toHaveLength(26)
  expect(depths.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)).toBe(60)
  expect(depths.some(line => line.includes('priority="exceeded_cardinality_limit"'))).toBe(true)
})

test('an outage of all keys is tried again by a hundred at once and then ten a second', async () => {
  const { clock, queue, never } = setUp()
  for (let index = 0; index < 300; index++) queue.addBackedOff(`key-${index}`)
  await clock.advance(0.01)
  expect(await drain(queue, never)).toHaveLength(100)
  await clock.advance(5)
  expect(await drain(queue, never)).toHaveLength(50)
  queue.add('key-299') // A change does not wait for the budget.
  expect(await drain(queue, never)).toEqual(['key-299'])
  await clock.advance(15)
  expect(await drain(queue, never)).toHaveLength(149)
})
