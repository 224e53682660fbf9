// Errors as the HTTP edge tells them: problem details (RFC 9457) with our stable codes, one place for all routes.
import { z } from '@hono/zod-openapi'
import type { Context, ErrorHandler, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { isAway } from '../../lib/database/away.ts'
import { sqlStateOf } from '../../lib/database/pool.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { PaymentError, type PaymentErrorCode, paymentSentences } from '../payments/errors.ts'
import { PlayerError, type PlayerErrorCode, playerSentences } from '../players/errors.ts'
import { SessionError, type SessionErrorCode, sessionSentences } from '../sessions/errors.ts'
import { WalletError, type WalletErrorCode, walletSentences } from '../wallet/errors.ts'
import type { ApiEnvironment } from './api.ts'
import { HttpError, type HttpErrorCode, httpSentences } from './errors.ts'

/** Every code that the edge may answer with. */
export type Code = HttpErrorCode | PaymentErrorCode | PlayerErrorCode | SessionErrorCode | WalletErrorCode

export const sentences: Record<Code, string> = {
  ...httpSentences,
  ...paymentSentences,
  ...playerSentences,
  ...sessionSentences,
  ...walletSentences,
}

/** The status of each code. A forgotten one does not compile. */
export const statuses = {
  NotFound: 404,
  InvalidRequest: 422,
  MalformedBody: 400,
  BodyTooLarge: 413,
  MediaTypeUnsupported: 415,
  IdempotencyKeyMissing: 400,
  IdempotencyKeyReused: 422,
  IdempotencyInFlight: 409,
  SessionUnknown: 404,
  SessionOver: 409,
  ReceiptUnknown: 404,
  TooManyStreams: 429,
  GuestTokenInvalid: 401,
  MachineOver: 404,
  TelegramSecretInvalid: 401,
  TooManyRequests: 429,
  Unavailable: 503,
  TimedOut: 503,
  ClientGone: 408,
  Internal: 500,

  Unauthenticated: 401,
  SignedOut: 401,
  ScopeMissing: 403,
  PlayerUnnamed: 422,
  PlayerUnknown: 404,
  SignInNotOffered: 404,
  SignInUnknown: 401,
  SignInRefused: 401,
  SignInUnavailable: 503,
  MiniAppDataInvalid: 401,
  MiniAppDataExpired: 401,
  MiniAppDataSpent: 401,
  RefreshTokenInvalid: 401,
  RefreshTokenReused: 401,
  SessionLives: 409,
  MoneyLeft: 409,

  AmountOutOfRange: 422,
  TopUpUnknown: 404,
  SignatureInvalid: 401,
  WebhookMalformed: 422,
  PaymentMismatch: 409,
  NothingToRefund: 409,
  RefundNotWhole: 409,
  PaymentDisputed: 409,
  GatewayRefused: 502,
  GatewayUnavailable: 503,
  GatewayOutcomeUnknown: 503,

  GameUnknown: 422,
  TierUnknown: 422,
  RegionUnknown: 422,
  SessionActive: 409,
  NoSession: 404,
  SessionEnding: 409,

  InsufficientFunds: 402,
  InvalidAmount: 422,
  IdempotencyConflict: 409,
  HoldUnknown: 409,
  HoldReleased: 409,
  PaymentUnknown: 404,
  RefundTooLarge: 409,
  RefundUnknown: 404,
  RefundEnded: 409,
} as const satisfies Record<Code, ContentfulStatusCode>

/** The body of every refusal, as /openapi.json describes it. */
export const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'urn:wasd-cloud:problem:TooManyRequests' }),
    title: z.string().openapi({ description: 'The code: one PascalCase word that never changes.' }),
    status: z.int(),
    detail: z.string().openapi({ description: 'What is wrong, then what to do.' }),
    code: z.string(),
    requestId: z.string(),
    faults: z.array(z.object({ at: z.string(), message: z.string() })).optional(),
    funds: z
      .object({ neededPaise: z.int(), availablePaise: z.int() })
      .optional()
      .openapi({ description: 'Where the money does not suffice: what it takes, and what is there for it.' }),
  })
  .openapi('Problem')
