// The API's application with all that stands before a handler, beside FastAPI with asyncpg, which does the same checks and
// the same SQL, and beside Hono with nothing. The same SQL is read as: the same statements, to the letter, on the same
// tables. What a start needs of the database is one function for either, and what is counted of a request whose token is
// known is one call of Redis for either, so that neither is charged for the other's round trips, and what is compared is
// framework, driver and middleware. Each is held to one core, and it is told how many there were a second of the server's
// own processor time: what waits for a store counts for nobody. Load, Postgres and Redis are held to nothing: kept off that
// core they are too few hands on a small machine, the server sleeps before each start (voluntary_ctxt_switches), and what it
// costs then to be woken for one of them alone, half as much again, is not what one costs where it is asked for many. On that
// core the server gives way to them (nice), so that what it is to do gathers, and one reply does not break it off for another.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { migrateApi } from '../../api/migrate.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { startRedis } from '../../demo/stack/redis.ts'
import { connect, type Database } from '../../lib/database/pool.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { NODE_FLAGS } from '../api/node-flags.ts'
import { pythonPackages } from '../installed.ts'
import { endAll, type Fire, furnish, KINDS, type Kind, loader } from './api-load.ts'
import { type Figure, median, type Part } from './figures.ts'
import { type Measured, startCommand } from './programs.ts'

/** Many and short: a round of one server is compared with those of the others beside it, and what comes over one is outvoted. */
const ROUNDS = 11
const COUNTS = { Read: 3000, Start: 1500 } as const satisfies Record<Kind, number>
/**
 * Rounds before those that are counted: so many that every player's token was seen, and that what is compiled as it runs is
 * compiled, which of starts takes V8 ten to twelve thousand: a server runs for weeks.
 */
const WARM_UPS = { Read: 6, Start: 12 } as const satisfies Record<Kind, number>
/** Of FastAPI's speed. */
const TIMES = 3
/** Requests after which the heap is looked at, and by how much it may then differ, in percent. */
const HEAP_AT = { early: 20_000, late: 200_000 } as const
const HEAP_PERCENT = 5
const NODE = [process.execPath, '--expose-gc', ...NODE_FLAGS]
/** As many as the API has: for each server alike. */
const CONNECTIONS = 20

const log = createLogger({ program: 'bench', level: 'fatal' })
const words = { Read: 'reads of one row', Start: 'session starts' } as const satisfies Record<Kind, string>

const SERVERS = ['ours', 'fastapi', 'bare'] as const
type Name = (typeof SERVERS)[number]
type Server = Measured & { port: number }
type Speeds = Record<Kind, number[]>

export async function api(folder: string): Promise<Part> {
  const python = await findPython()
  const core = firstCore()
  const [postgres, redis] = await Promise.all([
    startPostgres({ folder: join(folder, 'postgres') }),
    startRedis({ folder: join(folder, 'redis') }),
  ])
  const [ownerUrl, programUrl] = [postgres.ownerUrl('wasd_api'), postgres.url('wasd_api')]
  await migrateApi({ ownerUrl, programUrl, log })
  const superuser = connect(postgres.superuserUrl('wasd_api'), { max: 1, applicationName: 'bench' })
  await furnish(superuser)

  const key = randomBytes(32)
  const tokens = { algorithm: 'EdDSA', keys: [key], issuer: 'https://api.example.com' } as const
  const environment = {
    ...{ DATABASE_URL: programUrl, REDIS_URL: redis.url, ISSUER: tokens.issuer, TOKEN_KEY: key.toString('hex') },
    ...{ CONNECTIONS: String(CONNECTIONS), CATALOGUE_FILE: resolve('manifests/catalogue.yaml') },
  }
  const commands = {
    ours: [...NODE, 'tests/bench/api-ours.ts'],
    fastapi: ['python3', 'tests/bench/fastapi/server.py'],
    bare: [...NODE, 'tests/bench/api-bare.ts'],
  } as const satisfies Record<Name, string[]>
  const start = async (name: Name): Promise<Server> => {
    const pinned = ['nice', '-n', '19', 'taskset', '--cpu-list', core, ...commands[name]]
    const program = startCommand(pinned, { ...environment, PYTHONPATH: python })
    return { ...program, port: Number(await told(program, 'port')) }
  }

  const servers = { ours: await start('ours'), fastapi: await start('fastapi'), bare: await start('bare') }
  const speeds = await compared(servers, { load: () => loader(tokens), superuser })
  await Promise.all(Object.values(servers).map(server => server.stop()))
  const heap = await heapGrowth(await start('ours'), await loader(tokens))
  await superuser.end()
  await Promise.all([postgres.stop(), redis.stop()])
  return {
    title: `The API beside FastAPI (uvloop, asyncpg) and bare Hono, each on one core, ${CONNECTIONS} connections`,
    figures: [...KINDS.flatMap(kind => figuresOf(kind, speeds)), ...heap],
  }
}

