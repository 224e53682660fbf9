// The operator in this process: the real controllers, fleet, prober and sweeper on the real clients. The sessions' half
// runs where it is asked for. It can be cut off at any call to Azure, as a killed process is: from then on none of its
// calls get out.
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
import { rawSource } from '../../../lib/kube/sources.ts'
import { systemClock } from '../../../lib/process/clock.ts'
import { createLogger } from '../../../lib/telemetry/log.ts'
import { budget } from '../../../operator/azure/budget.ts'
import { type AzureSettings, createClients, credentials } from '../../../operator/azure/clients.ts'
import type { Azure } from '../../../operator/azure/provider.ts'
import { createAzure } from '../../../operator/azure/sdk.ts'
import { NO_LIMITS } from '../../../operator/capacity/limits.ts'
import { fetchPrices } from '../../../operator/capacity/price-list.ts'
import { type Capacity, type CapacitySettings, capacitySide } from '../../../operator/capacity-side.ts'
import { gameSessionController } from '../../../operator/gamesession/controller.ts'
import { gameSessionMetrics } from '../../../operator/gamesession/metrics.ts'
import { machineIndexes, senses, sessionIndexes } from '../../../operator/gamesession/observe.ts'
import { annotations } from '../../../operator/gpuvm/annotations.ts'
import { gpuVmController } from '../../../operator/gpuvm/controller.ts'
import { fleet } from '../../../operator/gpuvm/fleet.ts'
import { holdings } from '../../../operator/gpuvm/holdings.ts'
import { prober } from '../../../operator/gpuvm/prober.ts'
import type { HistoryStore } from '../../../operator/history/history.ts'
import { type FlightRecorder, flightRecorder } from '../../../operator/recorder/flight-recorder.ts'

import { sweeperMetrics } from '../../../operator/sweeper/metrics.ts'
import { sweeper } from '../../../operator/sweeper/sweeper.ts'

export const INSTALLATION = 'test-installation'
/** Calls that change Azure. */
const writes = /^(put|create|start|deallocate|delete)/

/** A mistake put into it on purpose. */
export interface Plant {
  azure?: (azure: Azure, settings: AzureSettings) => Azure
  /** What was first seen of an object is believed for ever. */
  isCacheStale?: true
}

/** At which call a process ends. */
export interface Cut {
  /** Counted from 1. */
  after: number
  /** `changes`: what changes Azure. `calls`: every look at it and every change of it, and every write to Kubernetes. */
  counting: 'changes' | 'calls'
  /** Of these only what is asked of Azure in this region. */
  region?: string
  /** The reply is heard before the end; without it, the call has its effect and the reply is lost. */
  isReplyHeard?: boolean
}

export interface OperatorOptions {
  kube: KubeClient
  azure: AzureSettings
  catalogue: Catalogue
  namespace: string
  /** Served beside `namespace`. */
  others?: string[]
  speed: number
  installationId?: string
  /** Serves GameSessions too. */
  sessions?: boolean
  paidGraceSeconds?: number
  /** All it asks of Azure stands in line for Azure's limits, as the program's does. */
  isBudgeted?: boolean
  /** Cuts the operator off, as a killed process is. */
  cut?: Cut
  sweep?: boolean
  isSweepDryRun?: boolean
  plant?: Plant
  capacity?: Partial<CapacitySettings> & { prices?: boolean; store?: HistoryStore }
}

export interface Operator {
  capacity: Capacity
  refusals: string[]
  /** What was counted for the cut. */
  calls: string[]
  /** What it wrote to the API server, as far as that was taken: `update gpuvms/status solo`, in order. */
  writes: string[]
  recorded: FlightRecorder
  registry: Registry
  /** Resolves when it was cut off, with the call that it was cut off at. */
  died: Promise<string>
  stop(): Promise<void>
}

class Dead extends Error {}

