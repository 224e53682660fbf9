// What a statement costs the program after very many: a pool that keeps something of each is found out by it.
import { join } from 'node:path'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { connect, type Database } from '../../lib/database/pool.ts'
import { median, type Part } from './figures.ts'

const CONNECTIONS = 4
/** Until what is compiled as it runs is compiled. */
const WARM_UP = 30_000
const LATE = 200_000
const CHUNKS = 3
const CHUNK = 10_000
/** As the first cost, and what a noisy machine adds. */
const TIMES = 1.3

export async function pool(folder: string): Promise<Part> {
  const postgres = await startPostgres({ folder: join(folder, 'postgres') })
  const database = connect(postgres.superuserUrl('wasd_api'), { max: CONNECTIONS, applicationName: 'bench' })
  const everyConnection = Array.from({ length: CONNECTIONS }, () => database`SELECT pg_sleep(0.1)`.execute())
  await Promise.all(everyConnection) // Each is open from now on.
  await cost(database, WARM_UP)
  const early = await costs(database)
  await cost(database, LATE - WARM_UP - CHUNKS * CHUNK)
  const late = await costs(database)
  await database.end()
  await postgres.stop()
  return {
    title: `A statement, one after the other, of ${CONNECTIONS} connections`,
    figures: [
      { what: `after ${WARM_UP.toLocaleString('en')}`, value: early, unit: 'µs of the processor' },
      { what: `after ${LATE.toLocaleString('en')}`, value: late, unit: 'µs of the processor' },
      { what: 'the late to the early', value: late / early, unit: 'x', target: { atMost: TIMES } },
    ],
  }
}

async function costs(database: Database): Promise<number> {
  const found: number[] = []
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) found.push(await cost(database, CHUNK))
  return median(found)
}

/** Microseconds of our own processor time for each. */
async function cost(database: Database, statements: number): Promise<number> {
  const before = process.cpuUsage()
  for (let index = 0; index < statements; index += 1) await database`SELECT 1`
  const { user, system } = process.cpuUsage(before)
  return (user + system) / statements
}
