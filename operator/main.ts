// The operator: makes Azure hold what GpuVms ask for, and GpuVms what GameSessions ask for. Of several replicas one
// leads by a Lease; the others stand by with warm stores. This file builds everything that reaches outside, and hands
// it to those who decide.
import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { Counter, type Registry } from 'prom-client'
import { type CatalogueFile, openCatalogue } from '../crds/catalogue-file.ts'
import { gameSessions } from '../crds/types/gamesession.ts'
import { gpuVms } from '../crds/types/gpuvm.ts'
import { connect } from '../lib/kube/client.ts'
import { loadCredentials } from '../lib/kube/credentials.ts'
import { elector } from '../lib/kube/elector.ts'
import { recorder } from '../lib/kube/events.ts'
import { fenced } from '../lib/kube/fence.ts'
import { manager } from '../lib/kube/manager.ts'
import { kubeMetrics } from '../lib/kube/metrics.ts'
import { reflectNamespaces } from '../lib/kube/namespaces.ts'
import { ownWrites } from '../lib/kube/own-writes.ts'
import { type ObjectReference, referenceOf } from '../lib/kube/resource.ts'
import type { Runtime } from '../lib/kube/runtime.ts'
import { rawSource } from '../lib/kube/sources.ts'
import { systemClock as clock } from '../lib/process/clock.ts'
import { createHealth, healthRoutes } from '../lib/process/health.ts'
import { run } from '../lib/process/lifecycle.ts'
import { listen } from '../lib/process/server.ts'
import { createLogger, type Logger } from '../lib/telemetry/log.ts'
import { createMetrics, serveMetrics } from '../lib/telemetry/metrics.ts'
import { budget, type Urgency } from './azure/budget.ts'
import { createClients, credentials } from './azure/clients.ts'
import { azureMetrics, budgetMetrics } from './azure/metrics.ts'
import type { Azure } from './azure/provider.ts'
import { createAzure } from './azure/sdk.ts'
import { capacityMetrics } from './capacity/metrics.ts'
import { fetchPrices } from './capacity/price-list.ts'
import { capacityRoutes } from './capacity/routes.ts'
import { type Capacity, capacitySide } from './capacity-side.ts'
import { gameSessionController } from './gamesession/controller.ts'
import { gameSessionMetrics } from './gamesession/metrics.ts'
import { machineIndexes, senses, sessionIndexes } from './gamesession/observe.ts'
import { annotations } from './gpuvm/annotations.ts'
import { gpuVmController } from './gpuvm/controller.ts'
import { USUAL_POLL_SECONDS } from './gpuvm/decision.ts'
import { fleet } from './gpuvm/fleet.ts'
import { type Holdings, holdings } from './gpuvm/holdings.ts'
import { type Prober, prober } from './gpuvm/prober.ts'
import { priorityOf } from './gpuvm/urgency.ts'
import type { HistoryStore } from './history/history.ts'
import { postgresHistory } from './history/postgres.ts'
import { flightRecorder } from './recorder/flight-recorder.ts'
import { decisionRoutes } from './recorder/routes.ts'
import { readSettings, type Settings } from './settings.ts'
import { sweeperMetrics } from './sweeper/metrics.ts'
import { sweeper } from './sweeper/sweeper.ts'

const USER_AGENT = 'wasd-operator/0.1.0'
/** Seconds for running work after a stop. Below the 30 of the program's life, so that the Lease is let go in time. */
const DRAIN_SECONDS = 20

async function main(stopping: AbortSignal): Promise<void> {
  const settings = readSettings(process.env)
  const log = createLogger({ program: 'operator', level: settings.logLevel })
  const registry = createMetrics()
  const base: Base = {
    settings,
    registry,
    runtime: { clock, random: Math.random, log, metrics: kubeMetrics(registry) },
  }
  const cluster = await clusterSide(base)
  let capacity: Capacity | undefined
  const catalogue = followCatalogue(base, cluster, () => capacity?.refresh())
  const azure = azureByUrgency(base, catalogue)
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
  registry: Registry
  runtime: Runtime
}

type ClusterSide = Awaited<ReturnType<typeof clusterSide>>

