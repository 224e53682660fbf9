// What stands before each handler, built from the route's own description: what is documented is what is enforced.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import type { Database } from '../../lib/database/pool.ts'
import type { ApiEnvironment, Protection } from './api.ts'
import { type AuthenticationOutside, callerOf, guestOf, recognised, scopeOf } from './authentication.ts'
import { deadline } from './deadline.ts'
import type { GuestTokens } from './guest-tokens.ts'
import { tell } from './headers.ts'
import { idempotent, identified } from './idempotency.ts'
import { addressOf, counted, type Limited, type RateLimits } from './rate-limits.ts'

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
  const begin = deadline(outside)
  const once = idempotent(outside)
  for (const route of routes) {
    const isPost = route.method === 'post'
    const keepsReply = route['x-keeps-reply'] ?? false
    const admit = admission(route, outside)
    const check = isPost && keepsReply ? inOrder(admit, identified) : admit
    const around = isPost && !keepsReply ? [once] : []
    app.on(route.method.toUpperCase(), route.getRoutingPath(), passing(begin, check), ...around)
  }
}

/** Who asks, and whether not too often. */
function admission({ method, operationId, security, 'x-rate-limit': name }: Described, outside: ProtectOutside): Check {
  const { limits, guests } = outside
  const address: Limited = { name: 'address', subjectOf: addressOf }
  const asker: Limited = { name, subjectOf: context => `${operationId}:${whoAsks(context)}` }
  const scope = scopeOf(security)
  const isForGuests = security?.some(each => 'guest' in each) ?? false
  const oneByOne = inOrder(
    counted(limits, address),
    ...(scope === undefined ? [] : [callerOf(outside, scope)]),
    ...(isForGuests ? [guestOf(guests)] : []),
    ...(method === 'post' && scope === undefined ? [neverKept] : []),
    counted(limits, asker),
  )
  if (scope === undefined) return oneByOne
  // Whose token was verified before costs none, and is counted both ways by one round trip.
  const isKnown = recognised(outside)
  const atOnce = counted(limits, address, asker)
  return context => (isKnown(context) ? atOnce(context) : oneByOne(context))
}

/** What is handed out may be a token: https://www.rfc-editor.org/rfc/rfc6749#section-5.1 */
async function neverKept(context: Context<ApiEnvironment>): Promise<void> {
  tell(context, { 'cache-control': 'no-store' })
}

/** As one layer: each of its own costs every request a promise or two. */
function passing(begin: ReturnType<typeof deadline>, check: Check): MiddlewareHandler<ApiEnvironment> {
  return async (context, next) => {
    const end = begin(context)
    try {
      await check(context)
      await next()
    } finally {
      end()
    }
  }
}

function inOrder(...checks: readonly Check[]): Check {
  return async context => {
    for (const check of checks) await check(context)
  }
}

function whoAsks(context: Context<ApiEnvironment>): string {
  const caller = context.get('caller')
  if (caller) return caller.playerId
  return context.get('guest')?.machine.uid ?? addressOf(context)
}
