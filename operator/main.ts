// The operator: makes Azure hold what GpuVms ask for, and GpuVms what GameSessions ask for. Of several replicas one
// leads by a Lease; the others stand by with warm stores. This file puts together, side by side, everything that reaches
// outside, and hands it to those who decide.
import { flushCompileCache } from 'node:module'
import { Hono } from 'hono'
import { Counter, type Registry } from 'prom-client'
import { type CatalogueFile, openCatalogue } from '../crds/catalogue-file.ts'
import { permission } from '../lib/kube/fence.ts'
import { manager } from '../lib/kube/manager.ts'
import { kubeMetrics } from '../lib/kube/metrics.ts'
import type { Runtime } from '../lib/kube/runtime.ts'
import { systemClock as clock } from '../lib/process/clock.ts'
import { createHealth, healthRoutes } from '../lib/process/health.ts'
import { run } from '../lib/process/lifecycle.ts'
import { listen } from '../lib/process/server.ts'
import { createLogger, type Logger } from '../lib/telemetry/log.ts'
import { createMetrics, serveMetrics } from '../lib/telemetry/metrics.ts'
import type { Urgency } from './azure/budget.ts'
import type { Azure } from './azure/provider.ts'
import { azureSide } from './azure-side.ts'
import { capacityMetrics } from './capacity/metrics.ts'
import { fetchPrices } from './capacity/price-list.ts'
import { capacityRoutes } from './capacity/routes.ts'
import { type Capacity, capacitySide } from './capacity-side.ts'
import { type ClusterSide, clusterSide } from './cluster-side.ts'
import { gameSessionController } from './gamesession/controller.ts'
import { gameSessionMetrics } from './gamesession/metrics.ts'
import { senses } from './gamesession/observe.ts'
import { annotations } from './gpuvm/annotations.ts'
import { gpuVmController } from './gpuvm/controller.ts'
import { USUAL_POLL_SECONDS } from './gpuvm/decision.ts'
import { fleet } from './gpuvm/fleet.ts'
import { type Holdings, holdings } from './gpuvm/holdings.ts'
import { gpuVmMetrics } from './gpuvm/metrics.ts'
import { type Prober, prober } from './gpuvm/prober.ts'
import type { HistoryStore } from './history/history.ts'
import { postgresHistory } from './history/postgres.ts'
import { flightRecorder } from './recorder/flight-recorder.ts'
import { decisionRoutes } from './recorder/routes.ts'
import { readSettings, type Settings } from './settings.ts'
import { sweeperMetrics } from './sweeper/metrics.ts'
import { sweeper } from './sweeper/sweeper.ts'

/** Seconds for running work after a stop. Below the 30 of the program's life, so that the Lease is let go in time. */
const DRAIN_SECONDS = 20

async function main(stopping: AbortSignal): Promise<void> {
  const settings = readSettings(process.env)
  const log = createLogger({ program: 'operator', level: settings.logLevel })
  const registry = createMetrics()
  const base: Base = {
    settings,
    speed: USUAL_POLL_SECONDS / settings.operationPollSeconds,
    registry,
    runtime: { clock, random: Math.random, log, metrics: kubeMetrics(registry) },
  }
  const cluster = await clusterSide(base)
  let capacity: Capacity | undefined
  const catalogue = followCatalogue(base, cluster, () => capacity?.refresh())
  const azure = azureSide({ ...base, clock, catalogue, permit: permission(cluster.election.holds) })
  capacity = offers(base, { cluster, catalogue, azure: azure('Watch') })
  capacityMetrics(registry, capacity.see)
  const held = holdings({ azure: azure('Creation'), installationId: settings.installationId })
  const machines = machineSide(base, { cluster, catalogue, capacity, azure, held })
  const sessions = sessionController(base, { cluster, catalogue, capacity, held, probing: machines.probing })

  const operator = manager({
    runtime: base.runtime,
    services: [cluster.told, { name: 'catalogue', run: ({ stop }) => catalogue.run(stop) }, ...capacity.services],
    reflectors: cluster.reflectors,
    controllers: [...machines.parts, sessions],
    elector: cluster.election,
    drainSeconds: DRAIN_SECONDS,
  })
  const health = createHealth({ clock })
  health.addLive('lease', () => (operator.isHealthy() ? undefined : 'the renewal of the lease is overdue'))
  health.addReady('stores', () => (operator.isReady() ? undefined : 'not all objects are listed yet'))
  const application = new Hono()
    .route('/', healthRoutes(health))
    .route(
      '/',
      decisionRoutes({
        recorder: machines.recorded,
        past: capacity.history.decisionsOf,
        isLeading: cluster.election.holds,
      }),
    )
    .route('/', capacityRoutes(capacity.see))
  const servers = await Promise.all([
    serveMetrics({ registry, port: settings.metricsPort, clock, log }),
    listen({ application, name: 'operator', port: settings.operatorPort, clock, log }),
  ])
  try {
    const outcome = await operator.run(stopping)
    if (outcome === 'Lost') throw new Error('The lease was lost; another may lead. The program starts anew.')
  } finally {
    await Promise.all([...servers.map(server => server.close(1)), cluster.close()])
  }
}

interface Base {
  settings: Settings
  /** How many times faster than in earnest Azure's time runs. 1 against the real Azure. */
  speed: number
  registry: Registry
  runtime: Runtime
}

