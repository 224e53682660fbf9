import { Hono } from 'hono'
import { pino } from 'pino'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import type { ApiEnvironment } from './api.ts'
import { HttpError } from './errors.ts'
import { problemOnError } from './problem.ts'

/** What is answered, and logged, when a handler fails with this after its work was broken off. */
async function failing(error: Error, reason?: HttpError) {
  const lines: string[] = []
  const app = new Hono<ApiEnvironment>()
  app.onError(problemOnError(pino({ level: 'debug' }, { write: line => void lines.push(line) })))
  app.get('/', context => {
    context.set('signal', reason ? AbortSignal.abort(reason) : new AbortController().signal)
    throw error
  })
  const reply = await app.request('/')
  const { code } = JSON.parse(await reply.text())
  const logged = lines.map(line => JSON.parse(line)).map(({ level }) => pino.levels.labels[level])
  return { code, status: reply.status, logged }
}

const gone = new HttpError('ClientGone')
const timedOut = new HttpError('TimedOut', { retryAfterSeconds: 1 })
const cancelled = Object.assign(new postgres.PostgresError('canceling statement due to user request'), {
  code: '57014',
})
const cut = Object.assign(new Error('aborted'), { code: 'ECONNRESET' })

test.each([
  ['a cancelled query', cancelled],
  ['a body that was never sent whole', cut],
  ['the word of it itself', gone],
])('what a client that hung up breaks off is no failure of ours: %s', async (_name, error) => {
  expect(await failing(error, gone)).toEqual({ code: 'ClientGone', status: 408, logged: ['debug'] })
})

test('what is cancelled when its time is over is told as that', async () => {
  expect(await failing(cancelled, timedOut)).toEqual({ code: 'TimedOut', status: 503, logged: ['error'] })
})

test.each([
  ['a client hung up', gone],
  ['the time was over', timedOut],
  ['nothing was broken off', undefined],
])('a fault of ours stays one, and is logged as one, though %s', async (_name, reason) => {
  const fault = new TypeError("Cannot read properties of undefined (reading 'paise')")
  expect(await failing(fault, reason)).toEqual({ code: 'Internal', status: 500, logged: ['error'] })
})

test('I8: a refusal that was found before the client hung up is told as it is', async () => {
  const refusal = new HttpError('SessionUnknown')
  expect(await failing(refusal, gone)).toEqual({ code: 'SessionUnknown', status: 404, logged: ['debug'] })
})
