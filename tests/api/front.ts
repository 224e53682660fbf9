// The half of the API that faces people, in this process, over a real Postgres and the simulators of Telegram and
// Razorpay as processes. What would go to Kubernetes stays in the queue.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Registry } from 'prom-client'
import { createFront, type FrontOutside } from '../../api/front.ts'
import type { RateLimits } from '../../api/http/rate-limits.ts'
import { migrateApi } from '../../api/migrate.ts'
import { paymentMetrics } from '../../api/payments/metrics.ts'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { starsRail } from '../../api/payments/stars-rail.ts'
import type { TokenAlgorithm } from '../../api/players/access-tokens.ts'
import { work } from '../../api/queue/worker.ts'
import { release } from '../../api/wallet/holds.ts'
import { credit } from '../../api/wallet/wallet.ts'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { connect, inTransaction } from '../../lib/database/pool.ts'
import { connect as connectKubernetes, type KubeClient } from '../../lib/kube/client.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createHealth } from '../../lib/process/health.ts'
import { listen } from '../../lib/process/server.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { startRazorpay } from './razorpay.ts'
import { startTelegram } from './telegram.ts'

const sample = fileURLToPath(new URL('../../manifests/catalogue.yaml', import.meta.url))

export const TELEGRAM_SECRET = 'the-secret-of-this-webhook'
/** Where a web client would take the browser back from Telegram. */
export const LOGIN_PAGE = 'https://portal.example.com/signed-in'
const TOKEN_KEYS = [randomBytes(32), randomBytes(32)]
const unlimited: RateLimits = {
  count: async () => ({ limit: 1, remaining: 1, resetSeconds: 1, isRefused: false }),
}

/** Port 9 is the discard service, which nobody runs: as good as a cluster that is gone. */
const nobody = { headers: {}, tls: {} }
export const NOWHERE = {
  server: 'http://127.0.0.1:9',
  namespace: undefined,
  identity: async () => nobody,
  refresh: async () => nobody,
}

export type FrontStack = Awaited<ReturnType<typeof startFront>>

export interface FrontOptions {
  limits?: RateLimits
  algorithm?: TokenAlgorithm
  /** Without it nothing answers as the cluster. */
  kube?: KubeClient
  guestKeysFile?: string
  operatorUrl?: string
  openId?: 'None'
  requestSeconds?: number
  heartbeatSeconds?: number
}

export async function startFront(options: FrontOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'wasd-front-'))
  const log = createLogger({ program: 'test', level: 'fatal' })
  const catalogue = parseCatalogue(readFileSync(sample, 'utf8'))
  const [postgres, telegram, razorpay] = await Promise.all([
    startPostgres({ folder }),
    startTelegram('--pre-checkout-timeout', '5', '--login-redirect', LOGIN_PAGE),
    startRazorpay(),
  ])
  await migrateApi({ ownerUrl: postgres.ownerUrl('wasd_api'), programUrl: postgres.url('wasd_api'), log })
  const database = connect(postgres.url('wasd_api'), { max: 8, applicationName: 'test' })

  const admin = connect(postgres.superuserUrl('wasd_api'), { max: 2, applicationName: 'admin' })

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
  const tokens = { algorithm: options.algorithm ?? 'EdDSA', keys: TOKEN_KEYS, issuer: publicUrl } as const
  const openId = {
    issuer: telegram.apiRoot,
    clientId: telegram.token.split(':')[0] ?? '',
    clientSecret: telegram.loginSecret,
    redirectUrl: LOGIN_PAGE,
    algorithm: 'RS256',
  } as const
  const told = paymentMetrics(metrics, database)
  const made = (over: Partial<FrontOutside['settings']> = {}, registry = new Registry()) =>
    createFront({
      settings: {
        publicUrl,
        telegram: {
          token: telegram.token,
          webhookSecret: TELEGRAM_SECRET,
          apiRoot: telegram.apiRoot,
          paisePerStar: 130,
        },
        razorpay: { keyId, keySecret, accountId, baseUrl, webhookSecrets: [webhookSecret] },
        tokens,
        openId: options.openId === 'None' ? undefined : openId,
        guestKeysFile: options.guestKeysFile,
        operatorUrl: options.operatorUrl,
        corsOrigins: ['https://portal.example.com'],
        ...over,
      },
      ...{ database, clock, log, sessions },
      kube: options.kube ?? connectKubernetes(NOWHERE, { userAgent: 'test', timeoutSeconds: 1 }),
      ...(options.requestSeconds === undefined ? {} : { requestSeconds: options.requestSeconds }),
      heartbeatSeconds: options.heartbeatSeconds ?? 0.5,
      metrics: registry,
      paymentMetrics: told,
      health: createHealth({ clock }),
      limits: options.limits ?? unlimited,
      catalogue: () => catalogue,
      rails,
    })
  const httpMetrics = new Registry()
  const front = made({}, httpMetrics)
  serving = front.application

  const stopping = new AbortController()
  const handlers = { ...front.paymentHandlers, ...(await front.botHandlers(stopping.signal)) }
  const backoff = { initialSeconds: 0.05, maximumSeconds: 0.5 }
  const streaming = front.stream(stopping.signal)
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
    /** What requests are counted in. */
    httpMetrics,
    /** With what the players' tokens are signed. */
    tokens,
    /** The same over the same stores, of other settings; asked by `request`, without a socket. */
    applicationOf: (settings: Partial<FrontOutside['settings']>) => made(settings).application,
    /** Puts money into a wallet, as a payment does. */
    async credit(playerId: string, amountPaise: bigint): Promise<void> {
      const reference = `pay_${randomBytes(8).toString('hex')}`
      const order = { playerId, amountPaise, source: 'razorpay', reference, idempotencyKey: reference } as const
      await credit(database, { ...order, now: clock.now() })
    },
    /** Ends a session as its final bill does, with nothing played. `meanwhile` comes before the commit. */
    async settle(sessionId: string, playerId: string, meanwhile = async () => {}): Promise<void> {
      const now = clock.now()
      await inTransaction(database, async transaction => {
        await release(transaction, { sessionId, playerId, now })
        await transaction`
          UPDATE sessions SET ended_at = ${now}, end_reason = 'PlayerEnded', seen_since = NULL WHERE id = ${sessionId}`
        await meanwhile()
      })
    },
    /** Another's connection, with all rights: to hold things up, and to look from outside. */
    admin,
    async stop() {
      stopping.abort()
      await Promise.all([working, streaming, server.close(1)])
      await Promise.all([database.end({ timeout: 1 }), admin.end({ timeout: 1 })])
      await Promise.all([telegram.stop(), razorpay.stop(), postgres.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