/** The catalogue's file; every change of it is a reason to look at everything. */
function followCatalogue(
  { settings, registry, runtime }: Base,
  cluster: ClusterSide,
  onChange: () => void,
): CatalogueFile {
  const { log } = runtime
  const refused = new Counter({
    name: 'wasd_catalogue_refused_total',
    help: 'Changes of the catalogue that could not be used',
    registers: [registry],
  })
  return openCatalogue({
    path: settings.catalogueFile,
    clock,
    onChange() {
      log.info({}, 'The catalogue has changed')
      onChange()
      cluster.nudgeSessions()
      cluster.nudgeMachines()
    },
    onRefused(error) {
      refused.inc()
      log.error({ code: error.code }, error.message)
      cluster.tell({ type: 'Warning', reason: error.code, action: 'ReadCatalogue', note: error.message })
    },
  })
}

/** What Azure has to offer, and who gets it. */
function offers(
  { settings, runtime }: Base,
  given: { cluster: ClusterSide; catalogue: CatalogueFile; azure: Azure },
): Capacity {
  const { cluster, catalogue, azure } = given
  return capacitySide({
    runtime,
    catalogue: catalogue.current,
    sessions: cluster.sessions,
    machines: cluster.machines,
    settings: settings.capacity,
    azure,
    priceList: (place, signal) => fetchPrices({ endpoint: settings.retailPricesEndpoint, ...place }, signal),
    store: historyStore(settings, runtime.log),
    isLeading: cluster.election.holds,
    nudge: key => cluster.sessionNudges.push(key),
  })
}

/** What makes Azure follow the GpuVms, and what watches over it. */
function machineSide(
  { settings, speed, registry, runtime }: Base,
  given: {
    cluster: ClusterSide
    catalogue: CatalogueFile
    capacity: Capacity
    azure: (urgency: Urgency) => Azure
    held: Holdings
  },
) {
  const { log } = runtime
  const { cluster, catalogue, capacity, azure } = given
  const { installationId, operationPollSeconds, reconcileConcurrency: concurrency } = settings
  const { push } = cluster.machineNudges
  const subscriptions = () => [
    ...new Set(Object.values(catalogue.current().regions).map(({ subscriptionId }) => subscriptionId)),
  ]

  const probing = prober({ clock, log, probeSeconds: settings.probeSeconds, onTransition: push })
  const listing = fleet({
    azure: azure('Watch'),
    clock,
    log,
    pollSeconds: settings.fleetPollSeconds,
    speed,
    subscriptions,
    machines: cluster.machines.store,
    onDifference: push,
  })
  const noting = annotations({ azure: azure('Watch'), clock, log, pollSeconds: settings.fleetPollSeconds })
  const recorded = flightRecorder({ onKept: capacity.history.keep })
  const controlling = gpuVmController({
    runtime,
    kube: cluster.kube,
    azure,
    catalogue,
    machines: cluster.machines,
    ownWrites: cluster.written,
    recorder: cluster.told,
    prober: probing,
    fleet: listing,
    holdings: given.held,
    annotations: noting,
    nudges: cluster.machineNudges,
    settings: { installationId, operationPollSeconds, concurrency },
    onDecided: recorded.record,
    onRefused({ seen: { machine, incarnation }, code, message }) {
      const { region, zone, size } = machine.spec
      const place = { region, zone, size, priority: incarnation.priority }
      capacity.refusals.remember({ code, message }, place, machine.metadata.uid ?? '')
    },
  })
  gpuVmMetrics(registry, cluster.machines.store)
  const sweeping = sweeper({
    azure: azure('Sweep'),
    kube: cluster.kube,
    clock,
    log,
    metrics: sweeperMetrics(registry),
    installationId,
    sweepSeconds: settings.sweepSeconds,
    speed,
    graceSeconds: settings.sweepGraceSeconds,
    largestShare: settings.sweepLargestShare,
    isDryRun: settings.isSweepDryRun,
    onHalted(orphans) {
      const note = `${orphans} Azure resources seem to have no owner: too many to be true, and none is deleted. Look at the cluster and the subscription: restore the objects, or set operator.sweep.largestShare to 1 until those are gone.`
      cluster.tell({ type: 'Warning', reason: 'SweepHalted', action: 'Sweep', note })
    },
    subscriptions,
    namespaces: settings.watchNamespaces,
    machines: cluster.machines.store,
    sessions: cluster.sessions.store,
  })
  return { probing, recorded, parts: [probing, listing, noting, controlling, sweeping] }
}

function sessionController(
  { settings, registry, runtime }: Base,
  given: { cluster: ClusterSide; catalogue: CatalogueFile; capacity: Capacity; held: Holdings; probing: Prober },
) {
  const { cluster, catalogue, capacity, held, probing } = given
  const { kube, sessions, machines, written, told } = cluster
  return gameSessionController({
    runtime,
    sessions,
    machines,
    senses: senses({
      client: kube,
      clock,
      sessions: sessions.store,
      machines: machines.store,
      catalogue: catalogue.current,
      market: capacity.market,
      ask: capacity.ask,
      leave: capacity.leave,
      isHeld: async (heir, signal) => (await held.of({ ...heir, uid: undefined }, signal)) !== undefined,
      isHeard: uid => probing.seen(uid).answering === true,
      settings: { paidGraceSeconds: settings.paidGraceSeconds },
    }),
    hands: { client: kube, ownWrites: written, installationId: settings.installationId },
    recorder: told,
    metrics: gameSessionMetrics(registry, sessions.store),
    nudges: cluster.sessionNudges,
    recalled: capacity.recalled,
    concurrency: settings.reconcileConcurrency,
    orphanGraceSeconds: settings.sweepGraceSeconds,
  })
}

function historyStore({ databaseUrl }: Settings, log: Logger): HistoryStore | undefined {
  if (databaseUrl !== undefined) return postgresHistory({ url: databaseUrl, log })
  log.info({}, 'No DATABASE_URL is set: no history is kept')
  return undefined
}

flushCompileCache() // Now, for a program that is killed has no other chance.
await run(main, { log: createLogger({ program: 'operator', level: 'info' }) })
