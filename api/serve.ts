// The running API: builds what it needs from the world, starts its parts, and ends them in order.
//
// A part that fails ends the program. What is merely away (Telegram, Razorpay, Kubernetes, Redis) is tried again by the
// part that needs it, and holds up no other: payments are taken while the cluster is away.
import { type CatalogueFile, openCatalogue } from '../crds/catalogue-file.ts'
import { SettingsError } from '../lib/config/environment.ts'
import { connect as connectDatabase, type Database } from '../lib/database/pool.ts'
import { aborted } from '../lib/kube/abort.ts'
import { connect as connectKubernetes } from '../lib/kube/client.ts'
import { loadCredentials } from '../lib/kube/credentials.ts'
import { manager } from '../lib/kube/manager.ts'
import { kubeMetrics } from '../lib/kube/metrics.ts'
import type { Clock } from '../lib/process/clock.ts'
import { createHealth, type Health } from '../lib/process/health.ts'
import { listen } from '../lib/process/server.ts'
import type { Logger } from '../lib/telemetry/log.ts'
import { createMetrics, serveMetrics } from '../lib/telemetry/metrics.ts'
import { createFront, type FrontOutside } from './front.ts'
import { forgetReplies } from './http/idempotency.ts'
import { createRateLimits } from './http/rate-limits.ts'
import { connectRedis } from './http/redis.ts'
import { forgetSignIns } from './http/sign-in.ts'
import { catalogueMetric, queueMetrics } from './metrics.ts'
import { paymentContradictionCodes } from './payments/contradictions.ts'
import { paymentMetrics } from './payments/metrics.ts'
import { razorpayRail } from './payments/razorpay.ts'
import { reconcilePayments } from './payments/reconciliation.ts'
import { starsRail } from './payments/stars-rail.ts'
import { forgetSeen } from './queue/queue.ts'
import { type Handlers, work } from './queue/worker.ts'
import { forgetEvents } from './sessions/events.ts'
import { raiseReasons } from './sessions/outside.ts'
import { sessionParts } from './sessions/runnables.ts'
import type { ServeSettings } from './settings.ts'
import { contradictionMetrics } from './wallet/contradictions.ts'
import { keepBooks } from './wallet/keeping.ts'
import { proposedCreditMetrics } from './wallet/proposed-credits.ts'

export interface ServeOutside {
  settings: ServeSettings
  environment: Record<string, string | undefined>
  clock: Clock
  random: () => number
  log: Logger
}

/** Connections to Postgres, for requests, workers and timers together. */
const DATABASE_CONNECTIONS = 20
/** Seconds between "not ready" and the end of listening, in which load balancers learn of it. */
const LEAVE_SECONDS = 2
/** Seconds for requests under way, then for what works in the background. Within the lifecycle's 30. */
const REQUEST_GRACE_SECONDS = 10
const DRAIN_SECONDS = 12
/** How long the cluster may be away before the program gives up and is started anew: a day. */
const SYNC_TIMEOUT_SECONDS = 86_400
const FORGET_SECONDS = 3600

