// Who asks. A player's access token, a service's token with a scope and a player's name, or a guest agent's: each is taken
// only where the route says so, and none passes for another.
import type { Context } from 'hono'
import type { Clock } from '../../lib/process/clock.ts'
import type { AccessTokens } from '../players/access-tokens.ts'
import { PlayerError } from '../players/errors.ts'
import { playerById } from '../players/players.ts'
import { isScope, type Scope } from '../players/scopes.ts'
import { SERVICE_PREFIX, serviceTokenOf } from '../players/service-tokens.ts'
import { isSignedIn } from '../players/sign-ins.ts'
import { type ApiEnvironment, type Caller, playerId } from './api.ts'
import type { GuestTokens } from './guest-tokens.ts'
import { tell } from './headers.ts'

export interface AuthenticationOutside {
  clock: Clock
  tokens: AccessTokens
}

export const PLAYER_HEADER = 'Wasd-Player'
/** Bytes. Ours are below 400. */
const TOKEN_BYTES = 4096

/** Sets `caller`. Throws `Unauthenticated`, `SignedOut`, `ScopeMissing`, `PlayerUnnamed`, `PlayerUnknown`. */
export function callerOf(outside: AuthenticationOutside, scope: Scope) {
  return async (context: Context<ApiEnvironment>): Promise<void> => {
    const token = bearerOf(context)
    if (token === undefined) throw new PlayerError('Unauthenticated')
    const given = { context, token, scope }
    called(context, await (token.startsWith(SERVICE_PREFIX) ? service(outside, given) : player(outside, given)))
  }
}

/** Sets `caller` as `callerOf` does, where nobody has to be asked who that is. Whether it did. */
export function recognised({ clock, tokens }: AuthenticationOutside) {
  return (context: Context<ApiEnvironment>): boolean => {
    const token = isAskedLater(context) ? bearerOf(context) : undefined
    const claims = token === undefined ? undefined : tokens.seen(token, clock.now())
    if (claims) called(context, { kind: 'Player', ...claims })
    return claims !== undefined
  }
}

function called(context: Context<ApiEnvironment>, caller: Caller): void {
  context.set('caller', caller)
  tell(context, { 'cache-control': 'no-store' }) // Unless the handler says otherwise.
}

interface Given {
  context: Context<ApiEnvironment>
  token: string
  scope: Scope
}

async function player({ clock, tokens }: AuthenticationOutside, { context, token }: Given): Promise<Caller> {
  const now = clock.now()
  const claims = await tokens.verify(token, now)
  if (!isAskedLater(context)) {
    const { signInId } = claims
    if (!(await isSignedIn(context.get('database'), { signInId, now }))) throw new PlayerError('SignedOut')
  }
  return { kind: 'Player', ...claims }
}

/**
 * What only reads is good for the token's few minutes; what changes something asks whether the sign-in still stands, a POST
 * together with its Idempotency-Key.
 */
function isAskedLater({ req }: Context): boolean {
  return req.method === 'GET' || req.method === 'POST'
}

async function service({ clock }: AuthenticationOutside, { context, token, scope }: Given): Promise<Caller> {
  const database = context.get('database')
  const known = await serviceTokenOf(database, { token, now: clock.now() })
  if (!known) throw new PlayerError('Unauthenticated')
  if (!known.scopes.includes(scope)) throw new PlayerError('ScopeMissing')
  const named = playerId.safeParse(context.req.header(PLAYER_HEADER))
  if (!named.success) throw new PlayerError('PlayerUnnamed')
  if (!(await playerById(database, named.data))) throw new PlayerError('PlayerUnknown')
  return { kind: 'Service', playerId: named.data, serviceId: known.id, expiresAt: known.expiresAt }
}

/** Sets `guest`. Throws `GuestTokenInvalid`. */
export function guestOf(tokens: GuestTokens) {
  return async (context: Context<ApiEnvironment>): Promise<void> => {
    context.set('guest', await tokens.verify(bearerOf(context) ?? ''))
  }
}

/** https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
function bearerOf(context: Context): string | undefined {
  const header = context.req.header('Authorization') ?? ''
  if (header.length > TOKEN_BYTES) return undefined
  return /^Bearer ([\w.~+/-]+=*)$/i.exec(header)?.[1]
}

/** The scope that a route's `security` names for services; `undefined` when it is for no player. */
export function scopeOf(security: readonly Record<string, string[]>[] | undefined): Scope | undefined {
  return security?.flatMap(({ service: scopes = [] }) => scopes).find(isScope)
}
