// The operator in this process: the real controllers, fleet, prober and sweeper on the real clients. The sessions' half
// runs where it is asked for. It can be cut off at any of its calls, as a killed process is.
import { Registry } from 'prom-client'
import type { Catalogue } from '../../../crds/catalogue.ts'
import { gameSessions } from '../../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../../lib/kube/client.ts'
import { recorder } from '../../../lib/kube/events.ts'
import { manager } from '../../../lib/kube/manager.ts'
import { kubeMetrics } from '../../../lib/kube/metrics.ts'
import { reflectNamespaces } from '../../../lib/kube/namespaces.ts'
import { ownWrites } from '../../../lib/kube/own-writes.ts'
import type { Reflector } from '../../../lib/kube/reflector.ts'
import type { ObjectReference } from '../../../lib/kube/resource.ts'
import { createLogger } from '../../../lib/telemetry/log.ts'
import type { Urgency } from '../../../operator/azure/budget.ts'
import { type AzureSettings, createClients, credentials } from '../../../operator/azure/clients.ts'
import type { Azure } from '../../../operator/azure/provider.ts'
import { createAzure } from '../../../operator/azure/sdk.ts'
import { azureSide } from '../../../operator/azure-side.ts'
import { NO_LIMITS } from '../../../operator/capacity/limits.ts'
import { fetchPrices } from '../../../operator/capacity/price-list.ts'
import { type Capacity, type CapacitySettings, capacitySide } from '../../../operator/capacity-side.ts'
import { gameSessionController } from '../../../operator/gamesession/controller.ts'
import { gameSessionMetrics } from '../../../operator/gamesession/metrics.ts'
import { type MachineIndex, machineIndexes, senses, sessionIndexes } from '../../../operator/gamesession/observe.ts'
import { sessionNudges } from '../../../operator/gamesession/urgency.ts'
import { annotations } from '../../../operator/gpuvm/annotations.ts'
import { gpuVmController } from '../../../operator/gpuvm/controller.ts'
import { fleet } from '../../../operator/gpuvm/fleet.ts'
import { holdings } from '../../../operator/gpuvm/holdings.ts'
import { gpuVmMetrics } from '../../../operator/gpuvm/metrics.ts'
import { prober, serverInfo } from '../../../operator/gpuvm/prober.ts'
import { machineNudges } from '../../../operator/gpuvm/urgency.ts'
import type { HistoryStore } from '../../../operator/history/history.ts'
import { type FlightRecorder, flightRecorder } from '../../../operator/recorder/flight-recorder.ts'
import { sweeperMetrics } from '../../../operator/sweeper/metrics.ts'
import { sweeper } from '../../../operator/sweeper/sweeper.ts'
import { type Cut, intercepted, type Mortal, mortal } from './mortal.ts'
import type { Time } from './time.ts'

export const INSTALLATION = 'test-installation'
/** For a stream server to answer, as long as the program gives it at this speed. */
const ANSWER_MILLISECONDS = 500

/** A mistake put into it on purpose. */
export interface Plant {
  azure?: (azure: Azure, settings: AzureSettings) => Azure
  kube?: (kube: KubeClient) => KubeClient
  /** What was first seen of an object is believed for ever. */
  isCacheStale?: true
}

export interface OperatorOptions {
  kube: KubeClient
  azure: AzureSettings
  catalogue: Catalogue
  namespace: string
  /** Served beside `namespace`. */
  others?: string[]
  speed: number
  time: Time
  /**
   * Between two lists of the fleet, and of what is noted of it. Half as often as in earnest: a world has several operators,
   * and lists would be half of all that they ask of Azure.
   */
  fleetPollSeconds?: number
  installationId?: string
  /** Serves GameSessions too. */
  sessions?: boolean
  paidGraceSeconds?: number
  /**
   * All it asks of Azure stands in line for Azure's limits by how urgent it is, as the program's does. By the
   * wall alone: who stands in line waits by the clock, which would stand still for it.
   */
  isBudgeted?: boolean
  /** Cuts the operator off, as a killed process is. */
  cut?: Cut
  sweep?: boolean
  sweepSeconds?: number
  sweepGraceSeconds?: number
  isSweepDryRun?: boolean
  plant?: Plant
  capacity?: Partial<CapacitySettings> & { prices?: boolean; store?: HistoryStore }
}

