// What replies say besides their bodies.
import type { Context } from 'hono'
import { Reply } from '../../lib/process/reply.ts'

/** As Hono's `secureHeaders` has them, told together and not one by one: https://owasp.org/www-project-secure-headers/ */
export const SECURE_HEADERS = {
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=15552000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
} as const

/** For the reply, whatever becomes of it, unless it then says otherwise itself. Names in lower case. */
export function tell(context: Context, headers: Readonly<Record<string, string>>): void {
  const reply = replyOf(context)
  if (reply) reply.tell(headers)
  else for (const name in headers) context.header(name, headers[name])
}

/** On its socket; the request of a test may have none. */
export function replyOf({ env }: Context): Reply | undefined {
  const reply: unknown = env && 'outgoing' in env ? env.outgoing : undefined
  return reply instanceof Reply ? reply : undefined
}
