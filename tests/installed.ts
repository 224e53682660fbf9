// Programs that tests build or fetch once, kept in the cache under what their sources say.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cache = resolve(import.meta.dirname, '../.cache/test-programs')

/** The folder that `make` has filled, now or before: whole or not at all. `files` lie in `source`. */
async function installed(
  { name, source, files }: { name: string; source: string; files: string[] },
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const content = files.map(file => readFileSync(join(source, file), 'utf8')).join('\0')
  const folder = join(cache, `${name}-${createHash('sha256').update(content).digest('hex').slice(0, 12)}`)
  if (existsSync(folder)) return folder
  const temporary = `${folder}.${process.pid}`
  mkdirSync(temporary, { recursive: true })
  try {
    await make(temporary)
    renameSync(temporary, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  return folder
}

/** Path of the program of a Go module in `source`. */
async function goProgram({ name, source }: { name: string; source: string }): Promise<string> {
  const folder = await installed({ name, source, files: ['go.mod', 'go.sum', 'main.go'] }, async folder => {
    const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' }
    const args = ['build', '-mod=readonly', '-trimpath', '-o', join(folder, name), '.']
    await run('go', args, { cwd: source, env })
  })
  return join(folder, name)
}

/** The folder of the packages from PyPI that `requirements.txt` in `source` pins. */
export async function pythonPackages({ name, source }: { name: string; source: string }): Promise<string> {
  return await installed({ name, source, files: ['requirements.txt'] }, async folder => {
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-input']
    const from = ['--requirement', join(source, 'requirements.txt')]
    await run('python3', ['-m', 'pip', 'install', ...quiet, '--target', folder, ...from])
  })
}

/** Judges health as kstatus, Argo CD and Flux do. */
export async function healthJudge(): Promise<string> {
  return await goProgram({ name: 'health', source: resolve(import.meta.dirname, 'health/checker') })
}

/** Brings a machine through its life by armcompute. */
export async function azureForGo(): Promise<string> {
  return await goProgram({ name: 'azure-go', source: resolve(import.meta.dirname, 'simulators/clients/go') })
}

/** The folder of azure-mgmt-compute and what it needs. */
export async function azureForPython(): Promise<string> {
  return await pythonPackages({
    name: 'azure-python',
    source: resolve(import.meta.dirname, 'simulators/clients/python'),
  })
}
