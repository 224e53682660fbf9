// Metrics: one registry a process, served on a port of its own and never on the public one.
import { Hono } from 'hono'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Clock } from '../process/clock.ts'
import { type HttpServer, listen } from '../process/server.ts'
import type { Logger } from './log.ts'

/** A registry with Node's own figures in it (event loop lag, heap, GC, handles). Pass it to whoever defines metrics. */
export function createMetrics(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}

/** GET /metrics and nothing else. Resolves once it listens. */
export function serveMetrics(options: {
  registry: Registry
  port: number
  host?: string
  clock: Clock
  log: Logger
}): Promise<HttpServer> {
  const { registry, port, host, clock, log } = options
  const application = new Hono().get('/metrics', async context =>
    context.body(await registry.metrics(), 200, { 'Content-Type': registry.contentType }),
  )
  return listen({ application, name: 'metrics', port, clock, log, ...(host ? { host } : {}) })
}
