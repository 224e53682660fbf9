// The whole of WASD Cloud on one machine: a real control plane, Postgres and Redis; Azure, Telegram, Razorpay and the
// guests simulated; operator and api run from what the chart renders. Everything lies under one folder, listens on free
// ports, and goes when this process goes.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { type Clock, systemClock } from '../../lib/process/clock.ts'
import type { Progress } from '../cluster/binaries.ts'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { REPOSITORY } from '../cluster/folders.ts'
import { findTools } from '../cluster/tools.ts'
import { type CommandResult, command } from './commands.ts'
import { type Pod, QUICK_RESTART, type Restart } from './pod.ts'
import { freePort } from './ports.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { type Redis, startRedis } from './redis.ts'
import { installRelease, type Release } from './release.ts'
import { type SimulatorOptions, type Simulators, startSimulators } from './simulators.ts'
import { merged, simulatorArguments, stackValues } from './values.ts'

/** The Helm release's name, and the namespace of programs and sessions alike. */
const RELEASE = 'wasd'
const NAMESPACE = 'wasd'
const CHART = join(REPOSITORY, 'charts', 'wasd-cloud')
const CATALOGUE = join(REPOSITORY, 'manifests', 'catalogue.yaml')

export interface StackOptions {
  /** Default: a new one under .run/ of the repository. */
  folder?: string
  /** How many times as fast as in life Azure's delays, boots, polls and probes are; 20. Billing stays on real time. */
  speed?: number
  /** Default 1 each. */
  replicas?: { operator?: number; api?: number }
  /** `short`: a standby takes over in three seconds, not fifteen. */
  leases?: 'standard' | 'short'
  /** Default true, where there is one. */
  controllerManager?: boolean
  /** More command line options of the simulators. */
  simulators?: SimulatorOptions
  /** Chart values that win over the stack's own. */
  values?: object
  /** False: the chart is applied, and neither program started before `release.start()`. */
  programs?: boolean
  /** What happens to a program that has ended; `QUICK_RESTART`. */
  restart?: Restart
  /** One line for a person, whenever something takes long or is done. */
  progress?: Progress
  clock?: Clock
  /** Aborted while the stack comes up: it goes down again, and the call throws the signal's reason. */
  stop?: AbortSignal
}

export interface Stack {
  readonly folder: string
  readonly namespace: string
  readonly cluster: Cluster
  readonly postgres: Postgres
  readonly redis: Redis
  readonly simulators: Simulators
  readonly release: Release
  readonly operator: Pod[]
  readonly api: Pod[]
  readonly urls: { api: string; operator: string; azure: string; telegram: string; razorpay: string; guest: string }
  /** User names of the programs' service accounts, as the audit log has them. */
  readonly users: { operator: string; api: string }
  /** As cluster-admin. */
  kubectl(args: string[], input?: string): Promise<CommandResult>
  /** Ends every process. The folder stays, with all logs. */
  stop(): Promise<void>
  /** Ends every process and deletes the folder. */
  remove(): Promise<void>
}

/** Resolves when all of it is ready. Throws in words for a person, and then leaves nothing running. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { speed = 20, leases = 'standard', progress = () => {}, clock = systemClock } = options
  const ended = options.stop ?? new AbortController().signal
  const id = randomBytes(4).toString('hex')
  const folder = resolve(options.folder ?? join(REPOSITORY, '.run', id))
  const inside = (name: string) => join(folder, name)
  const catalogue: unknown = parse(readFileSync(CATALOGUE, 'utf8'))
  const secrets = {
    telegramToken: `7000000001:${randomBytes(16).toString('hex')}`,
    telegramWebhook: randomBytes(16).toString('hex'),
    telegramLogin: randomBytes(16).toString('hex'),
    tokenKey: randomBytes(32).toString('base64'),
    razorpayWebhook: randomBytes(16).toString('hex'),
  }
  const ports = {
    api: { http: await freePort(), metrics: await freePort() },
    operator: { http: await freePort(), metrics: await freePort() },
  }
  const apiUrl = `http://127.0.0.1:${ports.api.http}`

  /** What to undo, the last first. */
  const running: (() => Promise<void>)[] = []
  const stop = async () => {
    for (let undo = running.pop(); undo; undo = running.pop()) await undo()
  }
  /** Remembers how to stop a thing as soon as it runs, however long the others take. */
  const kept = async <Thing extends { stop(): Promise<void> }>(
    starting: Promise<Thing>,
    said: string,
  ): Promise<Thing> => {
    const thing = await starting
    running.push(async () => await thing.stop())
    progress(said)
    return thing
  }

  try {
    mkdirSync(folder, { recursive: true })
    const tools = await findTools()
    const controllerManager = options.controllerManager ?? true
    const parts = [
      kept(
        startCluster({ folder: inside('cluster'), controllerManager, progress, clock, stop: ended }),
        'Kubernetes is up',
      ),
      kept(startPostgres({ folder: inside('postgres') }), 'Postgres is up'),
      kept(startRedis({ folder: inside('redis'), progress }), 'Redis is up'),
      kept(
        startSimulators({
          folder: inside('simulators'),
          arguments: simulatorArguments({ catalogue, secrets, apiUrl, speed, more: options.simulators ?? {} }),
        }),
        'Azure, Telegram, Razorpay and the guests are simulated',
      ),
    ] as const
    await Promise.allSettled(parts) // What is still starting must not be left behind.
    ended.throwIfAborted()
    const [cluster, postgres, redis, simulators] = await Promise.all(parts)

    const kubectl = async (args: string[], input?: string) =>
      await command({
        file: tools.kubectl,
        args,
        input,
        environment: { PATH: process.env.PATH, HOME: folder, KUBECONFIG: cluster.kubeconfig },
      })
    const values = stackValues({
      id,
      catalogue,
      simulators,
      secrets,
      databases: {
        api: postgres.url('wasd_api'),
        apiOwner: postgres.ownerUrl('wasd_api'),
        operator: postgres.url('wasd_operator'),
      },
      redis: redis.url,
      ports,
      apiUrl,
      speed,
      leases,
      replicas: { operator: options.replicas?.operator ?? 1, api: options.replicas?.api ?? 1 },
    })
    const release = await installRelease({
      helm: tools.helm,
      chart: CHART,
      release: RELEASE,
      namespace: NAMESPACE,
      values: merged(values, options.values ?? {}),
      cluster,
      kubectl,
      folder: inside('release'),
      restart: options.restart ?? QUICK_RESTART,
      clock,
    })
    running.push(async () => await release.stop())
    progress('the chart is applied')
    ended.throwIfAborted()
    if (options.programs ?? true) {
      await release.start()
      progress('operator and api are ready')
    }

    return {
      folder,
      namespace: NAMESPACE,
      cluster,
      postgres,
      redis,
      simulators,
      release,
      operator: release.pods(`${RELEASE}-operator`),
      api: release.pods(`${RELEASE}-api`),
      urls: {
        api: apiUrl,
        operator: `http://127.0.0.1:${ports.operator.http}`,
        azure: simulators.azure.url,
        telegram: simulators.telegram.url,
        razorpay: simulators.razorpay.url,
        guest: simulators.guest.url,
      },
      users: {
        operator: `system:serviceaccount:${NAMESPACE}:${RELEASE}-operator`,
        api: `system:serviceaccount:${NAMESPACE}:${RELEASE}-api`,
      },
      kubectl,
      stop,
      async remove() {
        await stop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await stop()
    if (ended.aborted) rmSync(folder, { recursive: true, force: true })
    else progress(`it did not come up; every log is under ${folder}`)
    throw error
  }
}
