// What the routes under /v1 have in common: what a handler finds in its context, and how a route is described.
import { OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'
import type { Queries } from '../../lib/database/pool.ts'
import type { Scope } from '../players/scopes.ts'
import type { GuestClaims } from './guest-tokens.ts'
import type { IdentifiedRequest } from './idempotency.ts'
import { type Code, problemSchema, sentences, statuses } from './problem.ts'
import type { LimitName } from './rate-limits.ts'
import type { RequestVariables } from './request.ts'

/** Who asks, and for which player. */
export type Caller =
  | { kind: 'Player'; playerId: string; signInId: string; expiresAt: Date }
  | { kind: 'Service'; playerId: string; serviceId: string; expiresAt: Date }

export interface ApiVariables extends RequestVariables {
  /** Aborted when the request's time is over, or its client is gone. */
  signal: AbortSignal
  /** Cancelled by that. In a POST, the transaction that its reply is stored in; where it keeps that itself, there is none. */
  database: Queries
  /** Set where the route's `security` names players. */
  caller: Caller
  /** Set where it names guests. */
  guest: GuestClaims
  /** Set where the route keeps its reply itself. */
  request: IdentifiedRequest
  /** Done when the request was refused, outside of what was rolled back. */
  afterRefusal: () => Promise<void>
  /** Set by a POST that did nothing: to answer it again, it may as well be asked again. */
  changedNothing: boolean
}
export type ApiEnvironment = { Variables: ApiVariables }

export function group(): OpenAPIHono<ApiEnvironment> {
  return new Group()
}

class Group extends OpenAPIHono<ApiEnvironment> {
  constructor() {
    super()
    const { openapi } = this
    this.openapi = (route, handler, hook) => openapi(unchecked(route), handler, hook)
  }
}

/** Without the Idempotency-Key: `protect` has looked at it by then, and to look once more would copy all headers. */
function unchecked<Route extends RouteConfig>(route: Route): Route
function unchecked(route: RouteConfig): RouteConfig {
  const { headers, ...request } = route.request ?? {}
  return headers === idempotencyKey ? { ...route, request } : route
}

/** What `route` adds to zod-openapi's own words; read by `protect`, and shown in the document. */
export interface Protection {
  security?: RouteConfig['security']
  'x-rate-limit': LimitName
  /** The handler does all of its work, and keeps its reply under the Idempotency-Key, in one statement. */
  'x-keeps-reply'?: boolean
}

export function limitedBy(name: LimitName): Pick<Protection, 'x-rate-limit'> {
  return { 'x-rate-limit': name }
}

/** For a player's token, or a service's with this scope. */
export function securedFor(scope: Scope) {
  return [{ player: [] }, { service: [scope] }]
}

/** A look at something of one's own. */
export function reading(scope: Scope, tag: string) {
  return { security: securedFor(scope), ...limitedBy('read'), method: 'get' as const, tags: [tag] }
}

/** A change of something of one's own. */
export function writing(scope: Scope, tag: string, limit: LimitName = 'write') {
  return { security: securedFor(scope), ...limitedBy(limit), method: 'post' as const, tags: [tag] }
}

const ALWAYS = ['TooManyRequests'] as const satisfies Code[]
/** For routes that ask the database. */
export const STORED = ['Unavailable', 'TimedOut'] as const satisfies Code[]
export const SIGNED_IN = [
  ...STORED,
  'Unauthenticated',
  'ScopeMissing',
  'PlayerUnnamed',
  'PlayerUnknown',
] as const satisfies Code[]
/** For everything that changes something. */
export const SIGNED_IN_STILL = [...SIGNED_IN, 'SignedOut'] as const satisfies Code[]
export const POSTED = [
  'IdempotencyKeyMissing',
  'IdempotencyKeyReused',
  'IdempotencyInFlight',
  'MalformedBody',
  'MediaTypeUnsupported',
  'BodyTooLarge',
  'InvalidRequest',
] as const satisfies Code[]

/**
 * The refusals of a route, by status, each with its codes. Not typed: what a caller gets of them is one problem, whatever
 * its status.
 */
export function problems(...codes: readonly Code[]): object {
  const byStatus = Map.groupBy(new Set([...ALWAYS, ...codes]), code => statuses[code])
  return Object.fromEntries(
    [...byStatus].map(([status, named]) => [
      status,
      {
        description: named.map(code => `\`${code}\`: ${sentences[code]}`).join('\n\n'),
        content: { 'application/problem+json': { schema: problemOf(named) } },
      },
    ]),
  )
}

function problemOf(codes: Code[]) {
  return problemSchema.extend({ code: z.enum(codes) }).openapi({})
}

export const IDEMPOTENCY_KEY = /^[\w-]{16,255}$/

export const idempotencyKey = z.object({
  'idempotency-key': z.string().regex(IDEMPOTENCY_KEY).openapi({
    description: 'The same for a repetition of a request, a new one, such as a UUID, for every new request.',
  }),
})

/** A POST that says all in its path. */
export const emptyBody = { content: { 'application/json': { schema: z.strictObject({}) } }, required: false }

export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { content: { 'application/json': { schema } }, required: true }
}

export function jsonReply<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } }
}

export const playerId = z.string().regex(/^[0-9a-hjkmnp-tv-z]{26}$/)
export const ulid = playerId.openapi({ example: '01k3zz5c4w8q0r9m2n7p6t5v3x' })
export const time = z.iso.datetime().openapi({ example: '2026-11-26T18:30:00.000Z' })
export const paise = z.int().openapi({ example: 50000, description: 'Paise: hundredths of a rupee.' })

/** Paise as JSON has them. Throws beyond what a double holds exactly: a wrong amount must never be shown. */
export function paiseOf(amount: bigint): number {
  const paise = Number(amount)
  if (!Number.isSafeInteger(paise)) throw new RangeError('The amount does not fit into JSON.')
  return paise
}
