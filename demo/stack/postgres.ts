// Postgres 18 from npm: a cluster of its own for each run, with the two logical databases, each with roles that can reach
// nothing else. The API's is owned by a role for migrations, so that the program cannot unlock its own books.
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import postgres from 'postgres'
import { systemClock } from '../../lib/process/clock.ts'
import { type Member, member } from './member.ts'
import { freePort } from './ports.ts'
import { findBinaries, unprivileged } from './postgres-binaries.ts'
import { makeData } from './postgres-data.ts'

const databases = ['wasd_api', 'wasd_operator'] as const
export type Database = (typeof databases)[number]

export interface Postgres {
  readonly port: number
  /** As the program's role. The operator's owns its database. */
  url(database: Database): string
  /** As the role that owns the API's database, for migrations. */
  ownerUrl(database: 'wasd_api'): string
  /** As superuser, for looking in from outside. */
  superuserUrl(database: Database | 'postgres'): string
  /** To stop, kill and start the server while others use it. */
  readonly server: Member
  stop(): Promise<void>
}

/** Resolves when both databases can be used. Throws `PostgresError` or `ProcessError`. */
export async function startPostgres(options: {
  folder: string
  /** `Disk`: a commit waits until it is there. */
  commits?: 'Memory' | 'Disk'
}): Promise<Postgres> {
  const { commits = 'Memory' } = options
  const folder = resolve(options.folder)
  const data = join(folder, 'data')
  const binaries = await findBinaries()
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const passwords = {
    postgres: await makeData({ binaries, data }),
    wasd_api: password(),
    wasd_api_owner: password(),
    wasd_operator: password(),
  }
  const url = (user: keyof typeof passwords, database: string) =>
    `postgres://${user}:${passwords[user]}@127.0.0.1:${port}/${database}`

  const server = patient(
    member(
      {
        name: 'postgres',
        ...unprivileged(binaries.postgres, [
          ...['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', ''],
          // Data that lives for minutes need not survive a power cut; a killed process loses nothing all the same.
          ...(commits === 'Memory' ? ['-c', 'fsync=off', '-c', 'full_page_writes=off'] : []),
          ...['-c', 'shared_buffers=32MB', '-c', 'max_connections=100', '-c', 'timezone=UTC', '-c', 'log_timezone=UTC'],
        ]),
        log: join(folder, 'postgres.log'),
        stopSignal: 'SIGINT', // "Fast": SIGTERM would wait for the clients to leave.
      },
      async () => await answers(url('postgres', 'postgres')),
    ),
  )
  try {
    await server.start()
    await createDatabases(url('postgres', 'postgres'), passwords)
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    port,
    url: database => url(database, database),
    ownerUrl: database => url(`${database}_owner`, database),
    superuserUrl: database => url('postgres', database),
    server,
    stop: async () => await server.stop(),
  }
}

/** Which role owns each database, and which other one may enter it. */
const owners = { wasd_api: 'wasd_api_owner', wasd_operator: 'wasd_operator' } as const

async function createDatabases(
  superuser: string,
  passwords: Record<Database | 'wasd_api_owner', string>,
): Promise<void> {
  const sql = postgres(superuser, { max: 1, onnotice: () => {} })
  try {
    for (const role of [...databases, 'wasd_api_owner'] as const) {
      await sql.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD '${passwords[role]}'`)
    }
    for (const name of databases) {
      await sql.unsafe(`CREATE DATABASE ${name} OWNER ${owners[name]}`)
      await sql.unsafe(`REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC`)
      await sql.unsafe(`GRANT CONNECT ON DATABASE ${name} TO ${name}`)
    }
  } finally {
    await sql.end()
  }
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 5 })
  try {
    await sql`SELECT 1`
    return true
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Milliseconds until another try, and how many there are. */
const ORPHANS = { pauseMilliseconds: 250, tries: 40 }

/** What a killed server had at work outlives it for a moment, and holds its memory: until then none can start. */
function patient(server: Member): Member {
  return {
    ...server,
    async start() {
      for (let left = ORPHANS.tries; ; left -= 1) {
        try {
          return await server.start()
        } catch (error) {
          const isHeld = error instanceof Error && /shared memory block .* is still in use/.test(error.message)
          if (!isHeld || left === 0) throw error
        }
        await systemClock.sleep(ORPHANS.pauseMilliseconds)
      }
    },
  }
}

/** Safe in a URL and in SQL. */
function password(): string {
  return randomBytes(18).toString('hex')
}
