// The half of the API that faces people, in this process, over a real Postgres and the simulators of Telegram and
// Razorpay as processes. What would go to Kubernetes stays in the queue.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Registry } from 'prom-client'
import { createFront } from '../../api/front.ts'
import type { RateLimits } from '../../api/http/rate-limits.ts'
import { migrateApi } from '../../api/migrate.ts'
import { paymentMetrics } from '../../api/payments/metrics.ts'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { starsRail } from '../../api/payments/stars-rail.ts'
import { work } from '../../api/queue/worker.ts'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { connect } from '../../lib/database/pool.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createHealth } from '../../lib/process/health.ts'
import { listen } from '../../lib/process/server.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { startRazorpay } from './razorpay.ts'
import { startTelegram } from './telegram.ts'

const sample = fileURLToPath(new URL('../../manifests/catalogue.yaml', import.meta.url))

export const TELEGRAM_SECRET = 'the-secret-of-this-webhook'
const unlimited: RateLimits = { count: async () => ({ limit: 1, remaining: 1, resetSeconds: 1 }) }

export type FrontStack = Awaited<ReturnType<typeof startFront>>

export async function startFront() {
  const folder = mkdtempSync(join(tmpdir(), 'wasd-front-'))
  const log = createLogger({ program: 'test', level: 'fatal' })
  const catalogue = parseCatalogue(readFileSync(sample, 'utf8'))
  const [postgres, telegram, razorpay] = await Promise.all([
    startPostgres({ folder }),
    startTelegram('--pre-checkout-timeout', '5'),
    startRazorpay(),
  ])
  await migrateApi({ ownerUrl: postgres.ownerUrl('wasd_api'), programUrl: postgres.url('wasd_api'), log })
  const database = connect(postgres.url('wasd_api'), { max: 8, applicationName: 'test' })

  // The port must be known before the application is made: it is part of the address that Telegram is told.
  let serving: { fetch(request: Request, bindings: object): Response | Promise<Response> } | undefined
  const server = await listen({
    application: {
      fetch: (request, bindings) => serving?.fetch(request, bindings) ?? new Response(null, { status: 503 }),
    },
    ...{ name: 'front', host: '127.0.0.1', port: 0, clock, log },
  })
  const publicUrl = `http://127.0.0.1:${server.port}`
  await razorpay.control('POST', '/webhook', { url: `${publicUrl}/webhooks/razorpay` })

  const { keyId, keySecret, baseUrl, accountId, webhookSecret } = razorpay
  const metrics = new Registry()
  const rails = { Razorpay: razorpayRail({ keyId, keySecret, baseUrl }), Stars: starsRail(telegram) }
  const sessions = { database, catalogue: () => catalogue, holdBlockSeconds: 900, defaultRegions: ['centralindia'] }
  const front = createFront({
    settings: {
      publicUrl,
      telegram: {
        token: telegram.token,
        webhookSecret: TELEGRAM_SECRET,
        apiRoot: telegram.apiRoot,
        paisePerStar: 130,
      },
      razorpay: { keyId, keySecret, accountId, baseUrl, webhookSecrets: [webhookSecret] },
    },
    ...{ database, clock, log, sessions },
    metrics,
    paymentMetrics: paymentMetrics(metrics, database),
    health: createHealth({ clock }),
    limits: unlimited,
    catalogue: () => catalogue,
    rails,
  })
  serving = front.application

  const stopping = new AbortController()
  const handlers = { ...front.paymentHandlers, ...(await front.botHandlers(stopping.signal)) }
  const backoff = { initialSeconds: 0.05, maximumSeconds: 0.5 }
  const working = work(
    { database, clock, random: Math.random, log, handlers, pollSeconds: 0.2, backoff },
    stopping.signal,
  )

  return {
    publicUrl,
    postgres,
    telegram,
    razorpay,
    database,
    application: front.application,
    async stop() {
      stopping.abort()
      await Promise.all([working, server.close(1)])
      await database.end({ timeout: 1 })
      await Promise.all([telegram.stop(), razorpay.stop(), postgres.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