export interface Operator extends Pick<Mortal, 'asked' | 'calls' | 'writes' | 'died'> {
  capacity: Capacity
  refusals: string[]
  recorded: FlightRecorder
  registry: Registry
  stop(): Promise<void>
}

export function startOperator(options: OperatorOptions): Operator {
  const { catalogue, namespace, speed, installationId = INSTALLATION } = options
  const { paidGraceSeconds = 120, fleetPollSeconds = 10 } = options
  const { clock, during } = options.time
  const registry = new Registry()
  const level = process.env.LOG_LEVEL === 'debug' ? 'debug' : 'silent'
  const runtime = {
    clock,
    random: Math.random,
    log: createLogger({ program: 'operator', level }),
    metrics: kubeMetrics(registry),
    development: true,
  }
  const { log } = runtime
  const stop = new AbortController()
  const { plant = {} } = options
  const { azure, kube, asked, calls, writes, died } = mortal(
    { azure: azureOf(options, registry), kube: plant.kube?.(options.kube) ?? options.kube },
    options.cut,
  )

  const namespaces = [namespace, ...(options.others ?? [])]
  const common = { runtime, client: options.kube, namespaces }
  const itsMachines = reflectNamespaces({ ...common, resource: gpuVms, indexes: machineIndexes })
  const itsSessions = reflectNamespaces({ ...common, resource: gameSessions, indexes: sessionIndexes })
  const machines = plant.isCacheStale ? stale(itsMachines.view) : itsMachines.view
  const reflectors = options.sessions ? [...itsMachines.parts, ...itsSessions.parts] : itsMachines.parts
  const written = ownWrites(reflectors)
  const nudges = machineNudges(machines.store)
  const { push } = nudges
  const refusals: string[] = []
  const recorded = flightRecorder()
  const settings = { installationId, operationPollSeconds: 4 / speed, concurrency: 8 }
  const subscriptions = () => [...new Set(Object.values(catalogue.regions).map(region => region.subscriptionId))]
  const ask = serverInfo({ timeoutMilliseconds: ANSWER_MILLISECONDS })
  const itsProber = prober({
    clock,
    log,
    probeSeconds: 15 / speed,
    onTransition: push,
    probe: async (...asked) => await during(() => ask(...asked)),
  })
  const itsFleet = fleet({
    azure: azure('Watch'),
    clock,
    log,
    pollSeconds: fleetPollSeconds / speed,
    speed,
    subscriptions,
    machines: machines.store,
    onDifference: push,
  })
  const itsRecorder = recorder({
    runtime,
    client: kube,
    reportingController: 'wasd.cloud/operator',
    reportingInstance: 'test',
  })
  const held = holdings({ azure: azure('Creation'), installationId })
  const itsAnnotations = annotations({ azure: azure('Watch'), clock, log, pollSeconds: fleetPollSeconds / speed })
  const lifecycle = gpuVmController({
    runtime,
    kube,
    azure,
    catalogue: { current: () => catalogue, readAt: () => new Date(0) },
    machines,
    ownWrites: written,
    recorder: itsRecorder,
    prober: itsProber,
    fleet: itsFleet,
    holdings: held,
    annotations: itsAnnotations,
    nudges,
    settings,
    onDecided: recorded.record,
    onRefused: ({ seen: { machine, incarnation }, code, message }) => {
      refusals.push(code)
      const { region, zone, size } = machine.spec
      const place = { region, zone, size, priority: incarnation.priority }
      capacity.refusals.remember({ code, message }, place, machine.metadata.uid ?? '')
    },
  })
  gpuVmMetrics(registry, itsMachines.view.store)
  const itsSessionNudges = sessionNudges(itsSessions.view.store)
  const { prices = false, store, ...capacitySettings } = options.capacity ?? {}
  const capacity = capacitySide({
    runtime,
    catalogue: () => catalogue,
    sessions: itsSessions.view,
    machines,
    settings: { limits: NO_LIMITS, rescueReserve: { share: 0, minimum: 0 }, quotaSeconds: 3600, ...capacitySettings },
    azure: azure('Watch'),
    priceList: async (place, signal) =>
      prices ? await fetchPrices({ endpoint: options.azure.resourceManagerEndpoint, ...place }, signal) : [],
    store,
    isLeading: () => true,
    nudge: key => itsSessionNudges.push(key),
  })
  const sessions = gameSessionController({
    runtime,
    sessions: itsSessions.view,
    machines,
    senses: senses({
      client: kube,
      clock,
      sessions: itsSessions.view.store,
      machines: machines.store,
      catalogue: () => catalogue,
      market: capacity.market,
      ask: capacity.ask,
      leave: capacity.leave,
      isHeld: async (heir, signal) => (await held.of({ ...heir, uid: undefined }, signal)) !== undefined,
      isHeard: uid => itsProber.seen(uid).answering === true,
      settings: { paidGraceSeconds },
    }),
    hands: { client: kube, ownWrites: written, installationId },
    recorder: itsRecorder,
    metrics: gameSessionMetrics(registry, itsSessions.view.store),
    nudges: itsSessionNudges,
    recalled: capacity.recalled,
    concurrency: 8,
    orphanGraceSeconds: 0.6,
  })
  const itsSweeper = sweeper({
    azure: azure('Sweep'),
    kube,
    clock,
    log,
    metrics: sweeperMetrics(registry),
    installationId,
    sweepSeconds: options.sweepSeconds ?? 0.3,
    speed,
    graceSeconds: options.sweepGraceSeconds ?? 0.6,
    largestShare: 0.2,
    isDryRun: options.isSweepDryRun ?? false,
    onHalted: () => undefined,
    subscriptions,
    namespaces,
    machines: itsMachines.view.store,
    sessions: itsSessions.view.store,
  })

  const running = manager({
    runtime,
    services: [itsRecorder, ...(options.sessions ? capacity.services : [])],
    reflectors,
    controllers: [
      itsFleet,
      itsAnnotations,
      itsProber,
      lifecycle,
      ...(options.sessions ? [sessions] : []),
      ...(options.sweep ? [itsSweeper] : []),
    ],
    drainSeconds: 5,
  }).run(stop.signal)
  running.catch(() => undefined) // Told to whoever stops it.

  return {
    capacity,
    refusals,
    asked,
    calls,
    writes,
    recorded,
    registry,
    died,
    async stop() {
      stop.abort()
      await running
    },
  }
}

