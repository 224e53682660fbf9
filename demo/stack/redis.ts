// Redis, or Valkey, from this machine; nothing it holds matters, so nothing is written to disk.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { isExecutable, type Progress } from '../cluster/binaries.ts'
import { CACHE } from '../cluster/folders.ts'
import { withLock } from '../cluster/lock.ts'
import { type Member, member } from './member.ts'
import { freePort } from './ports.ts'

const run = promisify(execFile)

export interface Redis {
  readonly port: number
  readonly url: string
  /** To stop, kill and start the server while others use it. */
  readonly server: Member
  stop(): Promise<void>
}

/** There is none and it cannot be installed. The message says what to install. */
export class RedisError extends Error {
  readonly code = 'NoRedis'
}

const INSTALL_SECONDS = 300

/** Resolves when it answers. Throws `RedisError` or `ProcessError`. */
export async function startRedis(options: { folder: string; progress?: Progress }): Promise<Redis> {
  const folder = resolve(options.folder)
  const binary = await findRedis(options.progress)
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const server = member(
    {
      name: 'redis',
      file: binary,
      args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
      log: join(folder, 'redis.log'),
    },
    async () => await answers(port),
  )
  try {
    await server.start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return { port, url: `redis://127.0.0.1:${port}`, server, stop: async () => await server.stop() }
}

/** The server's path; installed by apt-get where we may. Throws `RedisError`. */
export async function findRedis(progress: Progress = () => {}): Promise<string> {
  const found = onPath('redis-server') ?? onPath('valkey-server')
  if (found !== undefined) return found
  if (process.getuid?.() !== 0 || onPath('apt-get') === undefined) {
    throw new RedisError(
      'There is no redis-server and no valkey-server on the PATH. Install either, any version from 7 on.',
    )
  }

  await withLock({ file: join(CACHE, 'apt.lock') }, async () => {
    if (onPath('redis-server') !== undefined) return
    progress('installing redis-server by apt-get, once')
    await install()
  })
  const installed = onPath('redis-server')
  if (installed === undefined) throw new RedisError('apt-get installed redis-server, but it is not on the PATH.')
  return installed
}

/** What Debian's packages ask before they start a service: https://www.debian.org/doc/debian-policy/ch-opersys.html */
const POLICY = '/usr/sbin/policy-rc.d'

async function install(): Promise<void> {
  const mayForbid = !existsSync(POLICY)
  // We want the program alone; a service would take the machine's port 6379.
  if (mayForbid) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const aptGet = async (...args: string[]) =>
    await run('apt-get', args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeout: INSTALL_SECONDS * 1000,
    })
  const installIt = async () => await aptGet('install', '--yes', '--no-install-recommends', 'redis-server')
  try {
    await installIt().catch(async () => {
      await aptGet('update') // A fresh image has no package lists.
      await installIt()
    })
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new RedisError(
      `redis-server could not be installed by apt-get. Install it, or valkey-server, by hand.\n${said}`,
    )
  } finally {
    if (mayForbid) rmSync(POLICY, { force: true })
  }
}

function onPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map(folder => join(folder, name))
    .find(isExecutable)
}

/** https://redis.io/docs/latest/develop/reference/protocol-spec/, inline commands */
function answers(port: number): Promise<boolean> {
  return new Promise(done => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 2000 })
    const end = (isUp: boolean) => {
      socket.destroy()
      done(isUp)
    }
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', reply => end(reply.toString('utf8').startsWith('+PONG')))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}