export function startOperator(options: OperatorOptions): Operator {
  const { catalogue, namespace, speed, paidGraceSeconds = 120, installationId = INSTALLATION } = options
  const clock = systemClock
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
  let isDead = false
  const { promise: died, resolve: die } = Promise.withResolvers<string>()

  const taken: string[] = []
  const calls: string[] = []
  /** Of a call that got out: whether this process ends with it. */
  function cutAt(call: string, isChange: boolean): boolean {
    const { cut } = options
    if (isDead) return true
    if (cut === undefined || (cut.counting === 'changes' && !isChange)) return false
    calls.push(call)
    if (calls.length !== cut.after) return false
    isDead = true
    die(call)
    return true
  }
  async function unlessDead(call: () => Promise<unknown>, { name, isChange }: { name: string; isChange: boolean }) {
    if (isDead) throw new Dead()
    try {
      const reply = await call()
      if (cutAt(name, isChange) && !options.cut?.isReplyHeard) throw new Dead()
      return reply
    } catch (error) {
      if (!(error instanceof Dead)) cutAt(name, isChange)
      throw error
    }
  }

  const { plant = {} } = options
  const credentialOf = credentials(options.azure, id => catalogue.subscriptions?.[id])
  const regionOf = (subscriptionId: string, resourceGroup: string) =>
    Object.entries(catalogue.regions).find(
      ([, one]) =>
        one.subscriptionId === subscriptionId && one.resourceGroup.toLowerCase() === resourceGroup.toLowerCase(),
    )?.[0]
  const turn = options.isBudgeted
    ? { budget: budget({ clock, speed }), urgency: 'Standing' as const, regionOf }
    : undefined
  const real = createAzure(options.azure, createClients(options.azure, credentialOf, turn))
  const azure = intercepted(plant.azure?.(real, options.azure) ?? real, async (method, call, [place]) => {
    const isPoll = ['fleet', 'tagged', 'annotations'].includes(method) // They go on whatever happens.
    if (isPoll) return isDead ? Promise.reject(new Dead()) : await call()
    const isElsewhere = options.cut?.region !== undefined && textIn(place, 'region') !== options.cut.region
    return await unlessDead(call, { name: method, isChange: writes.test(method) && !isElsewhere })
  })
  const kube = intercepted(options.kube, async (method, call, given) => {
    const write = writeOf(method, given)
    if (write === undefined) return isDead ? Promise.reject(new Dead()) : await call()
    const name = write.split(' ').slice(0, 2).join(' ')
    const reply = await unlessDead(call, { name, isChange: false })
    taken.push(write)
    return reply
  })

  const namespaces = [namespace, ...(options.others ?? [])]
  const common = { runtime, client: options.kube, namespaces }
  const itsMachines = reflectNamespaces({ ...common, resource: gpuVms, indexes: machineIndexes })
  const itsSessions = reflectNamespaces({ ...common, resource: gameSessions, indexes: sessionIndexes })
  const machines = plant.isCacheStale ? stale(itsMachines.view) : itsMachines.view
  const reflectors = options.sessions ? [...itsMachines.parts, ...itsSessions.parts] : itsMachines.parts
  const written = ownWrites(reflectors)
  const nudges = rawSource()
  const refusals: string[] = []
  const recorded = flightRecorder()
  const settings = { installationId, operationPollSeconds: 4 / speed, concurrency: 8 }
  const subscriptions = () => [...new Set(Object.values(catalogue.regions).map(region => region.subscriptionId))]
  const itsProber = prober({ clock, log, probeSeconds: 15 / speed, onTransition: key => nudges.push(key) })
  const itsFleet = fleet({
    azure,
    clock,
    log,
    pollSeconds: 5 / speed,
    speed,
    subscriptions,
    machines: machines.store,
    onDifference: key => nudges.push(key),
  })
  const itsRecorder = recorder({
    runtime,
    client: kube,
    reportingController: 'wasd.cloud/operator',
    reportingInstance: 'test',
  })
  const held = holdings({ azure, installationId })
  const itsAnnotations = annotations({ azure, clock, log, pollSeconds: 5 / speed })
  const lifecycle = gpuVmController({
    runtime,
    kube,
    azure: () => azure,
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
  const sessionNudges = rawSource()
  const { prices = false, store, ...capacitySettings } = options.capacity ?? {}
  const capacity = capacitySide({
    runtime,
    catalogue: () => catalogue,
    sessions: itsSessions.view,
    machines,
    settings: { limits: NO_LIMITS, rescueReserve: { share: 0, minimum: 0 }, quotaSeconds: 3600, ...capacitySettings },
    azure,
    priceList: async (place, signal) =>
      prices ? await fetchPrices({ endpoint: options.azure.resourceManagerEndpoint, ...place }, signal) : [],
    store,
    isLeading: () => true,
    nudge: key => sessionNudges.push(key),
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
    nudges: sessionNudges,
    concurrency: 8,
    orphanGraceSeconds: 0.6,
  })
  const itsSweeper = sweeper({
    azure,
    kube,
    clock,
    log,
    metrics: sweeperMetrics(registry),
    installationId,
    sweepSeconds: 0.3,
    speed,
    graceSeconds: 0.6,
    largestShare: 0.2,
    isDryRun: options.isSweepDryRun ?? false,
    onHalted: () => undefined,
    subscriptions,
    namespaces,
    machines: itsMachines.view.store,
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
    calls,
    writes: taken,
    recorded,
    registry,
    died,
    async stop() {
      stop.abort()
      await running
    },
  }
}

/** Gives what it first saw of each object. */
function stale(reflector: Reflector<GpuVm>): Reflector<GpuVm> {
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

/** Every method of `target` by way of `around`. */
function intercepted<Target extends Azure | KubeClient>(
  target: Target,
  around: (method: string, call: () => Promise<unknown>, given: unknown[]) => Promise<unknown>,
): Target {
  return new Proxy(target, {
    get(_target, method) {
      const found: unknown = Reflect.get(target, method, target)
      if (typeof found !== 'function') return found
      return (...given: unknown[]) => {
        const call = () => found.apply(target, given)
        return method === 'watch' ? call() : around(String(method), call, given)
      }
    },
  })
}

const verbs: Record<string, string> = {
  create: 'create',
  replace: 'update',
  replaceStatus: 'update',
  mergePatch: 'patch',
  apply: 'patch',
  delete: 'delete',
}

/** In the words of the audit log; events are told by nobody's count. */
function writeOf(method: string, [resource, about]: unknown[]): string | undefined {
  const verb = verbs[method]
  const plural = textIn(resource, 'plural')
  if (verb === undefined || plural === 'events') return undefined
  const metadata: unknown = typeof about === 'object' && about !== null ? Reflect.get(about, 'metadata') : undefined
  const name = textIn(metadata, 'name') || textIn(about, 'name')
  return `${verb} ${plural}${method === 'replaceStatus' ? '/status' : ''} ${name}`
}

function textIn(object: unknown, key: string): string {
  const found: unknown = typeof object === 'object' && object !== null ? Reflect.get(object, key) : undefined
  return typeof found === 'string' ? found : ''
}

export type { GpuVm }
