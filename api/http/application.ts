// The API as one application: what every request goes through, then the routes.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import type { Registry } from 'prom-client'
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { type Health, healthRoutes } from '../../lib/process/health.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { catalogueRoutes } from './catalogue.ts'
import { HttpError } from './errors.ts'
import { problemNotFound, problemOnError } from './problem.ts'
import { limited, type RateLimits } from './rate-limits.ts'
import { type RazorpayInbox, razorpayWebhook } from './razorpay-webhook.ts'
import { observeRequests, type RequestVariables } from './request.ts'
import { type TelegramInbox, telegramWebhook } from './telegram-webhook.ts'

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
}

export type Application = OpenAPIHono<{ Variables: RequestVariables }>

export function createApplication(outside: HttpOutside): Application {
  const { clock, log, metrics, health, limits } = outside
  const app: Application = new OpenAPIHono<{ Variables: RequestVariables }>({
    defaultHook: result => {
      if (result.success) return
      const faults = result.error.issues.map(({ path, message }) => ({ at: path.join('.') || result.target, message }))
      throw new HttpError('InvalidRequest', { faults })
    },
  })
  app.onError(problemOnError(log))
  app.notFound(problemNotFound)

  app.use(observeRequests({ clock, log, metrics }))
  app.use(secureHeaders({ xFrameOptions: 'DENY', referrerPolicy: 'no-referrer' }))
  const tooLarge = () => {
    throw new HttpError('BodyTooLarge')
  }
  app.post('*', bodyLimit({ maxSize: BODY_BYTES, onError: tooLarge }))

  app.route('/', healthRoutes(health))
  // Not limited by address: Telegram's and Razorpay's servers are few, and what they bring must never be turned away.
  app.route('/', telegramWebhook(outside.telegram))
  app.route('/', razorpayWebhook(outside.razorpay))

  app.use('/v1/*', limited('read', limits))
  app.use('/openapi.json', limited('read', limits))
  app.route('/', catalogueRoutes(outside.catalogue))
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'WASD Cloud', version: '1', description: 'Games on GPU machines, prepaid by the second.' },
    servers: [{ url: outside.publicUrl }],
  })

  app.route('/', outside.pages)
  return app
}
