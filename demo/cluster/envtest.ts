// etcd and kube-apiserver as the Kubernetes project publishes them for tests: for machines with a network and no Go.
// https://book.kubebuilder.io/reference/envtest, the same index and archives as `setup-envtest` takes.
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { ProcessError, runToEnd } from '../stack/processes.ts'
import type { Progress } from './binaries.ts'

const INDEX = 'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml'
/** Of the same minor version as what go.mod builds. */
export const ENVTEST_VERSION = 'v1.35.0'
const DOWNLOAD_SECONDS = 300

const releases = z.object({
  releases: z.record(z.string(), z.record(z.string(), z.object({ hash: z.string(), selfLink: z.url() }))),
})

/** There is no network, no such release, or not the bytes that the index promises. */
export class EnvtestError extends Error {
  readonly code = 'NoEnvtest'
}

/** Fills `folder` with both, whole or not at all. Throws `EnvtestError`. */
export async function downloadEnvtest(options: {
  folder: string
  progress: Progress
  index?: string
  stop?: AbortSignal | undefined
}): Promise<void> {
  const { folder, progress, index = INDEX, stop } = options
  const timeout = AbortSignal.timeout(DOWNLOAD_SECONDS * 1000)
  const signal = stop ? AbortSignal.any([stop, timeout]) : timeout
  const name = `envtest-${ENVTEST_VERSION}-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}.tar.gz`
  const known = releases.safeParse(parse((await fetched(index, signal)).toString('utf8')))
  const archive = known.data?.releases[ENVTEST_VERSION]?.[name]
  if (!archive) throw new EnvtestError(`${index} lists no ${name}.`)

  progress(`downloading etcd and kube-apiserver ${ENVTEST_VERSION} (envtest), once`)
  const bytes = await fetched(archive.selfLink, signal)
  const hash = createHash('sha512').update(bytes).digest('hex')
  if (hash !== archive.hash)
    throw new EnvtestError(`${archive.selfLink} is not what its index promises (SHA-512 ${hash}).`)

  const temporary = `${folder}.${process.pid}`
  mkdirSync(join(temporary, 'unpacked'), { recursive: true })
  try {
    writeFileSync(join(temporary, name), bytes)
    await unpack(temporary, name)
    mkdirSync(join(temporary, 'bin'))
    for (const program of ['etcd', 'kube-apiserver'])
      place({ program, from: join(temporary, 'unpacked'), to: join(temporary, 'bin') })
    rmSync(folder, { recursive: true, force: true })
    renameSync(join(temporary, 'bin'), folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

async function fetched(url: string, signal: AbortSignal): Promise<Buffer> {
  try {
    const reply = await fetch(url, { signal })
    if (!reply.ok) throw new EnvtestError(`${url} was answered by ${reply.status}.`)
    return Buffer.from(await reply.arrayBuffer())
  } catch (cause) {
    if (cause instanceof EnvtestError) throw cause
    throw new EnvtestError(`${url} could not be reached.`, { cause })
  }
}

async function unpack(folder: string, archive: string): Promise<void> {
  const args = ['-xzf', join(folder, archive), '-C', join(folder, 'unpacked')]
  try {
    await runToEnd({ name: 'tar', file: 'tar', args, log: join(folder, 'tar.log') })
  } catch (cause) {
    if (!(cause instanceof ProcessError)) throw cause
    throw new EnvtestError(`${archive} could not be unpacked. ${cause.message}`, { cause })
  }
}

/** The archive's folders are its own affair. */
function place({ program, from, to }: { program: string; from: string; to: string }): void {
  const found = readdirSync(from, { recursive: true, withFileTypes: true }).find(
    entry => entry.isFile() && entry.name === program,
  )
  if (!found) throw new EnvtestError(`The envtest archive holds no ${program}.`)
  cpSync(join(found.parentPath, program), join(to, program))
}
