// What networks do to a reflector. After each: the store is the server's list, whoever followed the changes has the
// same, and no connection or timer is left.
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ApiServer, fixed } from './api-server.ts'
import { hasty, makeRuntime, until, widgets } from './fixtures.ts'
import { startProxy } from './proxy.ts'
import { startRelay, status } from './relay.ts'
import { rotatedCertificate, rotatedToken } from './rotated.ts'
import { heapBytes, resources, type Witness, type WitnessOptions, witness } from './witness.ts'

const NOTE = 'x'.repeat(2000)
/** Characters, and bytes of memory. */
const LONG_NOTE = 100_000
/** Rounds after which whatever is made once has been made. */
const WARM_UP = 10

export function linkFaultsAreSurvived(server: () => ApiServer): void {
  const setUp = async (options: WitnessOptions = {}) => {
    const proxy = await startProxy(server().port)
    onTestFinished(() => proxy.close())
    const credentials = server().credentials({ port: proxy.port })
    return { proxy, seen: await witness(server(), { credentials, way: proxy, ...options }) }
  }

  describe('a link that fails', () => {
    test('cut in the middle of a list: that page is asked again, and the list goes on', async () => {
      const { proxy, seen } = await setUp({ pageSize: 10 })
      for (let index = 0; index < 30; index++) await seen.create(`w${index}`, { note: NOTE })
      proxy.cutAfter(40_000) // In the second page of three.
      await seen.start()
      await seen.equal()
      expect(seen.changes.every(({ type, initial }) => type === 'Added' && initial)).toBe(true)
      expect(await seen.readsAgain()).toBe(1)
      expect(await seen.lists()).toBe(1)
      await seen.leavesNothing()
    })

    test('cut in the middle of a page, and again when that is asked again: the list begins anew, from its first page', async () => {
      const relay = await startRelay(server()) // It sees the requests, which TLS would hide.
      onTestFinished(() => relay.close())
      const proxy = await startProxy(Number(new URL(relay.url).port))
      onTestFinished(() => proxy.close())
      const credentials = fixed({ server: `http://127.0.0.1:${proxy.port}` })
      const seen = await witness(server(), { credentials, way: proxy, pageSize: 10, runtime: hasty() })
      for (let index = 0; index < 30; index++) await seen.create(`w${index}`, { note: NOTE })
      proxy.cutAfter(40_000, 10_000) // In the second page of three, and in that page again.
      await seen.start()
      await seen.equal()
      const lists = relay.requests.filter(each => !each.includes('watch=true'))
      const pages = lists.map(each => (each.includes('continue=') ? 'next' : 'first'))
      expect(pages).toEqual(['first', 'next', 'next', 'first', 'next', 'next'])
      expect(lists[2]).toBe(lists[1])
      expect(await seen.readsAgain()).toBe(1)
      expect(await seen.lists()).toBe(2)
      expect(seen.changes.every(({ type, initial }) => type === 'Added' && initial)).toBe(true)
      await seen.leavesNothing()
    })

    test('cut in the middle of a watch, and of an event: it goes on where it was, without a new list', async () => {
      const runtime = hasty()
      const { proxy, seen } = await setUp({ runtime })
      for (const name of ['a', 'b']) await seen.create(name, { note: NOTE })
      await seen.start()
      for (let round = 1; round <= 4; round++) {
        proxy.cutAfter(1000 * round)
        await seen.resize('a', round)
        await seen.resize('b', round)
        await until(() => seen.get('a')?.spec?.size === round && seen.get('b')?.spec?.size === round)
        proxy.cut()
      }
      await seen.equal()
      expect(await seen.lists()).toBe(1)
      expect(await seen.restarts('Disconnected')).toBeGreaterThanOrEqual(4)
      await seen.leavesNothing()
    })

    test('an object deleted and made again under its name while the watch was down is told as two', async () => {
      const { proxy, seen } = await setUp({ runtime: hasty() })
      for (const name of ['a', 'b']) await seen.create(name)
      await seen.start()
      const before = seen.get('a')?.metadata.uid
      proxy.become('Refuse')
      await seen.remove('a')
      await seen.create('a', { size: 9 })
      await seen.remove('b')
      await seen.create('c')
      proxy.become('Open')
      await seen.equal()
      expect(seen.told().slice(2)).toEqual(['Deleted a', 'Added a', 'Deleted b', 'Added c'])
      expect(seen.changes[2]?.object.metadata.uid).toBe(before)
      expect(seen.get('a')?.metadata.uid).not.toBe(before)
      await seen.leavesNothing()
    })

    test('half open, nothing arrives and nothing closes: it is cut by its silence, long before the watch’s time', async () => {
      const { proxy, seen } = await setUp({ silentSeconds: 1, timeoutSeconds: 0.5, runtime: hasty(0.01) })
      await seen.create('a')
      await seen.start()
      proxy.become('Silent')
      await seen.create('b')
      await until(async () => (await seen.restarts('Silent').catch(() => 0)) > 0)
      expect(seen.store.size).toBe(1)
      proxy.become('Open')
      await seen.equal()
      await until(() => seen.seen.lastError() === undefined)
      proxy.cut() // Of the dead connections the server's ends still stand.
      await seen.leavesNothing()
    })

    test('half open past the watch’s own time: that ends it too', async () => {
      const { proxy, seen } = await setUp({ watchSeconds: { minimum: 1, maximum: 1 }, runtime: hurried(5) })
      await seen.create('a')
      await seen.start()
      proxy.become('Silent')
      await seen.create('b')
      await until(async () => (await seen.restarts('Silent').catch(() => 0)) > 0)
      proxy.become('Open')
      proxy.cut() // Also of the attempt under way, which would have to time out.
      await seen.equal()
      await seen.leavesNothing()
    })

    test('slow: a list that takes longer than the timeout and a watch behind it arrive whole', async () => {
      const { proxy, seen } = await setUp({ timeoutSeconds: 1 })
      for (let index = 0; index < 30; index++) await seen.create(`w${index}`, { note: NOTE.repeat(4) })
      proxy.become('Slow')
      await seen.start()
      expect(proxy.slowed()).toBeGreaterThan(1000) // The client's timeout, which is one of silence.
      for (let index = 0; index < 10; index++) await seen.resize(`w${index}`, index)
      await seen.equal()
      expect(await seen.lists()).toBe(1)
      expect(proxy.connections()).toBeLessThanOrEqual(2)
      await seen.leavesNothing()
    })

    test('cut a hundred times, nothing piles up: connections, timers, memory', async () => {
      const { proxy, seen } = await setUp({ runtime: hasty() })
      await nothingPilesUp(seen, { rounds: 100, disturb: async () => proxy.cut() })
      expect(proxy.open()).toBeLessThanOrEqual(2)
      await seen.leavesNothing()
    })

    test('listed anew fifty times after Gone, each time with another token, nothing piles up', async () => {
      const { relay, credentials, rotate, asked } = await rotatedToken(server(), 'token-0')
      const seen = await witness(server(), { credentials, way: relay, runtime: hasty() })
      const rounds = await nothingPilesUp(seen, {
        rounds: 50,
        async disturb(round) {
          await until(() => relay.watching() === 1)
          await rotate(`token-${round}`)
          relay.interject({ type: 'ERROR', object: status(410, 'Expired', 'too old resource version') })
        },
      })
      expect(await seen.restarts('Gone')).toBe(rounds)
      expect(await seen.lists()).toBe(rounds + 1)
      expect(asked.filter(({ isRefused }) => isRefused)).toHaveLength(rounds)
      await until(() => relay.open() <= 2)
      await seen.leavesNothing()
    })

    test('given another client certificate fifty times, nothing piles up: the old connections are gone', async () => {
      const { proxy, credentials, client, present, later } = await rotatedCertificate(server(), 'even')
      const seen = await witness(server(), { credentials, way: proxy, runtime: hasty() })
      const rounds = await nothingPilesUp(seen, {
        rounds: 50,
        async disturb(round) {
          await present(round % 2 === 1 ? 'odd' : 'even')
          later()
          await client.get(widgets, { namespace: seen.namespace, name: 'a' })
          proxy.cutAfter(1000) // The watch alone, in its next event; it begins anew under the new certificate.
        },
      })
      expect(proxy.connections()).toBeGreaterThan(2 * rounds)
      await until(() => proxy.open() <= 2)
      expect(await seen.lists()).toBe(1)
      await client.close()
      await seen.leavesNothing()
    })
  })
}

