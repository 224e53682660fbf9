// The machines' half of the operator in this process: the real controller, fleet, prober and sweeper on the real
// clients. It can be cut off at any call to Azure, as a killed process is: from then on none of its calls get out.
import { Registry } from 'prom-client'
import type { Catalogue } from '../../../crds/catalogue.ts'
import { type GpuVm, gpuVms } from '../../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../../lib/kube/client.ts'
import { recorder } from '../../../lib/kube/events.ts'
import { manager } from '../../../lib/kube/manager.ts'
import { kubeMetrics } from '../../../lib/kube/metrics.ts'
import { ownWrites } from '../../../lib/kube/own-writes.ts'
import { reflector } from '../../../lib/kube/reflector.ts'
import { rawSource } from '../../../lib/kube/sources.ts'
import { systemClock } from '../../../lib/process/clock.ts'
import { createLogger } from '../../../lib/telemetry/log.ts'
import type { AzureSettings } from '../../../operator/azure/clients.ts'
import type { Azure } from '../../../operator/azure/provider.ts'
import { createAzure } from '../../../operator/azure/sdk.ts'
import { gpuVmController } from '../../../operator/gpuvm/controller.ts'
import { fleet } from '../../../operator/gpuvm/fleet.ts'
import { prober } from '../../../operator/gpuvm/prober.ts'
import { sweeperMetrics } from '../../../operator/sweeper/metrics.ts'
import { sweeper } from '../../../operator/sweeper/sweeper.ts'

export const INSTALLATION = 'test-installation'
/** Calls that change Azure. */
const writes = /^(put|create|start|deallocate|delete)/

export interface OperatorOptions {
  kube: KubeClient
  azure: AzureSettings
  catalogue: Catalogue
  namespace: string
  speed: number
  /** Cuts the operator off right after so many calls that change Azure, counted from 1, before it learns of the reply. */
  dieAfterWrite?: number
  sweep?: boolean
}

export interface Operator {
  refusals: string[]
  registry: Registry
  /** Resolves when it was cut off, with the call that it was cut off at. */
  died: Promise<string>
  stop(): Promise<void>
}

class Dead extends Error {}

export function startOperator(options: OperatorOptions): Operator {
  const { catalogue, namespace, speed } = options
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

  let written = 0
  const azure = intercepted(createAzure(options.azure), async (method, call) => {
    if (isDead) throw new Dead()
    const reply = await call()
    if (writes.test(method)) written += 1
    if (isDead || (writes.test(method) && written === options.dieAfterWrite)) {
      isDead = true
      die(method)
      throw new Dead()
    }
    return reply
  })
  const kube = intercepted(options.kube, async (_method, call) => {
    if (isDead) throw new Dead()
    return await call()
  })

  const machines = reflector({ runtime, client: options.kube, resource: gpuVms, namespace })
  const nudges = rawSource()
  const refusals: string[] = []
  const settings = { installationId: INSTALLATION, operationPollSeconds: 4 / speed, concurrency: 8 }
  const subscriptions = () => [...new Set(Object.values(catalogue.regions).map(region => region.subscriptionId))]
  const itsProber = prober({ clock, log, probeSeconds: 15 / speed, onTransition: key => nudges.push(key) })
  const itsFleet = fleet({
    azure,
    clock,
    log,
    pollSeconds: 5 / speed,
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
  const lifecycle = gpuVmController({
    runtime,
    kube,
    azure: () => azure,
    catalogue: { current: () => catalogue },
    machines,
    ownWrites: ownWrites([machines]),
    recorder: itsRecorder,
    prober: itsProber,
    fleet: itsFleet,
    nudges,
    settings,
    onRefused: ({ code }) => refusals.push(code),
  })
  const itsSweeper = sweeper({
    azure,
    kube,
    clock,
    log,
    metrics: sweeperMetrics(registry),
    installationId: INSTALLATION,
    sweepSeconds: 0.3,
    graceSeconds: 0.6,
    subscriptions,
    namespaces: [namespace],
  })

  const running = manager({
    runtime,
    services: [itsRecorder],
    reflectors: [machines],
    controllers: [itsFleet, itsProber, lifecycle, ...(options.sweep ? [itsSweeper] : [])],
    drainSeconds: 5,
  }).run(stop.signal)
  running.catch(() => undefined) // Told to whoever stops it.

  return {
    refusals,
    registry,
    died,
    async stop() {
      stop.abort()
      await running
    },
  }
}

/** Every method of `target` by way of `around`. */
function intercepted<Target extends Azure | KubeClient>(
  target: Target,
  around: (method: string, call: () => Promise<unknown>) => Promise<unknown>,
): Target {
  return new Proxy(target, {
    get(_target, method) {
      const found: unknown = Reflect.get(target, method, target)
      if (typeof found !== 'function') return found
      return (...given: unknown[]) => {
        const call = () => found.apply(target, given)
        return method === 'watch' ? call() : around(String(method), call)
      }
    },
  })
}

export type { GpuVm }
