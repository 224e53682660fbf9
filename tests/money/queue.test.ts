import { execFile, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Update } from 'grammy/types'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { razorpayInbox } from '../../api/payments/razorpay-inbox.ts'
import { type Claimed, claim, done } from '../../api/queue/claims.ts'
import { queueCommand } from '../../api/queue/command.ts'
import { PermanentError } from '../../api/queue/errors.ts'
import { deadLetters, enqueue, enqueueAll, queueDepths, retryDeadLetter } from '../../api/queue/queue.ts'
import type { TopicName } from '../../api/queue/topics.ts'
import { type Handlers, type WorkerOptions, work } from '../../api/queue/worker.ts'
import { type Database, inTransaction } from '../../lib/database/pool.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { type Books, openBooks, silent } from './books.ts'

let books: Books
let database: Database
let stops: (() => Promise<void>)[] = []

beforeAll(async () => {
  books = await openBooks()
  database = books.database
})
afterAll(async () => await books.stop())
beforeEach(async () => {
  await database`DELETE FROM queue_items`
  await database`DELETE FROM queue_seen`
})
afterEach(async () => {
  await Promise.all(stops.map(stop => stop()))
  stops = []
})

/** Works until the test is over, or until it is stopped. */
function worker(handlers: Handlers, options: Partial<WorkerOptions> = {}) {
  const stopping = new AbortController()
  const outcomes: { topic: TopicName; outcome: string }[] = []
  let heard = () => {}
  const running = work(
    {
      database,
      clock: systemClock,
      random: Math.random,
      log: silent,
      handlers,
      backoff: { initialSeconds: 0.05, maximumSeconds: 0.2 },
      pollSeconds: 0.2,
      onOutcome: outcome => {
        outcomes.push(outcome)
        heard()
      },
      ...options,
    },
    stopping.signal,
  )
  const stop = async () => {
    stopping.abort()
    await running
  }
  stops.push(stop)
  return {
    stop,
    outcomes,
    /** Resolves after so many items were done or dead. */
    async until(count: number) {
      while (outcomes.filter(({ outcome }) => outcome !== 'Retried').length < count) {
        await new Promise<void>(resolve => {
          heard = resolve
        })
      }
    },
  }
}

const session = (sessionId: string) => ({ sessionId })
const isEmpty = async () => (await database`SELECT FROM queue_items`).length === 0

test('Items of one key are worked off one at a time and in order, whoever works; keys run side by side', async () => {
  const keys = ['a', 'b', 'c', 'd']
  for (let index = 0; index < 80; index += 1) {
    await enqueue(database, 'telegram.notification', {
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
        await isEmpty() // Long enough for whoever would take another of this key.
        if (notification.type !== 'BalanceLow') return
        seen[playerId] ??= []
        seen[playerId].push(notification.minutesLeft)
        atWork.delete(playerId)
        done += 1
        if (done === 80) allDone.resolve()
      },
    },
  }
  const [first, second] = [worker(handlers), worker(handlers)]
  await allDone.promise
  await Promise.all([first.stop(), second.stop()])
  expect(await isEmpty()).toBe(true)

  for (const [index, key] of keys.entries()) {
    expect(seen[key]).toEqual(Array.from({ length: 20 }, (_, turn) => index + turn * 4))
  }
})

test('A claim looks at few items, however many wait: the statistics of a queue are those of an empty table', async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => session(`s${index}`))
  await enqueueAll(database, 'kubernetes.session', many)
  const { items, looked } = await inTransaction(database, async transaction => {
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
  const { until } = worker({
    'kubernetes.session': { concurrency: 2, handle: async ({ sessionId }) => void handled.push(sessionId) },
  })
  const rolledBack = inTransaction(database, async transaction => {
    await enqueue(transaction, 'kubernetes.session', session('never'))
    throw new Error('changed its mind')
  })
  await expect(rolledBack).rejects.toThrow('changed its mind')
  await inTransaction(database, transaction => enqueue(transaction, 'kubernetes.session', session('once')))
  await until(1)
  expect(handled).toEqual(['once'])
})

test('A repetition is dropped, also when the first is long done', async () => {
  const update: Update = { update_id: 7 }
  expect(await enqueue(database, 'telegram.update', { botId: 1, update })).toBe(true)
  expect(await enqueue(database, 'telegram.update', { botId: 1, update })).toBe(false)
  let handled = 0
  const { until } = worker({
    'telegram.update': {
      concurrency: 1,
      async handle({ update: taken }) {
        expect(taken).toEqual(update)
        handled += 1
      },
    },
  })
  await until(1)
  expect(await enqueue(database, 'telegram.update', { botId: 1, update })).toBe(false)
  expect(await enqueue(database, 'telegram.update', { botId: 2, update })).toBe(true)
  await until(2)
  expect(handled).toBe(2)
})

