// The socket side: reads a request whole, lets the world catch up, answers, and wakes the world when something is due.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { serveArm, type WireReply, type WireRequest } from './arm.ts'
import { serveControl } from './control.ts'
import { serveEntra } from './entra.ts'
import { eventsSince } from './guests.ts'
import { servePrices } from './prices.ts'
import type { World } from './state.ts'
import { advance } from './state.ts'
import type { Tls } from './tls.ts'

/** ARM takes 4 MB. */
const BODY_LIMIT = 4 * 2 ** 20
const LONGEST_WAIT_SECONDS = 60
/** Longer than clients keep an idle connection, so that none is cut while a request is on its way. */
const KEEP_ALIVE_MILLISECONDS = 120_000
/** setTimeout takes no more. */
const LONGEST_TIMER = 2 ** 31 - 1

export interface Listening {
  port: number
  close: () => Promise<void>
}

export async function listen(
  world: World,
  tls: Tls,
  { host, port }: { host: string; port: number },
): Promise<Listening> {
  const waiting = new Set<() => void>()
  let wake: NodeJS.Timeout | undefined

  function catchUp(): void {
    const before = world.guests.next
    advance(world, world.clock.now())
    if (world.guests.next !== before) notify()
    arm()
  }

  function notify(): void {
    for (const tell of [...waiting]) tell()
  }

  /** A clock moved by hand has nothing to wait for. */
  function arm(): void {
    clearTimeout(wake)
    const next = world.agenda[0]
    if (next === undefined || world.clock.kind === 'manual') return
    wake = setTimeout(catchUp, Math.min(Math.max(0, next.at - world.clock.now()), LONGEST_TIMER))
  }

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await bodyOf(message)
    if (text === undefined) {
      send(response, {
        status: 413,
        headers: {},
        body: { error: { code: 'RequestContentTooLarge', message: 'At most 4 MB.' } },
      })
      return
    }
    const request: WireRequest = {
      method: message.method ?? 'GET',
      url: new URL(message.url ?? '/', `https://${message.headers.host ?? `${host}:${port}`}`),
      header: name => {
        const value = message.headers[name]
        return Array.isArray(value) ? value.join(', ') : value
      },
      text,
    }
    catchUp()
    if (request.method === 'GET' && request.url.pathname === '/simulator/guests') {
      if (request.header('accept')?.includes('text/event-stream') === true) return stream(request, response)
      await longPoll(request, response)
    }
    const before = world.guests.next
    const reply =
      serveControl(world, request) ??
      serveEntra(world, request) ??
      servePrices(world, request) ??
      serveArm(world, request)
    if (world.guests.next !== before) notify()
    arm()
    if (reply.delay !== undefined) await new Promise(resolve => setTimeout(resolve, reply.delay))
    if (reply.cut === true) response.destroy()
    else send(response, reply)
  }

  /** Resolves when there is something to tell, or the time is over, or nobody listens any more. */
  function longPoll(request: WireRequest, response: ServerResponse): Promise<void> {
    const seconds = Math.min(Number(request.url.searchParams.get('waitSeconds') ?? '0') || 0, LONGEST_WAIT_SECONDS)
    const since = Number(request.url.searchParams.get('since') ?? '0')
    if (seconds <= 0 || world.guests.next > Math.max(since, 1)) return Promise.resolve()
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer)
        waiting.delete(end)
        resolve()
      }
      const timer = setTimeout(end, seconds * 1000)
      waiting.add(end)
      response.on('close', end)
    })
  }

  function stream(request: WireRequest, response: ServerResponse): void {
    const last = request.header('last-event-id')
    let next =
      last !== undefined && /^\d+$/.test(last) ? Number(last) + 1 : Number(request.url.searchParams.get('since')) || 0
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(': the machines of the simulated Azure\n\n')
    const tell = () => {
      for (const event of eventsSince(world, next))
        response.write(`id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`)
      next = world.guests.next
    }
    tell()
    waiting.add(tell)
    response.on('close', () => waiting.delete(tell))
  }

  const server = createServer({ key: tls.privateKey, cert: tls.certificate }, (message, response) => {
    handle(message, response).catch(error => {
      // A mistake of the simulator: it must be seen, and must not pass for something Azure would say.
      console.error('SIMULATOR MISTAKE:', error)
      const text = error instanceof Error ? error.message : String(error)
      if (!response.headersSent)
        send(response, { status: 500, headers: {}, body: { error: { code: 'SimulatorFailed', message: text } } })
    })
  })
  server.keepAliveTimeout = KEEP_ALIVE_MILLISECONDS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return {
    port: portOf(server),
    close: () => {
      clearTimeout(wake)
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function send(response: ServerResponse, reply: WireReply): void {
  const text = reply.body === undefined ? '' : JSON.stringify(reply.body)
  const type = text === '' ? {} : { 'content-type': 'application/json; charset=utf-8' }
  response.writeHead(reply.status, { ...reply.headers, ...type, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** `undefined` when it is longer than the limit. */
async function bodyOf(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length <= BODY_LIMIT) chunks.push(bytes)
  }
  return length > BODY_LIMIT ? undefined : Buffer.concat(chunks).toString('utf8')
}
