// Data folders for Postgres. initdb takes a second or two of a core, so it runs once for a version of Postgres, and what it
// made is kept and copied.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CACHE } from '../cluster/folders.ts'
import { type Binaries, isRoot, NOBODY, PostgresError, unprivileged } from './postgres-binaries.ts'

const run = promisify(execFile)

const ARGUMENTS = [
  ...['--username=postgres', '--auth=scram-sha-256', '--no-sync', '--wal-segsize=4'],
  // The builtin provider sorts alike on every machine, whatever locales that has.
  ...['--encoding=UTF8', '--locale-provider=builtin', '--locale=C', '--builtin-locale=C.UTF-8'],
]

/** Makes the folder `data`, which must not be there. Resolves to the superuser's password in it. */
export async function makeData({ binaries, data }: { binaries: Binaries; data: string }): Promise<string> {
  const { mtimeMs, size } = statSync(binaries.initdb)
  const mark = createHash('sha256')
    .update(JSON.stringify([binaries.initdb, mtimeMs, size, ARGUMENTS]))
    .digest('hex')
  const kept = join(CACHE, 'postgres', mark.slice(0, 16))
  if (!existsSync(kept)) await keep(binaries, kept)
  await run('cp', ['-a', join(kept, 'data'), data])
  return readFileSync(join(kept, 'password'), 'utf8')
}

async function keep(binaries: Binaries, kept: string): Promise<void> {
  mkdirSync(join(CACHE, 'postgres'), { recursive: true })
  const making = mkdtempSync(`${kept}-`)
  const [data, passwordFile] = [join(making, 'data'), join(making, 'password')]
  writeFileSync(passwordFile, randomBytes(18).toString('hex'), { mode: 0o600 })
  mkdirSync(data, { mode: 0o700 })
  if (isRoot()) chownSync(data, NOBODY, NOBODY)
  const { file, args } = unprivileged(binaries.initdb, [`--pgdata=${data}`, `--pwfile=${passwordFile}`, ...ARGUMENTS])
  try {
    await run(file, args)
    renameSync(making, kept)
  } catch (error) {
    rmSync(making, { recursive: true, force: true })
    if (existsSync(kept)) return // Another process was first.
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new PostgresError(`Postgres' data folder could not be made in ${data}:\n${said}`)
  }
}
