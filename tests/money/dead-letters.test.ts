// What fails for good, and how a person sees it, mends it and sends it to work again.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { razorpayInbox } from '../../api/payments/razorpay-inbox.ts'
import { type Claimed, claim, done } from '../../api/queue/claims.ts'
import { queueCommand } from '../../api/queue/command.ts'
import { PermanentError } from '../../api/queue/errors.ts'
import { deadLetters, enqueue, queueDepths, retryDeadLetter } from '../../api/queue/queue.ts'
import type { WorkerOptions } from '../../api/queue/worker.ts'
import { sign } from '../../demo/simulators/razorpay/signatures.ts'
import { queueStage, session } from './queue-stage.ts'

const stage = queueStage()

test('What fails for good stays to be seen, lets the next pass, and can be sent to work again', async () => {
  for (const sessionId of ['z', 'z', 'q']) await enqueue(stage.database, 'kubernetes.session', session(sessionId))
  let isMended = false
  const handled: string[] = []
  const { until } = stage.worker({
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
  const dead = await deadLetters(stage.database, { limit: 10 })
  expect(dead.map(({ key, attempts }) => ({ key, attempts })).sort((a, b) => a.key.localeCompare(b.key))).toEqual([
    { key: 'q', attempts: 1 },
    { key: 'z', attempts: 2 },
    { key: 'z', attempts: 2 },
  ])
  expect(dead.find(({ key }) => key === 'q')?.lastError).toContain('never')
  expect(await queueDepths(stage.database)).toMatchObject([{ topic: 'kubernetes.session', waiting: 0, dead: 3 }])

  isMended = true
  handled.length = 0
  for (const { id } of dead) expect(await retryDeadLetter(stage.database, id)).toBe(true)
  expect(await retryDeadLetter(stage.database, dead[0]?.id ?? 0n)).toBe(false)
  await until(6)
  expect(handled.sort()).toEqual(['q', 'z', 'z'])
  expect(await stage.isEmpty()).toBe(true)
})

test('A person lists dead letters at a shell, sees one whole, and sends it to work again', async () => {
  for (const sessionId of ['one', 'two']) await enqueue(stage.database, 'kubernetes.session', session(sessionId))
  const { until, stop } = stage.worker({
    'kubernetes.session': {
      concurrency: 1,
      async handle({ sessionId }) {
        throw new PermanentError('ChangeRefused', `The cluster\nrefuses ${sessionId}`)
      },
    },
  })
  await until(2)
  await stop()

  const program = fileURLToPath(new URL('../../api/main.ts', import.meta.url))
  const env = { DATABASE_URL: stage.books.url }
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'queue', 'dead'], { env })
  const [head, newest, older] = stdout.trimEnd().split('\n')
  expect(head).toMatch(/^ID +TOPIC +KEY +ATTEMPTS +DEAD SINCE +ERROR$/)
  expect(newest).toMatch(/^\d+ +kubernetes\.session +two +1 +\S+Z +PermanentError: The cluster refuses two$/)

  const say = (...args: string[]) => queueCommand(args, stage.database)
  const id = older?.split(' ')[0] ?? ''
  expect(await say('show', id)).toContain('"sessionId": "one"')
  expect(await say('dead', '--topic', 'razorpay.webhook')).toBe('No dead letters.')
  expect(await say('retry', id)).toBe(`${id} put back to work.`)
  expect(await say('retry', id)).toContain('is no dead letter')
  expect(await say('retry', '--topic', 'kubernetes.session')).toBe('1 of kubernetes.session put back to work.')
  expect(await queueDepths(stage.database)).toMatchObject([{ waiting: 2, dead: 0 }])

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
  const receive = razorpayInbox({ database: stage.database, webhookSecrets: [secret] })
  const now = new Date('2026-11-23T12:00:00.000Z')
  for (const rawBody of bodies) {
    const signature = sign(rawBody, secret)
    await receive({ rawBody, signature, eventId: 'evt_1', now })
  }
  const { until } = stage.worker({
    'razorpay.webhook': {
      concurrency: 1,
      handle: () => Promise.reject(new PermanentError('PaymentMismatch', 'Not what was asked for.')),
    },
  })
  await until(bodies.length)

  const shown = []
  for (const { id } of (await deadLetters(stage.database, { limit: 9 })).toReversed()) {
    const text = await queueCommand(['show', String(id)], stage.database)
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
  await stage.database`
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
  stage.worker({ 'kubernetes.session': older }, { onOutcome })
  await tried.promise
  const newer = { topic: 'kubernetes.session', limit: 1, leaseSeconds: 15 }
  for (let taken: Claimed | undefined; taken === undefined; ) {
    ;[taken] = await claim(stage.database, newer)
    if (!taken) continue
    expect(taken).toMatchObject({ key: 'k', payload: { id: 1 }, attempt: 1 })
    await done(stage.database, [taken])
  }
  expect(await stage.isEmpty()).toBe(true)
})

test('An item that no version of a rollout can read is a dead letter, not a crash', async () => {
  await queuedByAnother({ at: LONG_AGO })
  const { until } = stage.worker({ 'kubernetes.session': { concurrency: 1, handle: async () => {} } })
  await until(1)
  expect(await deadLetters(stage.database, { limit: 1 })).toMatchObject([
    { lastError: expect.stringContaining('none of kubernetes') },
  ])
})
