// Redis, or Valkey, from this machine; nothing it holds matters, so nothing is written to disk.
import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import type { Progress } from '../cluster/binaries.ts'
import { canInstall, installPackage, onPath } from './apt.ts'
import { type Member, member } from './member.ts'
import { freePort } from './ports.ts'

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
  if (!canInstall()) {
    throw new RedisError(
      'There is no redis-server and no valkey-server on the PATH. Install either, any version from 7 on.',
    )
  }

  try {
    await installPackage('redis-server', { isThere: () => onPath('redis-server') !== undefined, progress })
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new RedisError(
      `redis-server could not be installed by apt-get. Install it, or valkey-server, by hand.\n${said}`,
      { cause },
    )
  }
  const installed = onPath('redis-server')
  if (installed === undefined) throw new RedisError('apt-get installed redis-server, but it is not on the PATH.')
  return installed
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
