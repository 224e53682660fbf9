// What stands before each handler, built from the route's own description: what is documented is what is enforced.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Database } from '../../lib/database/pool.ts'
import type { ApiEnvironment, Protection } from './api.ts'
import { type AuthenticationOutside, callerOf, guestOf, scopeOf } from './authentication.ts'
import { deadline } from './deadline.ts'
import type { GuestTokens } from './guest-tokens.ts'
import { idempotent, identified } from './idempotency.ts'
import { addressOf, limited, type RateLimits } from './rate-limits.ts'

export interface ProtectOutside extends AuthenticationOutside {
  database: Database
  limits: RateLimits
  guests: GuestTokens
  requestSeconds: number
}

export interface Described extends Protection {
  method: string
  operationId: string
  getRoutingPath(): string
}

/** In this order: an address that floods costs no signature, and who is not known no transaction. */
export function protect(app: OpenAPIHono<ApiEnvironment>, routes: readonly Described[], outside: ProtectOutside): void {
  const { limits, guests } = outside
  const addresses = limited('address', limits)
  const timed = deadline(outside)
  const once = idempotent(outside)
  for (const route of routes) {
    const { method, operationId, security } = route
    const scope = scopeOf(security)
    const isForGuests = security?.some(each => 'guest' in each) ?? false
    const subjectOf = (context: Context<ApiEnvironment>) => `${operationId}:${whoAsks(context)}`
    app.on(
      method.toUpperCase(),
      route.getRoutingPath(),
      addresses,
      timed,
      ...(scope === undefined ? [] : [callerOf(outside, scope)]),
      ...(isForGuests ? [guestOf(guests)] : []),
      limited(route['x-rate-limit'], limits, subjectOf),
      ...(method === 'post' ? [route['x-keeps-reply'] ? identified : once] : []),
    )
  }
}

function whoAsks(context: Context<ApiEnvironment>): string {
  const caller = context.get('caller')
  if (caller) return caller.playerId
  return context.get('guest')?.machine.uid ?? addressOf(context)
}
