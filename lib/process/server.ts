// An HTTP server with an orderly end: no new connection, idle ones closed, running replies finished until a deadline.
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from '../telemetry/log.ts'
import type { Clock } from './clock.ts'
import { Reply } from './reply.ts'

/** Seconds that a client may take to send its whole request, so that slow ones cannot hold connections. */
const REQUEST_SECONDS = 15
/** Seconds that an idle connection is kept. Longer than a load balancer's 60, or it would reuse what we just closed. */
const KEEP_ALIVE_SECONDS = 65

export interface Application {
  fetch(request: Request, bindings: object): Response | Promise<Response>
}

export interface ListenOptions {
  application: Application
  /** For the log: what is served. */
  name: string
  /** 0 takes a free one. */
  port: number
  host?: string
  clock: Clock
  log: Logger
}

export interface HttpServer {
  port: number
  /** Ends gracefully; after `graceSeconds` (10) what still runs is cut. Never rejects; a second call waits for the first. */
  close(graceSeconds?: number): Promise<void>
}

/** Resolves once it listens. Rejects when it cannot (the port is taken). */
export async function listen(options: ListenOptions): Promise<HttpServer> {
  const { application, name, clock, log } = options
  const timeouts = { requestTimeout: REQUEST_SECONDS * 1000, keepAliveTimeout: KEEP_ALIVE_SECONDS * 1000 }
  const server = createServer(
    { ServerResponse: Reply, ...timeouts },
    // Replaces the global Response by one that is written to the socket as it is; the standard's is a stream to be read.
    getRequestListener((request, bindings) => application.fetch(request, bindings)),
  )
  const replies = new Set<{ reply: Reply | undefined }>()
  server.prependListener('request', (_request, reply) => {
    const running: { reply: Reply | undefined } = { reply }
    replies.add(running)
    reply.once('close', () => {
      // A set grows by a new table, and the tables before it hold what was in them, dead or not, until the whole heap is collected.
      running.reply = undefined
      replies.delete(running)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host ?? '0.0.0.0', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : options.port
  server.on('error', error => log.error({ error, name }, 'The HTTP server met an error'))
  log.info({ name, port }, 'Listening')

  const end = async (graceSeconds: number) => {
    const closed = new AbortController()
    const done = new Promise<void>(resolve => {
      server.close(() => resolve())
    })
    server.closeIdleConnections()
    // A connection that is busy now would idle on after its reply, and hold up the end until the deadline.
    for (const { reply } of replies) if (reply && !reply.headersSent) reply.setHeader('Connection', 'close')
    const cut = clock.sleep(graceSeconds * 1000, closed.signal).then(
      () => {
        log.warn({ name, graceSeconds }, 'Cutting requests that did not finish in time')
        server.closeAllConnections()
      },
      () => undefined,
    )
    await done
    closed.abort()
    await cut
  }
  let closing: Promise<void> | undefined
  return {
    port,
    close: (graceSeconds = 10) => {
      closing ??= end(graceSeconds)
      return closing
    },
  }
}