/**
 * Ten rounds, and then so many more, each with a disturbance and a long note: of the notes none is kept but the last, and of
 * connections and timers there are no more than before. Resolves with the number of all rounds.
 */
async function nothingPilesUp(
  seen: Witness,
  { rounds, disturb }: { rounds: number; disturb: (round: number) => Promise<void> },
): Promise<number> {
  await seen.create('a')
  await seen.start()
  // Of few different words the reflector keeps one each; it knows by now that these tell objects apart.
  for (let count = 1; count <= 70; count++) await seen.edit('a', { note: `${count}` })
  const once = async (size: number) => {
    await disturb(size)
    await seen.edit('a', { size, note: `${size}`.padEnd(LONG_NOTE, 'x') })
    await until(() => seen.get('a')?.spec?.size === size)
    seen.forget()
  }
  const all = WARM_UP + rounds
  for (let round = 1; round <= WARM_UP; round++) await once(round)
  const before = { ...resources(), heap: heapBytes() }
  for (let round = WARM_UP + 1; round <= all; round++) await once(round)
  expect(heapBytes() - before.heap).toBeLessThan(30 * LONG_NOTE)
  const { heap: _, ...counts } = before
  await until(() => Object.entries(resources()).every(([kind, count]) => count <= (counts[kind as never] ?? 0) + 1))
  return all
}

/** Every sleep is so many times shorter. */
function hurried(times: number) {
  const runtime = makeRuntime()
  const { clock } = runtime
  const sleep = (milliseconds: number, signal?: AbortSignal) => clock.sleep(milliseconds / times, signal)
  return { ...runtime, clock: { ...clock, monotonic: () => clock.monotonic() * times, sleep } }
}