/** The API server: who leads, what stands there, and a client that writes only while we lead. */
async function clusterSide({ settings, runtime }: Base) {
  const { podName, podNamespace, watchNamespaces: namespaces } = settings
  const credentials = await loadCredentials({
    environment: process.env,
    serviceAccountDirectory: settings.serviceAccountDirectory,
    clock,
  })
  const connection = { userAgent: USER_AGENT, metrics: runtime.metrics, clock, log: runtime.log }
  const client = connect(credentials, connection)
  const leaseClient = connect(credentials, { ...connection, connections: 2 })
  const election = elector({
    runtime,
    client: leaseClient,
    lease: { namespace: podNamespace, name: settings.leaseName },
    identity: `${podName}_${randomUUID()}`,
    leaseSeconds: settings.leaseSeconds,
    renewDeadlineSeconds: settings.leaseRenewSeconds,
    retrySeconds: settings.leaseRetrySeconds,
  })
  const kube = fenced(client, election.holds)
  const sessions = reflectNamespaces({ runtime, client, resource: gameSessions, namespaces, indexes: sessionIndexes })
  const machines = reflectNamespaces({ runtime, client, resource: gpuVms, namespaces, indexes: machineIndexes })
  const reflectors = [...sessions.parts, ...machines.parts]
  const sessionNudges = rawSource()
  const machineNudges = rawSource()
  return {
    kube,
    election,
    sessions: sessions.view,
    machines: machines.view,
    reflectors,
    written: ownWrites(reflectors),
    told: recorder({
      runtime,
      client, // Not fenced: what happened is told also by who has just stopped leading, or stands by.
      reportingController: 'wasd.cloud/operator',
      reportingInstance: podName.slice(0, 128),
    }),
    sessionNudges,
    machineNudges,
    nudgeSessions() {
      for (const session of sessions.view.store.list()) sessionNudges.push(referenceOf(session))
    },
    nudgeMachines() {
      for (const machine of machines.view.store.list()) machineNudges.push(referenceOf(machine))
    },
    close: async () => void (await Promise.all([client.close(), leaseClient.close()])),
  }
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
      const { podNamespace: namespace, podName: name } = settings
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name } }
      cluster.told.event(pod, { type: 'Warning', reason: error.code, action: 'ReadCatalogue', note: error.message })
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
  { settings, registry, runtime }: Base,
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
  const push = (key: ObjectReference) => {
    const machine = cluster.machines.store.get(key)
    cluster.machineNudges.push(key, machine && priorityOf(machine))
  }
  const subscriptions = () => [
    ...new Set(Object.values(catalogue.current().regions).map(({ subscriptionId }) => subscriptionId)),
  ]

  const probing = prober({ clock, log, probeSeconds: settings.probeSeconds, onTransition: push })
  const listing = fleet({
    azure: azure('Watch'),
    clock,
    log,
    pollSeconds: settings.fleetPollSeconds,
    speed: USUAL_POLL_SECONDS / operationPollSeconds,
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
  const sweeping = sweeper({
    azure: azure('Sweep'),
    kube: cluster.kube,
    clock,
    log,
    metrics: sweeperMetrics(registry),
    installationId,
    sweepSeconds: settings.sweepSeconds,
    speed: USUAL_POLL_SECONDS / operationPollSeconds,
    graceSeconds: settings.sweepGraceSeconds,
    largestShare: settings.sweepLargestShare,
    isDryRun: settings.isSweepDryRun,
    onHalted(orphans) {
      const { podNamespace: namespace, podName: name } = settings
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name } }
      const note = `${orphans} Azure resources seem to have no owner: too many to be true, and none is deleted. Look at the cluster and the subscription, or raise operator.sweep.largestShare.`
      cluster.told.event(pod, { type: 'Warning', reason: 'SweepHalted', action: 'Sweep', note })
    },
    subscriptions,
    namespaces: settings.watchNamespaces,
    machines: cluster.machines.store,
  })
  return { probing, recorded, parts: [probing, listing, noting, controlling, sweeping] }
}

/** Azure by how urgent it is to ask: all draw on one budget of requests. */
function azureByUrgency({ settings, registry }: Pick<Base, 'settings' | 'registry'>, catalogue: CatalogueFile) {
  // Where Azure's time is run faster, its limits refill faster too.
  const requests = budget({ clock, speed: USUAL_POLL_SECONDS / settings.operationPollSeconds })
  budgetMetrics(registry, requests)
  const measured = azureMetrics({ registry, monotonic: clock.monotonic })
  const credentialOf = credentials(
    settings.azure,
    subscriptionId => catalogue.current().subscriptions?.[subscriptionId],
  )
  const regionOf = (subscriptionId: string, resourceGroup: string) => {
    const isIts = (one: { subscriptionId: string; resourceGroup: string }) =>
      one.subscriptionId.toLowerCase() === subscriptionId.toLowerCase() &&
      one.resourceGroup.toLowerCase() === resourceGroup.toLowerCase()
    return Object.entries(catalogue.current().regions).find(([, region]) => isIts(region))?.[0]
  }
  const made = new Map<Urgency, Azure>()
  return (urgency: Urgency): Azure => {
    const known = made.get(urgency)
    if (known) return known
    const clients = createClients(settings.azure, credentialOf, { budget: requests, urgency, regionOf })
    const azure = measured(createAzure(settings.azure, clients))
    made.set(urgency, azure)
    return azure
  }
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
    concurrency: settings.reconcileConcurrency,
    orphanGraceSeconds: settings.sweepGraceSeconds,
  })
}

function historyStore({ databaseUrl }: Settings, log: Logger): HistoryStore | undefined {
  if (databaseUrl !== undefined) return postgresHistory({ url: databaseUrl, log })
  log.info({}, 'No DATABASE_URL is set: no history is kept')
  return undefined
}

await run(main, { log: createLogger({ program: 'operator', level: 'info' }) })