test('A failure is tried again, and what waits behind it keeps its place', async () => {
  for (const sessionId of ['x', 'x', 'y']) await enqueue(database, 'kubernetes.session', session(sessionId))
  const order: string[] = []
  let failures = 2
  const { until, outcomes } = worker({
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

test('What fails for good stays to be seen, lets the next pass, and can be sent to work again', async () => {
  for (const sessionId of ['z', 'z', 'q']) await enqueue(database, 'kubernetes.session', session(sessionId))
  let isMended = false
  const handled: string[] = []
  const { until } = worker({
    'kubernetes.session': {
      concurrency: 2,
      attempts: 2,
      async handle({ sessionId }) {
        handled.push(sessionId)
        if (isMended) return
        if (sessionId === 'q') throw new PermanentError('ChangeRefused', 'never')
        throw new Error('broken')
      },
    },
  })
  await until(3)
  const dead = await deadLetters(database, { limit: 10 })
  expect(dead.map(({ key, attempts }) => ({ key, attempts })).sort((a, b) => a.key.localeCompare(b.key))).toEqual([
    { key: 'q', attempts: 1 },
    { key: 'z', attempts: 2 },
    { key: 'z', attempts: 2 },
  ])
  expect(dead.find(({ key }) => key === 'q')?.lastError).toContain('never')
  expect(await queueDepths(database)).toMatchObject([{ topic: 'kubernetes.session', waiting: 0, dead: 3 }])

  isMended = true
  handled.length = 0
  for (const { id } of dead) expect(await retryDeadLetter(database, id)).toBe(true)
  expect(await retryDeadLetter(database, dead[0]?.id ?? 0n)).toBe(false)
  await until(6)
  expect(handled.sort()).toEqual(['q', 'z', 'z'])
  expect(await isEmpty()).toBe(true)
})

test('A topic whose items cannot wait is tried again sooner than the others', async () => {
  await enqueue(database, 'kubernetes.session', session('1'))
  let tries = 0
  const handle = async () => {
    tries += 1
    if (tries < 3) throw new Error('Away.')
  }
  const options = { backoff: { initialSeconds: 600, maximumSeconds: 600 } }
  await worker({ 'kubernetes.session': { concurrency: 1, atMostSeconds: 0.05, handle } }, options).until(1)
  expect(tries).toBe(3)
})

test('A person lists dead letters at a shell, sees one whole, and sends it to work again', async () => {
  for (const sessionId of ['one', 'two']) await enqueue(database, 'kubernetes.session', session(sessionId))
  const { until } = worker({
    'kubernetes.session': {
      concurrency: 1,
      async handle({ sessionId }) {
        throw new PermanentError('ChangeRefused', `The cluster\nrefuses ${sessionId}`)
      },
    },
  })
  await until(2)
  await Promise.all(stops.map(stop => stop()))

  const program = fileURLToPath(new URL('../../api/main.ts', import.meta.url))
  const env = { DATABASE_URL: books.url }
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'queue', 'dead'], { env })
  const [head, newest, older] = stdout.trimEnd().split('\n')
  expect(head).toMatch(/^ID +TOPIC +KEY +ATTEMPTS +DEAD SINCE +ERROR$/)
  expect(newest).toMatch(/^\d+ +kubernetes\.session +two +1 +\S+Z +PermanentError: The cluster refuses two$/)

  const say = (...args: string[]) => queueCommand(args, database)
  const id = older?.split(' ')[0] ?? ''
  expect(await say('show', id)).toContain('"sessionId": "one"')
  expect(await say('dead', '--topic', 'razorpay.webhook')).toBe('No dead letters.')
  expect(await say('retry', id)).toBe(`${id} put back to work.`)
  expect(await say('retry', id)).toContain('is no dead letter')
  expect(await say('retry', '--topic', 'kubernetes.session')).toBe('1 of kubernetes.session put back to work.')
  expect(await queueDepths(database)).toMatchObject([{ waiting: 2, dead: 0 }])

  const wrong = [[], ['retry'], ['retry', 'x'], ['show', '99'], ['dead', '--topic', 'none'], ['dead', '--limit', '0']]
  for (const args of wrong) await expect(say(...args)).rejects.toMatchObject({ code: 'InvalidArguments' })
})

test('A person who is shown a dead webhook reads what it is about, how often it was tried and why in vain, and whose it is not', async () => {
  const secret = 'the-webhook-secret'
  const payment = { id: 'pay_1', status: 'captured', amount: 50_000, currency: 'INR' }
  const refund = { id: 'rfnd_1', payment_id: 'pay_1', status: 'processed', amount: 100, currency: 'INR' }
  const person = { email: 'asha@example.com', contact: '+919900000001', notes: { name: 'Asha' }, vpa: 'asha@upi' }
  const bodies = [
    JSON.stringify({
      ...{ event: 'refund.processed', account_id: 'acc_ours', contains: ['refund', 'payment'] },
      payload: { payment: { entity: { ...payment, ...person } }, refund: { entity: { ...refund, ...person } } },
    }),
    JSON.stringify({ payload: { payment: { entity: { ...person, id: 7 } } } }),
    'asha@example.com',
  ]
  const receive = razorpayInbox({ database, webhookSecrets: [secret] })
  const now = new Date('2026-11-23T12:00:00.000Z')
  for (const rawBody of bodies) {
    const signature = createHmac('sha256', secret).update(rawBody).digest('hex')
    await receive({ rawBody, signature, eventId: 'evt_1', now })
  }
  const { until } = worker({
    'razorpay.webhook': {
      concurrency: 1,
      handle: () => Promise.reject(new PermanentError('PaymentMismatch', 'Not what was asked for.')),
    },
  })
  await until(bodies.length)

  const shown = []
  for (const { id } of (await deadLetters(database, { limit: 9 })).toReversed()) {
    const text = await queueCommand(['show', String(id)], database)
    for (const said of [secret, person.email, person.contact, person.vpa, 'Asha']) expect(text).not.toContain(said)
    expect(text).toMatch(
      /attempts +1\nlastError +PermanentError: Not what was asked for\.\nenqueuedAt +\S+Z\ndeadAt +\S+Z\n/,
    )
    shown.push(JSON.parse(text.slice(text.indexOf('{'))))
  }
  const came = { webhookId: expect.any(String), receivedAt: now.toISOString(), eventId: 'evt_1' }
  expect(shown).toEqual([
    { ...came, event: 'refund.processed', accountId: 'acc_ours', entities: { payment, refund } },
    { ...came, event: 'unreadable', entities: { payment: {} } },
    { ...came, event: 'unreadable', entities: {} },
  ])
})

/** Longer than a rollout takes. */
const LONG_AGO = new Date(Date.now() - 1_860_000)

async function queuedByAnother(version: { at: Date }): Promise<void> {
  await database`
    INSERT INTO queue_items (topic, key, payload, enqueued_at) VALUES ('kubernetes.session', 'k', '{"id": 1}', ${version.at})`
}

test('What a newer version has queued during a rollout is left for it by the older one, with all of its attempts', async () => {
  await queuedByAnother({ at: new Date() })
  const tried = Promise.withResolvers<void>()
  let tries = 0
  const onOutcome: WorkerOptions['onOutcome'] = ({ outcome }) => {
    expect(outcome).toBe('Retried')
    tries += 1
    if (tries === 3) tried.resolve()
  }
  const never = () => Promise.reject(new Error('What cannot be read was handled.'))
  const older = { concurrency: 1, attempts: 2, handle: never }
  worker({ 'kubernetes.session': older }, { onOutcome })
  await tried.promise
  const newer = { topic: 'kubernetes.session', limit: 1, leaseSeconds: 15 }
  for (let taken: Claimed | undefined; taken === undefined; ) {
    ;[taken] = await claim(database, newer)
    if (!taken) continue
    expect(taken).toMatchObject({ key: 'k', payload: { id: 1 }, attempt: 1 })
    await done(database, [taken])
  }
  expect(await isEmpty()).toBe(true)
})

test('An item that no version of a rollout can read is a dead letter, not a crash', async () => {
  await queuedByAnother({ at: LONG_AGO })
  const { until } = worker({ 'kubernetes.session': { concurrency: 1, handle: async () => {} } })
  await until(1)
  expect(await deadLetters(database, { limit: 1 })).toMatchObject([
    { lastError: expect.stringContaining('none of kubernetes') },
  ])
})

test('Stopping waits for what is at work, and takes no more', async () => {
  for (const sessionId of ['1', '2', '3']) await enqueue(database, 'kubernetes.session', session(sessionId))
  const [begun, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const order: string[] = []
  const { stop } = worker({
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
  expect(await database`SELECT FROM queue_items WHERE claim IS NOT NULL`).toHaveLength(1)
  expect(order).toEqual([])
  finish.resolve()
  await stopped
  expect(order).toEqual(['finished', 'stopped'])
  expect(await database`SELECT FROM queue_items`).toHaveLength(2)
})

test('What a killed worker had at work comes again when its lease is over', async () => {
  await enqueue(database, 'kubernetes.session', session('orphan'))
  const victim = spawn(process.execPath, [fileURLToPath(new URL('queue-victim.ts', import.meta.url)), books.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(victim.stdout, 'data')
  expect(String(line)).toContain('orphan')
  victim.kill('SIGKILL')
  await once(victim, 'exit')

  const handled: string[] = []
  const { until } = worker({
    'kubernetes.session': { concurrency: 1, handle: async ({ sessionId }) => void handled.push(sessionId) },
  })
  await until(1)
  expect(handled).toEqual(['orphan'])
})
