import { Agent, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { createLogger } from '../telemetry/log.ts'
import { createMetrics, serveMetrics } from '../telemetry/metrics.ts'
import { type Clock, systemClock as clock } from './clock.ts'
import { listen } from './server.ts'

const log = createLogger({ program: 'test', level: 'silent' })
const common = { name: 'test', host: '127.0.0.1', port: 0, clock, log }

function ask(port: number, path: string, agent?: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, ...(agent ? { agent } : {}) }, resolve).on('error', reject)
  })
}

test('closing lets a running request finish, and closes the connection kept alive after it', async () => {
  const started = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const application = new Hono().get('/slow', async context => {
    started.resolve()
    await finish.promise
    return context.text('whole')
  })
  const graces: string[] = []
  const graceless: Clock = {
    ...clock,
    sleep: (_milliseconds, signal) => {
      graces.push('begun')
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          graces.push('aborted')
          reject(signal.reason)
        })
      })
    },
  }
  const server = await listen({ ...common, application, clock: graceless })
  const agent = new Agent({ keepAlive: true })
  const reply = ask(server.port, '/slow', agent)
  await started.promise

  // The grace never ends, so that only the reply's end, and the connection's with it, can let the server close.
  const closed = server.close()
  await expect(ask(server.port, '/slow')).rejects.toThrow(/ECONNREFUSED/)
  finish.resolve()
  expect(await text(await reply)).toBe('whole')
  await closed
  expect(graces).toEqual(['begun', 'aborted'])
  agent.destroy()
})

test('closing cuts a request that outlasts the grace', async () => {
  const started = Promise.withResolvers<void>()
  const application = new Hono().get('/never', () => {
    started.resolve()
    return new Promise<Response>(() => undefined)
  })
  const server = await listen({ ...common, application })
  const reply = ask(server.port, '/never')
  reply.catch(() => undefined)
  await started.promise
  await server.close(0.01)
  await expect(reply).rejects.toThrow(/hang up|ECONNRESET/)
})

test('a port that is taken is said at once', async () => {
  const application = new Hono()
  const server = await listen({ ...common, application })
  await expect(listen({ ...common, application, port: server.port })).rejects.toThrow(/EADDRINUSE/)
  await server.close()
})

test('the metrics server serves /metrics and nothing else', async () => {
  const server = await serveMetrics({ registry: createMetrics(), port: 0, host: '127.0.0.1', clock, log })
  const reply = await ask(server.port, '/metrics')
  expect(reply.headers['content-type']).toMatch(/^text\/plain/)
  expect(await text(reply)).toMatch(/nodejs_eventloop_lag_seconds/)
  expect((await ask(server.port, '/')).statusCode).toBe(404)
  await server.close(1)
})
