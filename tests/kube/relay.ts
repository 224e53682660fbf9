// A relay that speaks HTTP to the client and TLS to the real API server: it can answer in the server's place, hold a
// request while something happens, and put a line into a running watch.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { Pool } from 'undici'
import type { Credentials } from '../../lib/kube/credentials.ts'
import { type ApiServer, fixed } from './api-server.ts'

export interface Answer {
  status: number
  headers?: Record<string, string>
  body: object | string
}

/** What is answered instead of the server's word; `undefined` hands the request on. */
export type Intercept = (request: {
  method: string
  url: URL
  token: string | undefined
}) => Answer | undefined | Promise<Answer | undefined>

export interface Relay {
  readonly url: string
  credentials(): Credentials
  /** Each request since the start, as `GET /path?query`. */
  readonly requests: string[]
  /** For all requests from now on; none without an argument. */
  intercept(by?: Intercept): void
  /** Puts a line into every running watch, and ends the watches after it. */
  interject(line: object): void
  /** Watches that run now. */
  watching(): number
  /** Connections open now. */
  open(): number
  close(): Promise<void>
}

export async function startRelay(target: ApiServer): Promise<Relay> {
  const pool = new Pool(`https://127.0.0.1:${target.port}`, { connect: { ca: target.ca }, bodyTimeout: 0 })
  const requests: string[] = []
  const watches = new Set<ServerResponse>()
  let sockets = 0
  let intercept: Intercept = () => undefined

  const relayed = async (request: IncomingMessage, reply: ServerResponse) => {
    const { method = 'GET', url: path = '/' } = request
    requests.push(`${method} ${path}`)
    const body = await buffer(request)
    const token = request.headers.authorization?.replace('Bearer ', '')
    const answer = await intercept({ method, url: new URL(path, 'http://relay'), token })
    if (answer !== undefined) {
      reply.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
      reply.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
      return
    }
    const gone = new AbortController()
    reply.on('close', () => gone.abort())
    const headers: Record<string, string> = { authorization: `Bearer ${target.token}`, accept: 'application/json' }
    if (request.headers['content-type']) headers['content-type'] = request.headers['content-type']
    const isWatch = path.includes('watch=true')
    const given = await pool.request({
      method: method as 'GET',
      path,
      headers,
      body: body.length > 0 ? body : null,
      signal: gone.signal,
    })
    const type = given.headers['content-type']
    reply.writeHead(given.statusCode, { 'content-type': typeof type === 'string' ? type : 'application/json' })
    reply.flushHeaders()
    if (isWatch) watches.add(reply)
    reply.on('close', () => watches.delete(reply))
    for await (const chunk of given.body) if (!reply.writableEnded) reply.write(chunk)
    reply.end()
  }

  const server = createServer((request, reply) => {
    relayed(request, reply).catch(() => reply.destroy())
  })
  server.on('connection', socket => {
    sockets += 1
    socket.on('close', () => {
      sockets -= 1
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  return {
    url: `http://127.0.0.1:${port}`,
    credentials: () => fixed({ server: `http://127.0.0.1:${port}` }),
    requests,
    intercept(by = () => undefined) {
      intercept = by
    },
    interject(line) {
      for (const watch of watches) watch.end(`${JSON.stringify(line)}\n`)
      watches.clear()
    },
    watching: () => watches.size,
    open: () => sockets,
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await pool.destroy()
    },
  }
}

/** As the API server words it. */
export function status(code: number, reason: string, message = 'said by the relay'): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, metadata: {} }
}
