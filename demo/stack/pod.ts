// One replica of a Deployment as a process of this machine: its files, its environment, its init containers, its
// restarts, its readiness, as a kubelet would have them.
//
// Not modelled: images (the programs are run from the repository), user ids, resources, liveness and startup probes,
// `$(VAR)` in arguments, more than one container.
//
// Stopped → start() → init containers, one after the other → the program runs → ready. When it ends by itself or is
// killed it is started again after a delay that doubles; stop() ends it for good, until start().
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Clock } from '../../lib/process/clock.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { REPOSITORY } from '../cluster/folders.ts'
import { environmentOf, placed, type Surroundings } from './pod-environment.ts'
import type { PodIdentity } from './pod-identity.ts'
import type { Container, Deployment } from './pod-template.ts'
import { type PodVolume, podVolume } from './pod-volumes.ts'
import { type Child, type Command, ProcessError, runToEnd, start, tell } from './processes.ts'

/** When a program that has ended is started again. */
export type Restart = 'Never' | { firstSeconds: number; maximumSeconds: number }

/** A kubelet waits 10 s to 5 min; here somebody is waiting. */
export const QUICK_RESTART: Restart = { firstSeconds: 0.2, maximumSeconds: 10 }
/** A program that ran so long has not crashed from its start, and begins with the first delay again. */
const STEADY_SECONDS = 60
const REFRESH_SECONDS = 2
const READY_SECONDS = 90
const LOOK_MILLISECONDS = 50

export interface Pod {
  readonly name: string
  /** Standard output and error of all its containers. */
  readonly log: string
  /** Base URL of a named port: `http`, `metrics`. */
  url(port: string): string
  /** Makes the files, runs the init containers, starts the program; resolves when it is ready. Throws `ProcessError`. */
  start(): Promise<void>
  /** Ends it in good order, and leaves it so. */
  stop(): Promise<void>
  /** To the program: SIGKILL is a crash (it is restarted, unless `Never`), SIGSTOP and SIGCONT hang it for a while. */
  kill(signal: NodeJS.Signals): void
  isRunning(): boolean
  /** What the readiness probe says now. */
  isReady(): Promise<boolean>
  /** Resolves when the probe says ready. Throws `ProcessError` when that takes too long, or the program has ended for good. */
  untilReady(seconds?: number): Promise<void>
  /** How often it was started again. */
  restarts(): number
  /** The process id of the program that runs now. */
  pid(): number | undefined
  lastWords(lines?: number): Promise<string>
}

export interface PodOptions {
  deployment: Deployment
  namespace: string
  /** Counts the replicas, from 0. */
  index: number
  /** The ports of this replica by those of the template. */
  ports: Map<number, number>
  /** Its files and log are under here. */
  folder: string
  cluster: Cluster
  restart: Restart
  clock: Clock
}

