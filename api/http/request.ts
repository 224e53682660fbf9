// What every request gets: an id of our own making, secure headers, one line in the log, one count in the metrics.
import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import { Histogram, type Registry } from 'prom-client'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { SECURE_HEADERS, tell } from './headers.ts'

export interface RequestVariables {
  requestId: string
}

/** Paths that probes ask every few seconds; their lines would bury all others. */
const QUIET_PATHS = ['/healthz', '/readyz']

/**
 * A client's own id is never taken over: it would let anyone write into our logs. Route patterns are logged and
 * counted, never paths: a path may hold a token, and a label must come from a closed set.
 */
export function observeRequests(options: {
  clock: Clock
  log: Logger
  metrics: Registry
}): MiddlewareHandler<{ Variables: RequestVariables }> {
  const { clock, log, metrics } = options
  const durations = new Histogram({
    name: 'wasd_api_http_request_duration_seconds',
    help: 'Seconds to answer a request, by route pattern.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [metrics],
  })

  return async (context, next) => {
    const requestId = randomUUID()
    context.set('requestId', requestId)
    tell(context, SECURE_HEADERS)
    tell(context, { 'x-request-id': requestId })
    const begun = clock.monotonic()
    await next()

    const seconds = (clock.monotonic() - begun) / 1000
    const status = context.res.status
    const route = status === 404 ? 'unmatched' : routePath(context, -1)
    const { method } = context.req
    durations.observe({ method: METHODS.has(method) ? method : 'other', route, status }, seconds)
    const level = QUIET_PATHS.includes(context.req.path) ? 'trace' : 'info'
    log[level]({ requestId, method, route, status, milliseconds: Math.round(seconds * 1000) }, 'Answered a request')
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