/** Azure by how urgent it is to ask. */
function azureOf(options: OperatorOptions, registry: Registry): (urgency: Urgency) => Azure {
  const { catalogue, speed, time, plant = {}, azure: settings } = options
  const bare = createAzure(
    settings,
    createClients(
      settings,
      credentials(settings, id => catalogue.subscriptions?.[id]),
    ),
  )
  const lined = {
    settings: { azure: settings },
    registry,
    clock: time.clock,
    catalogue: { current: () => catalogue },
    speed,
    permit: () => undefined, // It leads alone.
  }
  const real = options.isBudgeted ? azureSide(lined) : () => bare
  return urgency => {
    const timed = intercepted(real(urgency), async (_method, call) => await time.during(call))
    return plant.azure?.(timed, settings) ?? timed
  }
}

/** Gives what it first saw of each object. */
function stale(reflector: Reflector<GpuVm, MachineIndex>): Reflector<GpuVm, MachineIndex> {
  const first = new Map<string, GpuVm>()
  const store = new Proxy(reflector.store, {
    get(target, method) {
      const found: unknown = Reflect.get(target, method, target)
      if (method !== 'get') return typeof found === 'function' ? found.bind(target) : found
      return (key: ObjectReference) => {
        const now = target.get(key)
        if (now === undefined) return undefined
        const known = first.get(now.metadata.uid ?? '') ?? now
        first.set(now.metadata.uid ?? '', known)
        return known
      }
    },
  })
  return new Proxy(reflector, {
    get: (target, member) => {
      if (member === 'store') return store
      const found: unknown = Reflect.get(target, member, target)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}
