// lib/kube in bad weather: links and the server itself fail in an order drawn by lot while objects change, and an hour
// of silence follows (in half a minute). At each calm no more is held than before. The short forms, one fault each, are
// in tests/kube.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { seededRandom } from '../../demo/simulators/random.ts'
import { connect } from '../../lib/kube/client.ts'
import { type ApiServer, startApiServer } from '../kube/api-server.ts'
import { installWidgets, makeRuntime, until } from '../kube/fixtures.ts'
import { type LinkState, startProxy } from '../kube/proxy.ts'
import { heapBytes, witness } from '../kube/witness.ts'

const ROUNDS = 40
const OBJECTS = 30
/** Characters in what each change brings, and bytes of memory. */
const NOTE = 20_000
const QUIET_SECONDS = 60
const seed = process.env.SEED ?? String(Date.now())

let running: ApiServer | undefined
beforeAll(async () => {
  running = await startApiServer()
  const client = connect(running.credentials(), { userAgent: 'proof/1' })
  await installWidgets(client)
  await client.close()
})
afterAll(async () => await running?.stop())

test(`a storm of faults loses no change and leaves nothing behind (SEED=${seed})`, async () => {
  if (running === undefined) throw new Error('The API server has not started.')
  const server = running
  const random = seededRandom(seed)
  const proxy = await startProxy(server.port)
  onTestFinished(() => proxy.close())
  const runtime = { ...makeRuntime(), random: () => random.fraction() / 20 }
  const credentials = server.credentials({ port: proxy.port })
  const seen = await witness(server, { credentials, way: proxy, runtime, pageSize: 7, silentSeconds: 2 })
  const among = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(random.fraction() * items.length)]

  const alive = new Set<string>()
  let brought = 0
  const change = async () => {
    const note = `${++brought}`.padEnd(NOTE, 'x')
    const name = `w${Math.floor(random.fraction() * OBJECTS)}`
    if (!alive.has(name)) {
      alive.add(name)
      await seen.create(name, { size: 0, note })
    } else if (random.fraction() < 0.3) {
      alive.delete(name)
      await seen.remove(name)
    } else {
      await seen.edit(name, { size: Math.floor(random.fraction() * 1e6), note })
    }
  }
  const states: readonly LinkState[] = ['Open', 'Refuse', 'Silent', 'Slow', 'Held']
  const faults: readonly (() => Promise<void> | void)[] = [
    () => proxy.cut(),
    () => proxy.cutAfter(1 + Math.floor(random.fraction() * 5000)),
    () => server.compact(),
    ...states.map(state => () => proxy.become(state)),
  ]

  const heaps: number[] = []
  const calm = async () => {
    proxy.cut() // Of silent links the server's ends still stand.
    proxy.become('Open')
    await seen.equal()
    seen.forget()
    heaps.push(heapBytes())
  }

  for (let index = 0; index < OBJECTS; index++) await change()
  await seen.start()
  for (let count = 0; count < 100; count++) await change() // The first of each word are kept, until they are too many.
  await calm()
  const broughtBefore = brought
  for (let round = 1; round <= ROUNDS; round++) {
    await among(faults)?.()
    for (let count = Math.floor(random.fraction() * 20); count > 0; count--) await change()
    if (round % 20 === 0) {
      await server.pause()
      await server.start()
    }
    if (random.fraction() > 0.5) await calm()
  }
  await calm()
  // Buffers come and go with a fault; what is lost stays.
  const [before = 0, ...after] = heaps
  expect(Math.min(...after.slice(-3)) - before).toBeLessThan(((brought - broughtBefore) * NOTE) / 2)
  await seen.leavesNothing()
})

test('a watch of a kind in which nothing happens is begun anew now and then: no list, no error, no word in the log', async () => {
  if (running === undefined) throw new Error('The API server has not started.')
  const proxy = await startProxy(running.port)
  onTestFinished(() => proxy.close())
  const credentials = running.credentials({ port: proxy.port })
  const seen = await witness(running, { credentials, way: proxy, silentSeconds: QUIET_SECONDS / 10 })
  await seen.create('a')
  await seen.start()
  await until(async () => (await seen.restarts('Silent').catch(() => 0)) >= 5, QUIET_SECONDS)
  expect(await seen.lists()).toBe(1)
  expect(seen.seen.lastError()).toBeUndefined()
  expect(seen.told()).toEqual(['Added a'])
  await seen.create('b')
  await seen.equal()
  expect(proxy.open()).toBeLessThanOrEqual(2) // The watch that ended and the one that took its place.
  await seen.leavesNothing()
})
