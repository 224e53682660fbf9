// Refusals of the operator's HTTP routes, as problem details (RFC 9457) with stable codes.
import type { Context } from 'hono'

const statuses = {
  RegionUnknown: 404,
  NotWaiting: 404,
  NotFound: 404,
  MethodNotAllowed: 405,
  InvalidRequest: 422,
} as const
type Code = keyof typeof statuses

/** `detail` says what is wrong, then what to do; no longer than a line or two, whatever was asked. */
export function problem(context: Context, code: Code, detail: string): Response {
  const status = statuses[code]
  const body = { type: `urn:wasd-cloud:problem:${code}`, title: code, status, detail: detail.slice(0, 1000), code }
  return context.body(JSON.stringify(body), status, { 'Content-Type': 'application/problem+json' })
}

export function notFound(context: Context): Response {
  const detail =
    'There is no such page. There are: /v1/offerings, /v1/queue, /v1/queue/NAMESPACE/NAME and /v1/decisions/NAMESPACE/NAME.'
  return problem(context, 'NotFound', detail)
}

export function methodNotAllowed(context: Context): Response {
  context.header('Allow', 'GET, HEAD')
  return problem(context, 'MethodNotAllowed', 'These pages are only to be read: use GET.')
}
