// Builds the cluster's servers by Go, from binaries/go.mod.
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../../lib/process/clock.ts'
import { type Command, ProcessError, runToEnd } from '../stack/processes.ts'
import type { Progress } from './binaries.ts'

const run = promisify(execFile)

const MODULE = resolve(import.meta.dirname, 'binaries')
const PROGRESS_SECONDS = 10

const packages = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
} as const
type Name = keyof typeof packages

/** Go refused; the message holds its words. */
export class GoBuildError extends Error {
  readonly code = 'GoBuildFailed'
}

interface Building {
  folder: string
  progress: Progress
  clock: Clock
  stop: AbortSignal | undefined
}

/** Fills `folder` with all three, whole or not at all. Throws `GoBuildError`. */
export async function goBuild(options: Building): Promise<void> {
  const { folder, progress } = options
  const temporary = `${folder}.${process.pid}`
  mkdirSync(temporary, { recursive: true })
  try {
    progress(`building etcd ${versions().etcd} and Kubernetes ${versions().kubernetes} by Go, once`)
    for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const) {
      await buildOne({ ...options, name, folder: temporary })
    }
    mkdirSync(dirname(folder), { recursive: true })
    rmSync(folder, { recursive: true, force: true })
    renameSync(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** Whether the Go on the PATH, if there is one, knows the module's version of the language or can fetch one that does. */
export async function hasGo(): Promise<boolean> {
  try {
    await run('go', ['list', '-m'], { cwd: MODULE, env: { ...process.env, GOFLAGS: '', GOWORK: 'off' } })
    return true
  } catch {
    return false
  }
}

async function buildOne(options: Building & { name: Name }): Promise<void> {
  const { name, folder, progress, clock, stop } = options
  const began = clock.monotonic()
  const seconds = () => Math.round((clock.monotonic() - began) / 1000)
  const done = new AbortController()
  const telling = tellWhile(() => progress(`building ${name} (${seconds()} s)`), { clock, signal: done.signal })
  try {
    await runToEnd(commandFor({ name, folder }), stop)
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error
    throw new GoBuildError(`Go could not build the servers. ${error.message}`, { cause: error })
  } finally {
    done.abort()
    await telling
  }
  progress(`built ${name} in ${seconds()} s`)
}

function commandFor({ name, folder }: { name: Name; folder: string }): Command {
  const own = Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
  return {
    name: `go build ${name}`,
    file: 'go',
    args: ['build', '-mod=readonly', '-trimpath', '-ldflags', linkerFlags(), '-o', join(folder, name), packages[name]],
    cwd: MODULE,
    env: { ...Object.fromEntries(own), CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    log: `${folder}.log`,
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

/** As go.mod pins them. */
export function versions(): { kubernetes: string; etcd: string } {
  const text = readFileSync(join(MODULE, 'go.mod'), 'utf8')
  const of = (path: string) => new RegExp(`^\\s*${path} (v\\S+)$`, 'm').exec(text)?.[1] ?? 'unknown'
  return { kubernetes: of('k8s\\.io/kubernetes'), etcd: of('go\\.etcd\\.io/etcd/server/v3') }
}