/** Runs until `stopping` is aborted and all is drained. */
export async function serve(outside: ServeOutside, stopping: AbortSignal): Promise<void> {
  const { settings, clock, random, log } = outside
  const metrics = createMetrics()
  const metricsServer = await serveMetrics({ registry: metrics, port: settings.metricsPort, clock, log })
  const catalogue = watchedCatalogue(outside, catalogueMetric(metrics))
  checkRegions(outside, catalogue)
  const database = connectDatabase(settings.databaseUrl, { max: DATABASE_CONNECTIONS, applicationName: 'wasd-api' })
  const redis = connectRedis(settings.redis, log)
  const rails = { Razorpay: razorpayRail(settings.razorpay), Stars: starsRail(settings.telegram) }
  const health = createHealth({ clock })
  addChecks(health, { stopping, database })

  const kubernetesMetrics = kubeMetrics(metrics)
  const credentials = await loadCredentials({ ...settings.kubernetes, environment: outside.environment, clock })
  const kube = connectKubernetes(credentials, { userAgent: 'wasd-api', metrics: kubernetesMetrics, clock, log })
  const runtime = { clock, random, log, metrics: kubernetesMetrics }
  const sessions = sessionParts({ database, kube, clock, log, settings: settings.sessions }, runtime)

  const paymentsTold = paymentMetrics(metrics, database)
  proposedCreditMetrics(metrics, database)
  contradictionMetrics(metrics, database, [...raiseReasons, ...paymentContradictionCodes])
  const frontOutside: FrontOutside = {
    ...{ settings, database, kube, clock, log, metrics, health, rails },
    paymentMetrics: paymentsTold,
    limits: createRateLimits(redis),
    catalogue: catalogue.current,
    sessions: { database, catalogue: catalogue.current, ...settings.sessions },
  }
  const front = createFront(frontOutside)
  const onOutcome = queueMetrics(metrics, database)
  const working = (handlers: Handlers, signal: AbortSignal) =>
    work({ database, clock, random, log, handlers, onOutcome }, signal)

  const drain = new AbortController()
  const parts = Promise.all([
    working({ ...front.paymentHandlers, 'kubernetes.session': sessions.handler }, drain.signal),
    introduced(front.botHandlers(drain.signal), drain.signal).then(
      handlers => handlers && working(handlers, drain.signal),
    ),
    manager({
      runtime,
      reflectors: [sessions.reflector],
      controllers: sessions.runnables,
      syncTimeoutSeconds: SYNC_TIMEOUT_SECONDS,
      drainSeconds: DRAIN_SECONDS,
    }).run(drain.signal),
    reconcilePayments(
      {
        ...{ database, rails, clock, log },
        onOutcome: what => paymentsTold.told({ ...what, by: 'Reconciliation' }),
      },
      drain.signal,
    ),
    keepBooks({ database, clock, log, registry: metrics, checkSeconds: settings.ledgerCheckSeconds }, drain.signal),
    catalogue.run(drain.signal),
    forgetting(database, { clock, log }, drain.signal),
    front.stream(stopping), // Streams never end by themselves: they go first, and are taken up at another replica.
  ])
  const server = await listen({ application: front.application, name: 'http', port: settings.port, clock, log })

  await Promise.race([aborted(stopping), parts])
  await clock.sleep(LEAVE_SECONDS * 1000)
  await server.close(REQUEST_GRACE_SECONDS)
  drain.abort(new Error('The program stops.'))
  await parts
  redis.disconnect()
  await Promise.all([database.end({ timeout: 5 }), kube.close(), metricsServer.close(1)])
}

/** One of several may be gone from the catalogue; with none left no session could be made. Throws `SettingsError`. */
function checkRegions({ settings, log }: ServeOutside, catalogue: CatalogueFile): void {
  const { defaultRegions } = settings.sessions
  const known = Object.keys(catalogue.current().regions)
  const unknown = defaultRegions.filter(region => !known.includes(region))
  if (unknown.length === 0) return
  const told = `names ${unknown.join(', ')}, not in the catalogue; known are ${known.join(', ')}`
  if (unknown.length === defaultRegions.length)
    throw new SettingsError(`These settings stop the program. Set them in the environment:\n  DEFAULT_REGIONS ${told}`)
  log.warn({ unknown, known }, 'DEFAULT_REGIONS names regions that are not in the catalogue')
}

function watchedCatalogue(
  { settings, clock, log }: ServeOutside,
  metric: { isCurrent(): void; isRefused(): void },
): CatalogueFile {
  return openCatalogue({
    path: settings.catalogueFile,
    clock,
    onChange() {
      metric.isCurrent()
      log.info({}, 'Took over a changed catalogue')
    },
    onRefused(error) {
      metric.isRefused()
      log.error({ code: error.code, faults: error.message }, 'Refused a changed catalogue; the last good one is kept')
    },
  })
}

function addChecks(health: Health, { stopping, database }: { stopping: AbortSignal; database: Database }): void {
  health.addReady('running', () => (stopping.aborted ? 'stopping' : undefined))
  // The one store without which nothing can be answered. Redis, Telegram, Razorpay and the cluster may be away.
  health.addReady('postgres', async () => {
    await database`SELECT 1`
    return undefined
  })
}

/** `undefined` when the program was asked to stop before Telegram answered. */
async function introduced(handlers: Promise<Handlers>, signal: AbortSignal): Promise<Handlers | undefined> {
  return await handlers.catch((error: unknown) => {
    if (signal.aborted) return undefined
    throw error
  })
}

async function forgetting(
  database: Database,
  { clock, log }: { clock: Clock; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await forget(database, clock.now()).catch((error: unknown) =>
      log.warn({ error }, 'What is old could not be forgotten'),
    )
    await clock.sleep(FORGET_SECONDS * 1000, signal).catch(() => undefined)
  }
}

async function forget(database: Database, now: Date): Promise<void> {
  await forgetSeen(database)
  await forgetReplies(database, now)
  await forgetSignIns(database, now)
  await forgetEvents(database, now)
}
