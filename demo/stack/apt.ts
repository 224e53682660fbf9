// Programs out of Debian's packages, where we may install them.
import { execFile } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { isExecutable, type Progress } from '../cluster/binaries.ts'
import { CACHE } from '../cluster/folders.ts'
import { withLock } from '../cluster/lock.ts'

const run = promisify(execFile)
const INSTALL_SECONDS = 300

/** Whether this user and this machine can install. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && onPath('apt-get') !== undefined
}

/** Installs a package once, unless `isThere` says that it is; waits for who is at it. Throws what apt-get said. */
export async function installPackage(
  name: string,
  { isThere, progress = () => {} }: { isThere: () => boolean; progress?: Progress | undefined },
): Promise<void> {
  await withLock({ file: join(CACHE, 'apt.lock') }, async () => {
    if (isThere()) return
    progress(`installing ${name} by apt-get, once`)
    await install(name)
  })
}

/** What Debian's packages ask before they start a service: https://www.debian.org/doc/debian-policy/ch-opersys.html */
const POLICY = '/usr/sbin/policy-rc.d'

async function install(name: string): Promise<void> {
  const mayForbid = !existsSync(POLICY)
  // We want the program alone; a service would take the machine's own port.
  if (mayForbid) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const aptGet = async (...args: string[]) =>
    await run('apt-get', args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeout: INSTALL_SECONDS * 1000,
    })
  const installIt = async () => await aptGet('install', '--yes', '--no-install-recommends', name)
  try {
    await installIt().catch(async () => {
      await aptGet('update') // A fresh image has no package lists.
      await installIt()
    })
  } catch (error) {
    throw new Error(error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error))
  } finally {
    if (mayForbid) rmSync(POLICY, { force: true })
  }
}

export function onPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map(folder => join(folder, name))
    .find(isExecutable)
}
