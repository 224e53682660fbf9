// Two thousand machines are asked, by real sockets, whether their streams answer: what that leaves open, and what of an
// answer is borne.
import { createServer, type RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { prober, serverInfo } from '../../operator/gpuvm/prober.ts'

const MACHINES = 2000
/** Probes under way at once, whatever the fleet. */
const AT_ONCE = 200
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Answers on every address of this computer; 127.0.0.0/8 is that, on Linux. */
async function streamServers(answer: RequestListener) {
  const open = new Set<Socket>()
  const seen = { most: 0, ended: 0 }
  const server = createServer(answer)
  server.keepAliveTimeout = 600_000
  server.on('connection', socket => {
    open.add(socket)
    seen.most = Math.max(seen.most, open.size)
    socket.once('close', () => {
      open.delete(socket)
      seen.ended += 1
    })
  })
  await new Promise<void>(listening => server.listen({ port: 0, host: '0.0.0.0', backlog: 1000 }, listening))
  closing.push(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, open, seen }
}

test('a fleet is asked over a bounded number of sockets, and none is kept between two questions', async () => {
  const { port, open, seen } = await streamServers((_, response) => response.end('<root status_code="200"></root>'))
  const heard = new Set<string>()
  const stop = new AbortController()
  const probing = prober({
    clock,
    log: createLogger({ program: 'test', level: 'silent' }),
    probeSeconds: 600,
    onTransition: ({ name }) => heard.add(name),
    probe: serverInfo({ timeoutMilliseconds: 30_000, port }),
  })
  for (let index = 0; index < MACHINES; index += 1) {
    const host = `127.1.${Math.floor(index / 200)}.${1 + (index % 200)}`
    probing.follow({ uid: String(index), key: { namespace: 'n', name: String(index) }, host })
  }
  const running = probing.run({ stop: stop.signal, abort: stop.signal })
  await expect.poll(() => heard.size, { timeout: 50_000 }).toBe(MACHINES)
  await expect.poll(() => open.size).toBe(0)
  expect(seen.ended).toBe(MACHINES)
  expect(seen.most).toBeLessThanOrEqual(2 * AT_ONCE) // The server sees the end of one after the start of the next.
  stop.abort()
  await running
})

test('an answer without end is none, and its connection is cut', async () => {
  const { port, open } = await streamServers((_, response) => {
    const more = () => void (response.destroyed || response.write('x'.repeat(16_384), more))
    response.writeHead(200)
    more()
  })
  const probe = serverInfo({ timeoutMilliseconds: 30_000, port })
  expect(await probe('127.1.0.1', new AbortController().signal)).toBe(false)
  await expect.poll(() => open.size).toBe(0)
})

test.each([
  { what: 'a page that is not there', status: 404, body: '<root status_code="404"></root>' },
  { what: 'a page that is no server info', status: 200, body: '<html></html>' },
])('$what is no answer', async ({ status, body }) => {
  const { port } = await streamServers((_, response) => response.writeHead(status).end(body))
  expect(await serverInfo({ timeoutMilliseconds: 5000, port })('127.1.0.1', new AbortController().signal)).toBe(false)
})
