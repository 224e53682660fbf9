// The API as one application: what every request goes through, then the routes.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, Hono, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import type { Registry } from 'prom-client'
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Database } from '../../lib/database/pool.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { type Health, healthRoutes } from '../../lib/process/health.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { AccessTokens } from '../players/access-tokens.ts'
import type { OpenId } from '../players/open-id.ts'
import type { CommandOutside } from '../sessions/commands.ts'
import { type ApiEnvironment, group } from './api.ts'
import { PLAYER_HEADER } from './authentication.ts'
import { catalogueRoutes } from './catalogue.ts'
import { descriptions, openApiDocument } from './document.ts'
import { HttpError } from './errors.ts'
import { exportRoutes } from './export.ts'
import { faultsOf } from './faults.ts'
import { guestRoutes } from './guest.ts'
import type { GuestTokens } from './guest-tokens.ts'
import { tell } from './headers.ts'
import { meRoutes } from './me.ts'
import type { OperatorHints } from './operator-hints.ts'
import { topUpRoutes } from './payments.ts'
import { problemNotFound, problemOnError } from './problem.ts'
import { protect } from './protect.ts'
import { quoteRoutes } from './quotes.ts'
import { addressOf, counted, limited, type RateLimits } from './rate-limits.ts'
import { type RazorpayInbox, razorpayWebhook } from './razorpay-webhook.ts'
import { receiptRoutes } from './receipts.ts'
import { referencePage } from './reference.ts'
import { refundRoutes } from './refunds.ts'
import { observeRequests, type RequestVariables } from './request.ts'
import { sessionEventRoutes } from './session-events.ts'
import type { StreamHub } from './session-stream.ts'
import { sessionRoutes } from './sessions.ts'
import { signInRoutes } from './sign-in.ts'
import { type TelegramInbox, telegramWebhook } from './telegram-webhook.ts'
import { walletRoutes } from './wallet.ts'

/** Bytes. Telegram's and Razorpay's largest bodies are a few tens of KiB. */
export const BODY_BYTES = 256 * 1024

export interface HttpOutside {
  clock: Clock
  log: Logger
  metrics: Registry
  health: Health
  limits: RateLimits
  publicUrl: string
  catalogue: () => Catalogue
  telegram: TelegramInbox
  razorpay: RazorpayInbox
  /** The pages, mounted at the root; they tell their errors themselves. */
  pages: Hono<{ Variables: RequestVariables }>
  api: ApiOutside
}

/** What the routes under /v1 stand on. */
export interface ApiOutside {
  database: Database
  kube: KubeClient
  tokens: AccessTokens
  guests: GuestTokens
  openId: OpenId | undefined
  botToken: string
  hints: OperatorHints
  commands: Omit<CommandOutside, 'database'>
  streams: StreamHub
  /** Web clients that browsers let read our replies. */
  corsOrigins: readonly string[]
  requestSeconds: number
  heartbeatSeconds: number
}

export type Application = OpenAPIHono<ApiEnvironment>

export function createApplication(outside: HttpOutside): Application {
  const { clock, log, metrics, health, limits, publicUrl } = outside
  const app: Application = new OpenAPIHono<ApiEnvironment>({
    defaultHook: result => {
      if (result.success) return
      throw new HttpError('InvalidRequest', { faults: faultsOf(result.error.issues, result.target) })
    },
  })
  app.onError(problemOnError(log))
  app.notFound(problemNotFound)

  app.use(observeRequests({ clock, log, metrics }))
  app.use('/v1/*', sharedWith(outside.api.corsOrigins))
  // The replies of every route under /v1 say what is left of the minute, this refusal too, which comes before all that is counted there.
  const byAddress = counted(limits, { name: 'address', subjectOf: addressOf })
  const firstly = async (context: Context) => {
    if (context.req.path.startsWith('/v1/')) await byAddress(context)
  }
  app.post('*', atMost(BODY_BYTES, { firstly }))

  app.route('/', healthRoutes(health))
  // Not limited by address: Telegram's and Razorpay's servers are few, and what they bring must never be turned away.
  app.route('/', telegramWebhook(outside.telegram))
  app.route('/', razorpayWebhook(outside.razorpay))

  protect(app, descriptions, { ...outside.api, clock, limits })
  app.route('/', apiRoutes(outside))

  let document: string | undefined
  app.get('/openapi.json', limited('read', limits), context => {
    document ??= JSON.stringify(openApiDocument({ publicUrl })) // The same for all, and made when it is first asked for.
    return context.body(document, 200, { 'Content-Type': 'application/json' })
  })
  app.route('/', referencePage())
  app.route('/', outside.pages)
  return app
}

/** The routes under /v1. Their types are those of the client (client/). */
export type ApiRoutes = ReturnType<typeof apiRoutes>

function apiRoutes({ clock, catalogue, publicUrl, api }: HttpOutside) {
  const { defaultRegions } = api.commands
  return group()
    .route('/', signInRoutes({ ...api, clock }))
    .route('/', meRoutes({ clock }))
    .route('/', exportRoutes({ clock, publicUrl }))
    .route('/', catalogueRoutes(catalogue))
    .route('/', quoteRoutes({ catalogue, hints: api.hints, defaultRegions }))
    .route('/', sessionRoutes({ clock, commands: api.commands }))
    .route('/', sessionEventRoutes({ ...api, clock }))
    .route('/', receiptRoutes({ clock }))
    .route('/', walletRoutes())
    .route('/', topUpRoutes({ clock, publicUrl }))
    .route('/', refundRoutes({ clock }))
    .route('/', guestRoutes({ kube: api.kube, clock }))
}

/**
 * What says its length needs no counting, which would make a stream of what is read at once. Not `async`, nor is the next:
 * each request would pay for a promise that says nothing.
 */
function atMost(bytes: number, { firstly }: { firstly(context: Context): Promise<void> }): MiddlewareHandler {
  const tooLarge = async (context: Context): Promise<never> => {
    await firstly(context)
    throw new HttpError('BodyTooLarge')
  }
  const whileItComes = bodyLimit({ maxSize: bytes, onError: tooLarge })
  return (context, next) => {
    const length = context.req.header('Content-Length')
    if (length === undefined || context.req.header('Transfer-Encoding') !== undefined)
      return whileItComes(context, next)
    return Number(length) > bytes ? tooLarge(context) : next()
  }
}

const VARY = { vary: 'Origin' }

/** No cookies are used, so that there are no credentials for a browser to add by itself. */
function sharedWith(origins: readonly string[]): MiddlewareHandler {
  const share = cors({
    origin: [...origins],
    allowMethods: ['GET', 'POST', 'DELETE'],
    allowHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID', PLAYER_HEADER],
    exposeHeaders: [
      ...['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset', 'RateLimit-Policy', 'Retry-After'],
      ...['Idempotency-Replayed', 'X-Request-Id'],
    ],
    maxAge: 600,
  })
  return (context, next) => {
    if (context.req.header('Origin') !== undefined) return share(context, next)
    // No browser asks across origins: what `cors` would say costs two copies of the reply, and nobody reads it.
    tell(context, VARY)
    return next()
  }
}
