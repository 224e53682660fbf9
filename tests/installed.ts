// Programs that tests build or fetch once, kept in the cache under what their sources say.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cache = resolve(import.meta.dirname, '../.cache/test-programs')

/** The folder that `make` has filled, now or before: whole or not at all. `files` lie in `source`. */
export async function installed(
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
export async function goProgram({ name, source }: { name: string; source: string }): Promise<string> {
  const folder = await installed({ name, source, files: ['go.mod', 'go.sum', 'main.go'] }, async folder => {
    const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' }
    const args = ['build', '-mod=readonly', '-trimpath', '-o', join(folder, name), '.']
    await run('go', args, { cwd: source, env })
  })
  return join(folder, name)
}
