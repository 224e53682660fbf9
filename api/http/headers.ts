// What replies say besides their bodies.
import { ServerResponse } from 'node:http'
import type { Context } from 'hono'

/** As Hono's `secureHeaders` has them, told together and not one by one: https://owasp.org/www-project-secure-headers/ */
export const SECURE_HEADERS = {
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Origin-Agent-Cluster': '?1',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=15552000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-DNS-Prefetch-Control': 'off',
  'X-Download-Options': 'noopen',
  'X-Frame-Options': 'DENY',
  'X-Permitted-Cross-Domain-Policies': 'none',
  'X-XSS-Protection': '0',
} as const

/**
 * For the reply, whatever becomes of it, unless it then says otherwise itself. Told to the socket's own reply: a standard
 * `Headers` checks, copies and sorts all of them once more for each that is added.
 */
export function tell(context: Context, headers: Readonly<Record<string, string>>): void {
  const reply = replyOf(context)
  // Not by `Object.entries`: some twenty a reply, each a list that is thrown away.
  for (const name in headers) {
    const value = headers[name] ?? ''
    if (reply) reply.setHeader(name, value)
    else context.header(name, value)
  }
}

/** On its socket; the request of a test may have none. */
export function replyOf({ env }: Context): ServerResponse | undefined {
  const reply: unknown = env && 'outgoing' in env ? env.outgoing : undefined
  return reply instanceof ServerResponse ? reply : undefined
}
