// The cluster's servers: from KUBEBUILDER_ASSETS where somebody has them, else built once by Go into the cache. There
// is no package that carries a kube-apiserver.
import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type Clock, systemClock } from '../../lib/process/clock.ts'
import { type Command, ProcessError, runToEnd } from '../stack/processes.ts'
import { CACHE } from './folders.ts'
import { withLock } from './lock.ts'

const run = promisify(execFile)

export interface Binaries {
  etcd: string
  kubeApiserver: string
  /** Absent when the binaries are envtest's, which has none. */
  kubeControllerManager: string | undefined
}

/** One line for a person who waits. */
export type Progress = (line: string) => void

/** The servers can neither be found nor built. The message says what to install. */
export class BinariesError extends Error {
  readonly code = 'NoClusterBinaries'
}

const MODULE = resolve(import.meta.dirname, 'binaries')
const PROGRESS_SECONDS = 10

type Name = 'etcd' | 'kube-apiserver' | 'kube-controller-manager'

const packages: Record<Name, string> = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
}

/** Throws `BinariesError`. Concurrent calls, in one process or in several, share one build. */
export async function findBinaries(
  options: { environment?: NodeJS.ProcessEnv; progress?: Progress; clock?: Clock; stop?: AbortSignal } = {},
): Promise<Binaries> {
  const { environment = process.env, progress = () => {}, clock = systemClock, stop } = options
  const assets = environment.KUBEBUILDER_ASSETS
  if (assets) return fromAssets(assets)

  const folder = join(CACHE, 'bin', cacheName())
  if (!isComplete(folder)) await build({ folder, progress, clock, stop })
  return {
    etcd: join(folder, 'etcd'),
    kubeApiserver: join(folder, 'kube-apiserver'),
    kubeControllerManager: join(folder, 'kube-controller-manager'),
  }
}

function fromAssets(folder: string): Binaries {
  const of = (name: Name) => join(folder, name)
  const missing = (['etcd', 'kube-apiserver'] as const).filter(name => !isExecutable(of(name)))
  if (missing.length > 0) {
    throw new BinariesError(
      `KUBEBUILDER_ASSETS is ${folder}, which holds no ${missing.join(' and no ')}. ` +
        'Point it at a folder made by `setup-envtest use 1.35.x --print path`, or unset it to have the servers built by Go.',
    )
  }
  // A controller manager from elsewhere could be newer than this API server, which Kubernetes does not support.
  const controllerManager = of('kube-controller-manager')
  return {
    etcd: of('etcd'),
    kubeApiserver: of('kube-apiserver'),
    kubeControllerManager: isExecutable(controllerManager) ? controllerManager : undefined,
  }
}

interface Building {
  folder: string
  progress: Progress
  clock: Clock
  stop: AbortSignal | undefined
}

async function build(options: Building): Promise<void> {
  const { folder, progress, clock, stop } = options
  const go = await goVersion()
  await withLock(
    {
      file: `${folder}.lock`,
      onWait: () => progress('another run is building the Kubernetes servers; waiting for it'),
      clock,
      stop,
    },
    async () => {
      if (isComplete(folder)) return
      const temporary = `${folder}.${process.pid}`
      mkdirSync(temporary, { recursive: true })
      try {
        progress(`building etcd ${versions().etcd} and Kubernetes ${versions().kubernetes} with ${go}, once`)
        for (const name of Object.keys(packages) as Name[])
          await buildOne({ name, folder: temporary, progress, clock, stop })
        mkdirSync(dirname(folder), { recursive: true })
        rmSync(folder, { recursive: true, force: true })
        renameSync(temporary, folder)
      } finally {
        rmSync(temporary, { recursive: true, force: true })
      }
    },
  )
}

async function buildOne(options: Building & { name: Name }): Promise<void> {
  const { name, folder, progress, clock, stop } = options
  const began = clock.monotonic()
  const seconds = () => Math.round((clock.monotonic() - began) / 1000)
  const done = new AbortController()
  const telling = tellWhile(() => progress(`building ${name} (${seconds()} s)`), { clock, signal: done.signal })
  try {
    await runToEnd(goBuild({ name, folder }), stop)
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error
    throw new BinariesError(`Go could not build the servers. ${error.message}`, { cause: error })
  } finally {
    done.abort()
    await telling
  }
  progress(`built ${name} in ${seconds()} s`)
}

function goBuild({ name, folder }: { name: Name; folder: string }): Command {
  const own = Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
  return {
    name: `go build ${name}`,
    file: 'go',
    args: ['build', '-mod=readonly', '-trimpath', '-ldflags', linkerFlags(), '-o', join(folder, name), packages[name]],
    cwd: MODULE,
    env: { ...Object.fromEntries(own), CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    log: join(CACHE, 'bin', `${cacheName()}.log`),
    graceSeconds: 5,
  }
}

async function tellWhile(say: () => void, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(PROGRESS_SECONDS * 1000, signal).catch(() => undefined)
    if (!signal.aborted) say()
  }
}

/** Without a version Kubernetes' programs call themselves v0.0.0, which clients refuse to talk to. */
function linkerFlags(): string {
  const version = versions().kubernetes
  const [major, minor] = version.replace(/^v/, '').split('.')
  const set = (name: string, value: string | undefined) => `-X k8s.io/component-base/version.${name}=${value}`
  return ['-s -w', set('gitVersion', version), set('gitMajor', major), set('gitMinor', minor)].join(' ')
}

async function goVersion(): Promise<string> {
  try {
    const { stdout } = await run('go', ['env', 'GOVERSION'], { cwd: MODULE, env: { ...process.env, GOWORK: 'off' } })
    return stdout.trim()
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code !== 'ENOENT'
    const why = isThere ? 'The Go on the PATH is too old to read demo/cluster/binaries/go.mod' : 'There is no Go here'
    throw new BinariesError(
      `${why}, and KUBEBUILDER_ASSETS is not set: a real API server comes from one of the two. ` +
        'Install Go 1.25 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver 1.35.',
    )
  }
}

/** As go.mod pins them. */
function versions(): { kubernetes: string; etcd: string } {
  const text = readFileSync(join(MODULE, 'go.mod'), 'utf8')
  const of = (path: string) => new RegExp(`^\\s*${path} (v\\S+)$`, 'm').exec(text)?.[1] ?? 'unknown'
  return { kubernetes: of('k8s\\.io/kubernetes'), etcd: of('go\\.etcd\\.io/etcd/server/v3') }
}

function cacheName(): string {
  const { kubernetes, etcd } = versions()
  return `kubernetes-${kubernetes}-etcd-${etcd}-${process.platform}-${process.arch}`
}

function isComplete(folder: string): boolean {
  return (Object.keys(packages) as Name[]).every(name => existsSync(join(folder, name)))
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
