// The cluster's servers, from the first of: KUBEBUILDER_ASSETS, the cache, a build by Go, the envtest download. There is
// no package that carries a kube-apiserver.
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../lib/process/clock.ts'
import { downloadEnvtest, ENVTEST_VERSION, EnvtestError } from './envtest.ts'
import { CACHE } from './folders.ts'
import { goBuild, hasGo, versions } from './go-build.ts'
import { withLock } from './lock.ts'

export interface Binaries {
  etcd: string
  kubeApiserver: string
  /** Absent when the binaries are envtest's, which has none. */
  kubeControllerManager: string | undefined
}

/** One line for a person who waits. */
export type Progress = (line: string) => void

/** The servers can neither be found nor made. The message says what to install. */
export class BinariesError extends Error {
  readonly code = 'NoClusterBinaries'
}

export interface BinariesOptions {
  environment?: NodeJS.ProcessEnv
  progress?: Progress
  clock?: Clock
  stop?: AbortSignal | undefined
}

/** Throws `BinariesError` or `GoBuildError`. Concurrent calls, in one process or in several, share what is made. */
export async function findBinaries(options: BinariesOptions = {}): Promise<Binaries> {
  const { environment = process.env, progress = () => {}, clock = systemClock, stop } = options
  if (environment.KUBEBUILDER_ASSETS) return fromAssets(environment.KUBEBUILDER_ASSETS)

  const { kubernetes, etcd } = versions()
  const machine = `${process.platform}-${process.arch}`
  const built = join(CACHE, 'bin', `kubernetes-${kubernetes}-etcd-${etcd}-${machine}`)
  const downloaded = join(CACHE, 'bin', `envtest-${ENVTEST_VERSION}-${machine}`)
  const known = async () => inFolder(built) ?? ((await hasGo()) ? undefined : inFolder(downloaded))

  const found = await known()
  if (found) return found
  const lock = {
    file: join(CACHE, 'bin', 'servers.lock'),
    onWait: () => progress('another run is fetching or building the Kubernetes servers; waiting for it'),
    clock,
    stop,
  }
  return await withLock(lock, async () => {
    const made = await known()
    if (made) return made
    if (await hasGo()) await goBuild({ folder: built, progress, clock, stop })
    else await download({ folder: downloaded, progress, stop })
    const now = await known()
    if (!now) throw new BinariesError(`Neither ${built} nor ${downloaded} holds the servers after they were made.`)
    return now
  })
}

async function download(options: { folder: string; progress: Progress; stop: AbortSignal | undefined }): Promise<void> {
  try {
    await downloadEnvtest(options)
  } catch (cause) {
    if (!(cause instanceof EnvtestError)) throw cause
    throw new BinariesError(
      'A real API server is needed, and there is no way to one here: install Go 1.25 or newer (https://go.dev/dl), or set ' +
        `KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver 1.35. (No download either: ${cause.message})`,
      { cause },
    )
  }
}

function fromAssets(folder: string): Binaries {
  const found = inFolder(folder)
  if (found) return found
  throw new BinariesError(
    `KUBEBUILDER_ASSETS is ${folder}, which does not hold both etcd and kube-apiserver. Point it at a folder made by ` +
      '`setup-envtest use 1.35.x --print path`, or unset it to have the servers built by Go or downloaded.',
  )
}

/** The controller manager is taken from beside the API server only: it must not be newer than that. */
function inFolder(folder: string): Binaries | undefined {
  const [etcd, kubeApiserver, manager] = ['etcd', 'kube-apiserver', 'kube-controller-manager'].map(name =>
    join(folder, name),
  )
  if (!etcd || !kubeApiserver || !isExecutable(etcd) || !isExecutable(kubeApiserver)) return undefined
  return { etcd, kubeApiserver, kubeControllerManager: manager && isExecutable(manager) ? manager : undefined }
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
