import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { Reply } from './reply.ts'

/** What a client sees of it. */
async function seen(answer: (reply: Reply) => void): Promise<IncomingMessage & { body: string }> {
  const server = createServer({ ServerResponse: Reply }, (_request, reply) => answer(reply)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const [message] = (await once(get({ host: '127.0.0.1', port, agent: false }), 'response')) as [IncomingMessage]
  const body = await text(message)
  server.close()
  return Object.assign(message, { body })
}

test('what is told goes out with what the reply says, whose own word stands', async () => {
  const { statusCode, headers, rawHeaders, body } = await seen(reply => {
    reply.tell({ 'x-request-id': '1', 'cache-control': 'no-store', 'x-frame-options': 'DENY' })
    reply.tell({ 'x-request-id': '2' })
    reply.writeHead(201, { 'Cache-Control': 'max-age=60', 'Set-Cookie': ['a=1', 'b=2'] })
    reply.end('made')
  })
  expect({ statusCode, body }).toEqual({ statusCode: 201, body: 'made' })
  expect(headers).toMatchObject({
    ...{ 'x-request-id': '2', 'cache-control': 'max-age=60', 'x-frame-options': 'DENY' },
    'set-cookie': ['a=1', 'b=2'],
  })
  expect(rawHeaders.filter(name => /^cache-control$/i.test(name))).toHaveLength(1)
})

test('a head that is a list keeps what it says twice', async () => {
  const { statusMessage, headers } = await seen(reply => {
    reply.tell({ 'set-cookie': 'told=1', 'x-request-id': '1' })
    reply.writeHead(200, 'Well', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'])
    reply.end()
  })
  expect(statusMessage).toBe('Well')
  expect(headers).toMatchObject({ 'x-request-id': '1', 'set-cookie': ['a=1', 'b=2'] })
})

test.each([
  ['that is ended at once', (reply: Reply) => reply.end('done')],
  [
    'that is sent before its body',
    (reply: Reply) => {
      reply.flushHeaders()
      reply.end('done')
    },
  ],
  ['that had a header set', (reply: Reply) => reply.setHeader('Connection', 'close').end('done')],
])('what is told goes out with a reply %s', async (_what, answer) => {
  const { headers, body } = await seen(reply => {
    reply.tell({ 'x-request-id': '1' })
    answer(reply)
  })
  expect({ body, id: headers['x-request-id'], connection: headers.connection }).toEqual({
    body: 'done',
    id: '1',
    connection: 'close',
  })
})

test('what is told is checked as every header is', async () => {
  const { statusCode } = await seen(reply => {
    reply.tell({ 'x-request-id': 'a\r\nset-cookie: b' })
    expect(() => reply.writeHead(200)).toThrow(/Invalid character/)
    reply.destroy()
  }).catch(({ code }: { code: string }) => ({ statusCode: code }))
  expect(statusCode).toBe('ECONNRESET')
})