export function createPod(options: PodOptions): Pod {
  const { deployment, namespace, index, ports, cluster, restart, clock } = options
  const { template } = deployment.spec
  const program = programOf(deployment)
  const identity: PodIdentity = {
    name: `${deployment.metadata.name}-${index}`,
    namespace,
    serviceAccount: template.spec.serviceAccountName,
    uid: randomUUID(),
    labels: template.metadata.labels,
    annotations: template.metadata.annotations,
  }
  const folder = join(options.folder, identity.name)
  const root = join(folder, 'root')
  const log = join(folder, 'log')
  const around: Surroundings = { pod: identity, api: cluster.api, apiServerPort: cluster.port, root, ports }
  const volumes = volumesOf({ deployment, root, identity, cluster })
  const grace = template.spec.terminationGracePeriodSeconds

  let child: Child | undefined
  let restarts = 0
  /** Whether a program that ends is started again: once it has been ready, unless `Never`. */
  let isKept = false
  /** Aborted by stop(): ends the looking after. */
  let life: AbortController | undefined
  let keeping: Promise<void>[] = []

  const refresh = async () => {
    for (const volume of volumes) await volume.refresh(clock.now())
  }
  const commandOf = async (container: Container): Promise<Command> => {
    const [file = '', ...fixed] = container.command
    return {
      name: container === program ? identity.name : `${identity.name} ${container.name}`,
      file: file === 'node' ? process.execPath : file,
      args: [...fixed, ...container.args].map(text => placed(text, container, root)),
      env: await environmentOf(container, around),
      cwd: REPOSITORY, // Where the image has it under its workingDir.
      log,
      graceSeconds: grace,
    }
  }
  const portOf = (named: string | number): number => {
    const found = program.ports.find(({ name, containerPort }) => name === named || containerPort === named)
    if (!found) throw new Error(`${identity.name} has no port ${named}.`)
    return ports.get(found.containerPort) ?? found.containerPort
  }
  const isReady = async (): Promise<boolean> => {
    if (!child?.isRunning()) return false
    const probe = program.readinessProbe?.httpGet
    if (!probe) return true
    const url = `http://127.0.0.1:${portOf(probe.port)}${probe.path}`
    const reply = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    await reply?.body?.cancel()
    return reply?.ok ?? false
  }

  /** Files follow the cluster; while the API server is away they stay as they are. */
  async function keepFiles(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(REFRESH_SECONDS * 1000, signal).catch(() => undefined)
      if (!signal.aborted) await refresh().catch(() => undefined)
    }
  }

  async function keepRunning(policy: Exclude<Restart, 'Never'>, signal: AbortSignal): Promise<void> {
    let delaySeconds = policy.firstSeconds
    while (!signal.aborted) {
      const began = clock.monotonic()
      await child?.ended
      if (signal.aborted) return
      const ranSeconds = (clock.monotonic() - began) / 1000
      if (ranSeconds > STEADY_SECONDS) delaySeconds = policy.firstSeconds
      await clock.sleep(delaySeconds * 1000, signal).catch(() => undefined)
      if (signal.aborted) return
      delaySeconds = Math.min(delaySeconds * 2, policy.maximumSeconds)
      const startAgain = async () => {
        child = await start(await commandOf(program))
        restarts += 1
      }
      await startAgain().catch(() => undefined) // The API server may be away; the next round tries again.
    }
  }

  async function untilReady(seconds = READY_SECONDS): Promise<void> {
    const deadline = clock.monotonic() + seconds * 1000
    while (!(await isReady())) {
      const ended = child && !child.isRunning() ? await child.ended : undefined
      if (ended && !isKept) {
        throw new ProcessError(`${identity.name} ended (${tell(ended)}). Its log ends with:\n${await lastWords()}`)
      }
      if (clock.monotonic() > deadline) {
        throw new ProcessError(
          `${identity.name} was not ready after ${seconds} s. Its log ends with:\n${await lastWords()}`,
        )
      }
      await clock.sleep(LOOK_MILLISECONDS)
    }
  }
  const lastWords = async (lines?: number) => (await child?.lastWords(lines)) ?? ''

  return {
    name: identity.name,
    log,
    url: port => `http://127.0.0.1:${portOf(port)}`,
    async start() {
      if (life) return
      life = new AbortController()
      const { signal } = life
      try {
        await refresh()
        for (const container of template.spec.initContainers) await runToEnd(await commandOf(container), signal)
        child = await start(await commandOf(program))
        keeping = [keepFiles(signal)]
        await untilReady()
        if (restart !== 'Never') {
          isKept = true
          keeping.push(keepRunning(restart, signal))
        }
      } catch (error) {
        await this.stop()
        throw error
      }
    },
    async stop() {
      life?.abort()
      await child?.stop()
      await Promise.all(keeping)
      await child?.stop() // One that was just being started again.
      life = undefined
      isKept = false
    },
    kill: signal => child?.kill(signal),
    isRunning: () => child?.isRunning() ?? false,
    isReady,
    untilReady,
    restarts: () => restarts,
    pid: () => (child?.isRunning() ? child.pid : undefined),
    lastWords,
  }
}

function programOf({ metadata, spec }: Deployment): Container {
  const [program] = spec.template.spec.containers
  if (!program) throw new Error(`Deployment ${metadata.name} has no container.`)
  return program
}

/** One for each mount, so that every mounted path has its folder. */
function volumesOf(options: {
  deployment: Deployment
  root: string
  identity: PodIdentity
  cluster: Cluster
}): PodVolume[] {
  const { deployment, root, identity, cluster } = options
  const { spec } = deployment.spec.template
  const mounts = [...spec.initContainers, ...spec.containers].flatMap(({ volumeMounts }) => volumeMounts)
  const byPath = new Map(mounts.map(mount => [mount.mountPath, mount.name]))
  return [...byPath].map(([mountPath, name]) => {
    const volume = spec.volumes.find(each => each.name === name)
    if (!volume) throw new Error(`${identity.name} mounts ${name}, which is none of its volumes.`)
    return podVolume({ volume, folder: `${root}${mountPath}`, pod: identity, api: cluster.api })
  })
}
