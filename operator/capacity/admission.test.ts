import { expect, test } from 'vitest'
import { admission } from './admission.ts'
import { askingFor, claim, conditions, evening, NEAR } from './market.fixture.ts'
import type { Claim } from './stock.ts'

/** A queue for so many cores of spot, that somebody else may change. */
function queueFor(cores: number) {
  const world = { cores, seconds: 0 }
  const told: string[] = []
  const stop = new AbortController()
  const queue = admission({
    clock: {
      now: () => evening(world.seconds),
      monotonic: () => world.seconds * 1000,
      // Time passes by itself only where the queue has nothing left to do.
      sleep: (_milliseconds, signal) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason)
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
          setImmediate(resolve)
        }),
    },
    conditions: () => conditions({ quotas: { [NEAR]: { lowPriorityCores: world.cores } } }),
    onServed: ({ name }) => told.push(name),
  })
  return {
    queue,
    told,
    setCores(next: number) {
      world.cores = next
      queue.changed()
    },
    async settle() {
      const running = queue.run({ stop: stop.signal, abort: stop.signal })
      for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate)
      stop.abort()
      await running
    },
  }
}

const get = (queue: ReturnType<typeof queueFor>['queue'], name: string) =>
  queue.ask(askingFor(name)).candidates.length > 0
const machineAt = (place: Partial<Claim['place']> = {}) => claim({ isOnTheWay: true, place })

test('two that ask one after the other are not given the same, and one that asks again gets the same', () => {
  const { queue } = queueFor(6)
  expect([get(queue, 'a'), get(queue, 'b'), get(queue, 'a'), get(queue, 'b')]).toEqual([true, false, true, false])
})

test('from promise to machine nothing is counted twice, and nothing is free in between', () => {
  const { queue } = queueFor(12)
  expect(get(queue, 'a')).toBe(true)
  queue.place('uid-a', { uid: 'machine-a', claim: machineAt() })
  expect([get(queue, 'b'), get(queue, 'c')]).toEqual([true, false])
  queue.claim('machine-b', machineAt()) // Its machine is seen, and it is in the queue still.
  queue.leave('uid-b')
  expect(get(queue, 'c')).toBe(false)
})

test('a promise that comes to nothing is there for the next', () => {
  const { queue } = queueFor(6)
  get(queue, 'a')
  queue.leave('uid-a')
  expect(get(queue, 'b')).toBe(true)
})

test('when one machine goes, the head alone is told, and once', async () => {
  const { queue, told, settle } = queueFor(6)
  queue.claim('machine', claim())
  for (const name of ['b', 'a', 'c']) get(queue, name)
  queue.release('machine')
  await settle()
  expect(told).toEqual(['a']) // Created in one second: by UID.
  expect([get(queue, 'b'), get(queue, 'a')]).toEqual([false, true])
})

test('a quota that rises serves as many as there is room for, in their order', async () => {
  const { queue, told, setCores, settle } = queueFor(0)
  for (const name of ['c', 'b', 'a']) get(queue, name)
  setCores(12)
  await settle()
  expect(told).toEqual(expect.arrayContaining(['a', 'b']))
  expect(told).toHaveLength(2)
})

test('who waits is told to whoever looks, and who was served is remembered as evidence', () => {
  const { queue, setCores } = queueFor(0)
  get(queue, 'a')
  get(queue, 'b')
  expect(queue.look().waiting.map(({ asking }) => asking.name)).toEqual(['a', 'b'])
  setCores(6)
  get(queue, 'a')
  queue.place('uid-a', { uid: 'machine-a', claim: machineAt() })
  const { waiting, departures } = queue.look()
  expect(waiting.map(({ asking }) => asking.name)).toEqual(['b'])
  expect(departures).toEqual([0])
})
