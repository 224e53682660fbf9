// The stage of the session tests: the real API server and the real session controller. Whoever tests plays Azure and
// its machines by writing the GpuVms' status, as the other controller would.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Registry } from 'prom-client'
import { parse } from 'yaml'
import { type GameSession, type GameSessionSpec, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, type GpuVmStatus, gpuVms } from '../../crds/types/gpuvm.ts'
import { startCluster } from '../../demo/cluster/cluster.ts'
import { connect } from '../../lib/kube/client.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { events } from '../../lib/kube/core.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { recorder } from '../../lib/kube/events.ts'
import { addFinalizer, removeFinalizer } from '../../lib/kube/finalizers.ts'
import { manager } from '../../lib/kube/manager.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { reflectNamespaces } from '../../lib/kube/namespaces.ts'
import { ownWrites } from '../../lib/kube/own-writes.ts'
import { reflector } from '../../lib/kube/reflector.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { rawSource } from '../../lib/kube/sources.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { NO_LIMITS } from '../../operator/capacity/limits.ts'
import { capacitySide } from '../../operator/capacity-side.ts'
import { gameSessionController } from '../../operator/gamesession/controller.ts'
import { gameSessionMetrics } from '../../operator/gamesession/metrics.ts'
import { machineIndexes, senses, sessionIndexes } from '../../operator/gamesession/observe.ts'
import { at, catalogue, conditionOf } from '../../operator/gamesession/sights.fixture.ts'
import { patientFor } from '../until.ts'

const PATIENCE_SECONDS = 20
/** The other controller's, whom the test plays: a machine goes when Azure has let it go. */
const AZURE_FINALIZER = 'wasd.cloud/operator'
const repository = resolve(import.meta.dirname, '../..')

export type Stage = Awaited<ReturnType<typeof startStage>>

