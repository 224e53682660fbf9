// The queue: order, repetition, failures and what a kill leaves behind.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Update } from 'grammy/types'
import { expect, test } from 'vitest'
import { claim } from '../../api/queue/claims.ts'
import { enqueue, enqueueAll } from '../../api/queue/queue.ts'
import type { Handlers } from '../../api/queue/worker.ts'
import { inTransaction } from '../../lib/database/pool.ts'
import { queueStage, session } from './queue-stage.ts'

const stage = queueStage()

test('Items of one key are worked off one at a time and in order, whoever works; keys run side by side', async () => {
  const keys = ['a', 'b', 'c', 'd']
  for (let index = 0; index < 80; index += 1) {
    await enqueue(stage.database, 'telegram.notification', {
      playerId: keys[index % 4] ?? '',
      notification: { type: 'BalanceLow', minutesLeft: index },
    })
  }
  const seen: Record<string, number[]> = {}
  const atWork = new Set<string>()
  const sideBySide = Promise.withResolvers<void>()
  const allDone = Promise.withResolvers<void>()
  let done = 0
  const handlers: Handlers = {
    'telegram.notification': {
      concurrency: 3,
      async handle({ playerId, notification }) {
        expect(atWork.has(playerId)).toBe(false)
        atWork.add(playerId)
        if (atWork.size > 1) sideBySide.resolve()
        await sideBySide.promise // The first item waits for one of another key to be at work beside it.
        await stage.isEmpty() // Long enough for whoever would take another of this key.
        if (notification.type !== 'BalanceLow') return
        seen[playerId] ??= []
        seen[playerId].push(notification.minutesLeft)
        atWork.delete(playerId)
        done += 1
        if (done === 80) allDone.resolve()
      },
    },
  }
  const [first, second] = [stage.worker(handlers), stage.worker(handlers)]
  await allDone.promise
  await Promise.all([first.stop(), second.stop()])
  expect(await stage.isEmpty()).toBe(true)

  for (const [index, key] of keys.entries()) {
    expect(seen[key]).toEqual(Array.from({ length: 20 }, (_, turn) => index + turn * 4))
  }
})

test('A claim looks at few items, however many wait: the statistics of a queue are those of an empty table', async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => session(`s${index}`))
  await enqueueAll(stage.database, 'kubernetes.session', many)
  const { items, looked } = await inTransaction(stage.database, async transaction => {
    const claimed = await claim(transaction, { topic: 'kubernetes.session', limit: 8, leaseSeconds: 15 })
    const [read] = await transaction<{ rows: number }[]>`
      SELECT (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int AS rows
      FROM pg_stat_xact_user_tables WHERE relname = 'queue_items'`
    return { items: claimed, looked: read?.rows ?? Number.POSITIVE_INFINITY }
  })
  expect(items).toHaveLength(8)
  expect(looked).toBeGreaterThan(0)
  expect(looked).toBeLessThan(many.length / 4)
})

test('An item is there when its transaction is, and gone when that is rolled back', async () => {
  const handled: string[] = []
  const { until } = stage.worker({
    'kubernetes.session': { concurrency: 2, handle: async ({ sessionId }) => void handled.push(sessionId) },
  })
  const rolledBack = inTransaction(stage.database, async transaction => {
    await enqueue(transaction, 'kubernetes.session', session('never'))
    throw new Error('changed its mind')
  })
  await expect(rolledBack).rejects.toThrow('changed its mind')
  await inTransaction(stage.database, transaction => enqueue(transaction, 'kubernetes.session', session('once')))
  await until(1)
  expect(handled).toEqual(['once'])
})

test('A repetition is dropped, also when the first is long done', async () => {
  const update: Update = { update_id: 7 }
  expect(await enqueue(stage.database, 'telegram.update', { botId: 1, update })).toBe(true)
  expect(await enqueue(stage.database, 'telegram.update', { botId: 1, update })).toBe(false)
  let handled = 0
  const { until } = stage.worker({
    'telegram.update': {
      concurrency: 1,
      async handle({ update: taken }) {
        expect(taken).toEqual(update)
        handled += 1
      },
    },
  })
  await until(1)
  expect(await enqueue(stage.database, 'telegram.update', { botId: 1, update })).toBe(false)
  expect(await enqueue(stage.database, 'telegram.update', { botId: 2, update })).toBe(true)
  await until(2)
  expect(handled).toBe(2)
})

test('A failure is tried again, and what waits behind it keeps its place', async () => {
  for (const sessionId of ['x', 'x', 'y']) await enqueue(stage.database, 'kubernetes.session', session(sessionId))
  const order: string[] = []
  let failures = 2
  const { until, outcomes } = stage.worker({
    'kubernetes.session': {
      concurrency: 1,
      async handle({ sessionId }) {
        order.push(sessionId)
        if (sessionId === 'x' && failures > 0) {
          failures -= 1
          throw new Error('not yet')
        }
      },
    },
  })
  await until(3)
  expect(order.filter(key => key === 'x')).toHaveLength(4)
  expect(order.indexOf('y')).toBeLessThan(3) // It did not wait for the other key.
  expect(outcomes.filter(({ outcome }) => outcome === 'Retried')).toHaveLength(2)
})

test('A topic whose items cannot wait is tried again sooner than the others', async () => {
  await enqueue(stage.database, 'kubernetes.session', session('1'))
  let tries = 0
  const handle = async () => {
    tries += 1
    if (tries < 3) throw new Error('Away.')
  }
  const options = { backoff: { initialSeconds: 600, maximumSeconds: 600 } }
  await stage.worker({ 'kubernetes.session': { concurrency: 1, atMostSeconds: 0.05, handle } }, options).until(1)
  expect(tries).toBe(3)
})

test('Stopping waits for what is at work, and takes no more', async () => {
  for (const sessionId of ['1', '2', '3']) await enqueue(stage.database, 'kubernetes.session', session(sessionId))
  const [begun, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const order: string[] = []
  const { stop } = stage.worker({
    'kubernetes.session': {
      concurrency: 1,
      async handle() {
        begun.resolve()
        await finish.promise
        order.push('finished')
      },
    },
  })
  await begun.promise
  const stopped = stop().then(() => order.push('stopped'))
  expect(await stage.database`SELECT FROM queue_items WHERE claim IS NOT NULL`).toHaveLength(1)
  expect(order).toEqual([])
  finish.resolve()
  await stopped
  expect(order).toEqual(['finished', 'stopped'])
  expect(await stage.database`SELECT FROM queue_items`).toHaveLength(2)
})

test('What a killed worker had at work comes again when its lease is over', async () => {
  await enqueue(stage.database, 'kubernetes.session', session('orphan'))
  const victim = spawn(
    process.execPath,
    [fileURLToPath(new URL('queue-victim.ts', import.meta.url)), stage.books.url],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [line] = await once(victim.stdout, 'data')
  expect(String(line)).toContain('orphan')
  victim.kill('SIGKILL')
  await once(victim, 'exit')

  const handled: string[] = []
  const { until } = stage.worker({
    'kubernetes.session': { concurrency: 1, handle: async ({ sessionId }) => void handled.push(sessionId) },
  })
  await until(1)
  expect(handled).toEqual(['orphan'])
})
