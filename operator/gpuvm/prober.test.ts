import { expect, test } from 'vitest'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { prober } from './prober.ts'

/** A fleet of so many machines, all answering, and who was told to have changed. */
async function fleetOf(count: number) {
  const clock = handClock(new Date('2026-11-24T12:00:00Z'))
  const silent = new Set<string>()
  const asked: string[] = []
  const changed: string[] = []
  const stop = new AbortController()
  const probing = prober({
    clock,
    log: createLogger({ program: 'test', level: 'silent' }),
    probeSeconds: 15,
    onTransition: ({ name }) => changed.push(name),
    probe: async host => {
      asked.push(host)
      return !silent.has(host)
    },
  })
  const names = Array.from({ length: count }, (_, index) => `m${index}`)
  const running = probing.run({ stop: stop.signal, abort: stop.signal })
  for (const name of names) {
    probing.follow({ uid: name, key: { name }, host: name })
    await clock.advance(1.5) // Each is asked at a time of its own.
  }
  await clock.advance(15)
  changed.length = 0
  return {
    clock,
    silent,
    asked,
    changed,
    names,
    probing,
    answering: (name: string) => probing.seen(name).answering,
    async end() {
      stop.abort()
      await running
    },
  }
}

test('an answer opens a stretch, and what it knows is of this process', async () => {
  const fleet = await fleetOf(1)
  const { since, lastAnsweredAt, answering } = fleet.probing.seen('m0')
  expect(answering).toBe(true)
  expect(since).toEqual(new Date('2026-11-24T12:00:01.500Z'))
  expect(lastAnsweredAt?.getTime()).toBeGreaterThan(since?.getTime() ?? 0)
  expect(fleet.probing.seen('nobody')).toEqual({ answering: undefined, since: undefined, lastAnsweredAt: undefined })
  await fleet.end()
})

test('three misses in a row close it, two do not', async () => {
  const fleet = await fleetOf(1)
  fleet.silent.add('m0')
  await fleet.clock.advance(28)
  expect(fleet.answering('m0')).toBe(true)
  fleet.silent.clear()
  await fleet.clock.advance(16)
  fleet.silent.add('m0')
  await fleet.clock.advance(28)
  expect(fleet.answering('m0')).toBe(true)
  const { lastAnsweredAt } = fleet.probing.seen('m0')
  await fleet.clock.advance(20)
  expect(fleet.answering('m0')).toBe(false)
  expect(fleet.changed).toEqual(['m0'])
  expect(fleet.probing.seen('m0').lastAnsweredAt).toEqual(lastAnsweredAt)
  await fleet.end()
})

test('one that was never heard, or is silent, is asked five times as often', async () => {
  const fleet = await fleetOf(1)
  fleet.silent.add('m0')
  await fleet.clock.advance(60)
  fleet.asked.length = 0
  await fleet.clock.advance(30)
  expect(fleet.asked.length).toBeGreaterThanOrEqual(9)
  await fleet.end()
})

test('when a fifth of the fleet falls silent together, it is our network, and nothing is concluded', async () => {
  const fleet = await fleetOf(10)
  for (const name of ['m0', 'm4']) fleet.silent.add(name)
  await fleet.clock.advance(300)
  expect(fleet.names.every(name => fleet.answering(name))).toBe(true)
  expect(fleet.changed).toEqual([])

  fleet.silent.clear()
  await fleet.clock.advance(20)
  fleet.silent.add('m0')
  await fleet.clock.advance(60)
  expect(fleet.changed).toEqual(['m0'])
  await fleet.end()
})

test('fewer than a fifth, or a small fleet, are believed', async () => {
  const fleet = await fleetOf(11)
  for (const name of ['m0', 'm4']) fleet.silent.add(name)
  await fleet.clock.advance(60)
  expect(fleet.changed.toSorted()).toEqual(['m0', 'm4'])
  await fleet.end()
  const small = await fleetOf(3)
  for (const name of small.names) small.silent.add(name)
  await small.clock.advance(60)
  expect(small.changed.toSorted()).toEqual(small.names)
  await small.end()
})

test('a machine that is forgotten is asked no more; one on another address begins anew', async () => {
  const fleet = await fleetOf(2)
  fleet.probing.forget('m0')
  fleet.probing.follow({ uid: 'm1', key: { name: 'm1' }, host: 'elsewhere' })
  expect(fleet.answering('m1')).toBeUndefined()
  fleet.asked.length = 0
  await fleet.clock.advance(30)
  expect(new Set(fleet.asked)).toEqual(new Set(['elsewhere']))
  expect(fleet.answering('m1')).toBe(true)
  await fleet.end()
})