export async function startStage() {
  const folder = await mkdtemp(join(tmpdir(), 'gamesession-test-'))
  const cluster = await startCluster({ folder, controllerManager: false })
  const kube = connect(await loadCredentials({ kubeconfig: cluster.kubeconfig, environment: {} }), {
    userAgent: 'test',
  })
  for (const plural of ['gamesessions', 'gpuvms']) {
    const text = await readFile(join(repository, 'crds', `wasd.cloud_${plural}.yaml`), 'utf8')
    await cluster.api.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(text))
  }

  let namespace = 'default'
  let stopOperator: (() => Promise<void>) | undefined

  const until = patientFor(PATIENCE_SECONDS, { account })

  async function account(): Promise<string> {
    const [sessions, machines] = [await kube.list(gameSessions, { namespace }), await kube.list(gpuVms, { namespace })]
    return [...sessions.items, ...machines.items]
      .map(({ metadata: { managedFields: _, ...metadata }, spec, status }) =>
        JSON.stringify({ metadata, spec, status }, null, 1),
      )
      .join('\n')
  }

  async function machine(name: string): Promise<GpuVm> {
    return await until(`there is a machine ${name}`, async () => await kube.get(gpuVms, { namespace, name }))
  }

  /** Retried while the controller writes to the same object. */
  async function edit<Done>(change: () => Promise<Done>): Promise<Done> {
    return await until('the change is taken', async () => {
      try {
        return await change()
      } catch (error) {
        if (isKubeError(error, 'Conflict')) return undefined
        throw error
      }
    })
  }

  return {
    kube,
    until,
    machine,
    namespace: () => namespace,
    /** A namespace of its own for each test, and an operator for it. */
    async scene(name: string, options: { paidGraceSeconds?: number } = {}): Promise<void> {
      await stopOperator?.()
      namespace = name
      await cluster.createNamespace(name)
      await this.operate(options)
    },
    async operate({ paidGraceSeconds = 120 } = {}): Promise<void> {
      await stopOperator?.()
      stopOperator = operate({ kube, namespace, paidGraceSeconds })
    },
    async play(name: string, spec: Partial<GameSessionSpec> = {}): Promise<void> {
      const standard = { player: 'ada', game: 'quake', tier: 'small', regions: ['centralindia'] }
      const wanted = {
        apiVersion: 'wasd.cloud/v1alpha1',
        kind: 'GameSession',
        metadata: { namespace, name },
        spec: { ...standard, ...spec },
      }
      await kube.apply(gameSessions, wanted, { fieldManager: 'kubectl', force: true })
    },
    want: async (name: string, spec: Partial<GameSessionSpec>) =>
      await kube.mergePatch(gameSessions, { namespace, name }, { spec }),
    delete: async (name: string) => await kube.delete(gameSessions, { namespace, name }),
    session: async (name: string, what: string, is: (session: GameSession) => boolean): Promise<GameSession> =>
      await until(`${name} ${what}`, async () => {
        const session = await kube.get(gameSessions, { namespace, name })
        return session && is(session) && session
      }),
    gone: async (name: string) =>
      await until(`${name} is gone`, async () => (await kube.get(gameSessions, { namespace, name })) === undefined),
    /** Azure says this of the machine. */
    azureSays: async (name: string, status: GpuVmStatus) =>
      await edit(async () => {
        const held = await addFinalizer(kube, gpuVms, await machine(name), AZURE_FINALIZER)
        const observedGeneration = held.metadata.generation ?? 0
        return await kube.replaceStatus(gpuVms, { ...held, status: { ...held.status, observedGeneration, ...status } })
      }),
    /** Azure holds nothing of the machine any more. */
    azureLetsGo: async (name: string) =>
      await edit(async () => {
        await removeFinalizer(kube, gpuVms, await machine(name), AZURE_FINALIZER)
        return true
      }),
    machineNames: async () => (await kube.list(gpuVms, { namespace })).items.map(({ metadata }) => metadata.name),
    async eventsOf(name: string): Promise<string[]> {
      const { items } = await kube.list(events, { namespace })
      return items.filter(({ regarding }) => regarding?.name === name).map(({ reason }) => reason)
    },
    reflect: (namespaces: string[]) =>
      reflectNamespaces({
        runtime: runtimeOf(new Registry()),
        client: kube,
        resource: gameSessions,
        namespaces,
        indexes: sessionIndexes,
      }),
    async stop() {
      await stopOperator?.()
      await kube.close()
      await cluster.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function operate(options: { kube: Stage['kube']; namespace: string; paidGraceSeconds: number }): () => Promise<void> {
  const { kube, namespace, paidGraceSeconds } = options
  const registry = new Registry()
  const runtime = runtimeOf(registry)
  const sessions = reflector({ runtime, client: kube, resource: gameSessions, namespace, indexes: sessionIndexes })
  const machines = reflector({ runtime, client: kube, resource: gpuVms, namespace, indexes: machineIndexes })
  const nudges = rawSource()
  const capacity = capacitySide({
    runtime,
    catalogue: () => catalogue,
    sessions,
    machines,
    settings: { limits: NO_LIMITS, rescueReserve: { share: 0, minimum: 0 }, quotaSeconds: 3600 },
    azure: { usages: async () => [], spotRates: async () => [] },
    priceList: async () => [],
    store: undefined,
    isLeading: () => true,
    nudge: key => nudges.push(key),
  })
  const told = recorder({
    runtime,
    client: kube,
    reportingController: 'wasd.cloud/operator',
    reportingInstance: 'test',
  })
  const controller = gameSessionController({
    runtime,
    sessions,
    machines,
    senses: senses({
      client: kube,
      clock,
      sessions: sessions.store,
      machines: machines.store,
      catalogue: () => catalogue,
      market: capacity.market,
      ask: capacity.ask,
      leave: capacity.leave,
      isHeld: async () => false,
      isHeard: () => true,
      settings: { paidGraceSeconds },
    }),
    hands: { client: kube, ownWrites: ownWrites([sessions, machines]), installationId: 'test' },
    recorder: told,
    metrics: gameSessionMetrics(registry, sessions.store),
    nudges,
    recalled: capacity.recalled,
    concurrency: 4,
    orphanGraceSeconds: 0.2,
  })
  const stop = new AbortController()
  const running = manager({
    runtime,
    services: [told, ...capacity.services],
    reflectors: [sessions, machines],
    controllers: [controller],
  })
  const done = running.run(stop.signal)
  return async () => {
    stop.abort()
    await done
  }
}

function runtimeOf(registry: Registry): Runtime {
  const log = createLogger({ program: 'operator', level: process.env.TEST_LOG === 'debug' ? 'debug' : 'silent' })
  return { clock, random: Math.random, log, metrics: kubeMetrics(registry), development: true }
}

export const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

export function playableSince(since: string): GpuVmStatus {
  return {
    phase: 'Running',
    powerState: 'Running',
    publicIP: '127.64.0.7',
    priority: 'Spot',
    size: 'Standard_A',
    stream: { answering: true, since },
    conditions: [conditionOf('Ready', 'True', 'Running'), conditionOf('Playable', 'True', 'StreamAnswers')],
  }
}

export function silentSince(lastAnsweredAt: string, more: GpuVmStatus = {}): GpuVmStatus {
  return {
    phase: 'Evicted',
    powerState: 'Absent',
    stream: { answering: false, since: at(0), lastAnsweredAt },
    conditions: [conditionOf('Ready', 'Unknown', 'Evicted'), conditionOf('Playable', 'False', 'MachineNotRunning')],
    ...more,
  }
}

export const isIn = (phase: string) => (session: GameSession) => session.status?.phase === phase
export const readyOf = ({ status }: GameSession) => condition(status?.conditions, 'Ready')
