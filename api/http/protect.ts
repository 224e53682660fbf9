// What stands before each handler, built from the route's own description: what is documented is what is enforced.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import type { Database } from '../../lib/database/pool.ts'
import type { ApiEnvironment, Protection } from './api.ts'
import { type AuthenticationOutside, callerOf, guestOf, scopeOf } from './authentication.ts'
import { deadline } from './deadline.ts'
import type { GuestTokens } from './guest-tokens.ts'
import { idempotent, identified } from './idempotency.ts'
import { addressOf, counted, type RateLimits } from './rate-limits.ts'

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

/** What a request has to pass. Throws when it does not. */
type Check = (context: Context<ApiEnvironment>) => Promise<void>

/** In this order: an address that floods costs no signature, and who is not known no transaction. */
export function protect(app: OpenAPIHono<ApiEnvironment>, routes: readonly Described[], outside: ProtectOutside): void {
  const { limits, guests } = outside
  const addresses = counted('address', limits)
  const timed = deadline(outside)
  const once = idempotent(outside)
  for (const route of routes) {
    const { method, operationId, security } = route
    const scope = scopeOf(security)
    const isForGuests = security?.some(each => 'guest' in each) ?? false
    const isPost = method === 'post'
    const keepsReply = route['x-keeps-reply'] ?? false
    const checks: Check[] = [
      addresses,
      ...(scope === undefined ? [] : [callerOf(outside, scope)]),
      ...(isForGuests ? [guestOf(guests)] : []),
      counted(route['x-rate-limit'], limits, context => `${operationId}:${whoAsks(context)}`),
      ...(isPost && keepsReply ? [identified] : []),
    ]
    const around = isPost && !keepsReply ? [once] : []
    app.on(method.toUpperCase(), route.getRoutingPath(), timed, passing(checks), ...around)
  }
}

/** One after the other, as one: each layer of its own costs every request a promise or two. */
function passing(checks: readonly Check[]): MiddlewareHandler<ApiEnvironment> {
  return async (context, next) => {
    for (const check of checks) await check(context)
    await next()
  }
}

function whoAsks(context: Context<ApiEnvironment>): string {
  const caller = context.get('caller')
  if (caller) return caller.playerId
  return context.get('guest')?.machine.uid ?? addressOf(context)
}