export type Problem = z.infer<typeof problemSchema>

/** PostgreSQL's query_canceled: by us when a request's time was over, or by the server's own limit. */
const QUERY_CANCELLED = '57014'

export interface Refusal {
  code: Code
  status: ContentfulStatusCode
  detail: string
  faults?: HttpError['faults']
  funds?: WalletError['funds']
  retryAfterSeconds?: number | undefined
}

/** What a person is told of `error`. Only errors of our own are told in their words; all others are `Internal`. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof HttpError) {
    const { code, message: detail, faults, retryAfterSeconds } = error
    return { code, status: statuses[code], detail, faults, retryAfterSeconds }
  }
  // The sentence alone: what a gateway said besides is for the log.
  if (error instanceof WalletError) return { ...standard(error.code), funds: error.funds }
  if (isOurs(error)) return { ...standard(error.code), ...retrying(error.code) }
  if (sqlStateOf(error) === QUERY_CANCELLED) return { ...standard('TimedOut'), retryAfterSeconds: 1 }
  if (isAway(error)) return { ...standard('Unavailable'), retryAfterSeconds: 5 }
  if (error instanceof HTTPException && error.status === 400) return standard('MalformedBody')
  if (error instanceof HTTPException && error.status === 413) return standard('BodyTooLarge')
  if (error instanceof HTTPException && error.status === 415) return standard('MediaTypeUnsupported')
  return standard('Internal')
}

function isOurs(error: unknown): error is PaymentError | PlayerError | SessionError {
  return [PaymentError, PlayerError, SessionError].some(kind => error instanceof kind)
}

/** Seconds after which another's service is asked again: they may well be back by then. */
const ELSEWHERE_SECONDS = 5

function retrying(code: Code): Pick<Refusal, 'retryAfterSeconds'> {
  return statuses[code] === 503 ? { retryAfterSeconds: ELSEWHERE_SECONDS } : {}
}

function standard(code: Code): Refusal {
  return { code, status: statuses[code], detail: sentences[code] }
}

/** The one `onError` of the JSON routes. What is our fault is logged whole and told in general words. */
export function problemOnError(log: Logger): ErrorHandler<ApiEnvironment> {
  return (error, context) => {
    const refusal = refusalOf(brokenOffBy(context, error) ?? error)
    logRefusal(log, { error, refusal, requestId: context.get('requestId') })
    return reply(context, refusal)
  }
}

/** Why the request's work was broken off, where that is what failed. Whatever else fails meanwhile is a fault of its own. */
function brokenOffBy(context: Context<ApiEnvironment>, error: unknown): HttpError | undefined {
  const reason: unknown = context.get('signal')?.reason
  const isWhy = error === reason || sqlStateOf(error) === QUERY_CANCELLED || isAway(error)
  return isWhy && reason instanceof HttpError ? reason : undefined
}

export function logRefusal(log: Logger, what: { error: unknown; refusal: Refusal; requestId: string }): void {
  const { error, refusal, requestId } = what
  if (refusal.status >= 500) log.error({ error, requestId, code: refusal.code }, 'A request failed')
  else log.debug({ requestId, code: refusal.code }, 'Refused a request')
}

export const problemNotFound: NotFoundHandler<ApiEnvironment> = context => reply(context, standard('NotFound'))

/** A 401 has to say how to come back: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2 */
const CHALLENGE = { 'WWW-Authenticate': 'Bearer' } as const

function reply(context: Context<ApiEnvironment>, refusal: Refusal): Response {
  const { code, status, detail, faults, funds, retryAfterSeconds } = refusal
  const body: Problem = {
    type: `urn:wasd-cloud:problem:${code}`,
    title: code,
    status,
    detail,
    code,
    requestId: context.get('requestId'),
    ...(faults ? { faults: [...faults] } : {}),
    ...(funds
      ? { funds: { neededPaise: Number(funds.neededPaise), availablePaise: Number(funds.availablePaise) } }
      : {}),
  }
  if (retryAfterSeconds !== undefined) context.header('Retry-After', String(retryAfterSeconds))
  return context.body(JSON.stringify(body), status, {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...(status === 401 ? CHALLENGE : {}),
  })
}