/** In turns, so that whatever else the machine does meets all of them. */
async function compared(
  servers: Record<Name, Server>,
  { load, superuser }: { load: () => Promise<Fire>; superuser: Database },
): Promise<Record<Name, Speeds>> {
  const found: Record<Name, Speeds> = {
    ours: { Read: [], Start: [] },
    fastapi: { Read: [], Start: [] },
    bare: { Read: [], Start: [] },
  }
  for (const kind of KINDS) {
    const count = COUNTS[kind]
    const fire = await load() // Signed anew, for a token is good for five minutes; what is not counted shows them all.
    for (let round = 1 - WARM_UPS[kind]; round <= ROUNDS; round += 1) {
      for (const name of SERVERS) {
        const server = servers[name]
        const before = server.processorSeconds()
        await fire(server, { kind, count })
        if (round > 0) found[name][kind].push(count / (server.processorSeconds() - before))
        if (kind === 'Start') await endAll(superuser)
      }
    }
  }
  return found
}

function figuresOf(kind: Kind, speeds: Record<Name, Speeds>): Figure[] {
  const what = words[kind]
  const [ours, fastapi, bare] = [median(speeds.ours[kind]), median(speeds.fastapi[kind]), median(speeds.bare[kind])]
  /** Round by round, for the machine is not the same from one to the next. */
  const timesOf = (other: Name) =>
    median(speeds.ours[kind].map((speed, round) => speed / (speeds[other][kind][round] ?? Number.NaN)))
  return [
    { what: `${what}: ours`, value: ours, unit: 'a core-second' },
    { what: `${what}: FastAPI`, value: fastapi, unit: 'a core-second' },
    { what: `${what}: bare Hono, no checks`, value: bare, unit: 'a core-second' },
    { what: `${what}: ours to FastAPI`, value: timesOf('fastapi'), unit: 'x', target: { atLeast: TIMES } },
    { what: `${what}: ours to bare Hono`, value: timesOf('bare'), unit: 'x' },
  ]
}

/** A program that keeps something of each request is found out by the ten-fold number of them. */
async function heapGrowth(server: Server, fire: Fire): Promise<Figure[]> {
  const { early, late } = HEAP_AT
  const heapAfter = async (count: number) => {
    await fire(server, { kind: 'Read', count })
    server.signal('SIGUSR2')
    return Number(await told(server, 'heap')) / 1024 / 1024
  }
  const [first, last] = [await heapAfter(early), await heapAfter(late - early)]
  await server.stop()
  return [
    { what: `heap after ${early.toLocaleString('en')} requests`, value: first, unit: 'MiB' },
    { what: `heap after ${late.toLocaleString('en')} requests`, value: last, unit: 'MiB' },
    { what: 'growth of the heap', value: (last / first - 1) * 100, unit: '%', target: { atMost: HEAP_PERCENT } },
  ]
}

/** What it says after this word; between such lines stands its log. */
async function told(program: Measured, word: string): Promise<string> {
  for (;;) {
    const line = await program.line()
    if (line.startsWith(`${word} `)) return line.slice(word.length + 1)
  }
}

/** Where the Python program's packages are, from PyPI, once. */
async function findPython(): Promise<string> {
  const source = resolve(import.meta.dirname, 'fastapi')
  return await pythonPackages({ name: 'fastapi', source })
}

/** Of those that we may run on: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
function firstCore(): string {
  return /Cpus_allowed_list:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
}
