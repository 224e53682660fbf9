// Brings a database to the newest schema: SQL files in the order of their names, each once, under an advisory lock, so
// that any number of programs may start at once. Expand and contract only: the version before must run on with it.
import { runner } from 'node-pg-migrate'
import type { Logger } from '../telemetry/log.ts'

/** Where the tool remembers what has run. */
const TABLE = 'schema_migrations'

/** The names of the migrations that were run now; none when the schema was current. */
export async function migrate(options: { url: string; directory: string; log: Logger }): Promise<string[]> {
  const { url, directory, log } = options
  const run = await runner({
    databaseUrl: url,
    dir: directory,
    direction: 'up',
    migrationsTable: TABLE,
    checkOrder: true,
    // All or none; and whoever comes second waits for the lock, then finds nothing to do.
    singleTransaction: true,
    advisoryLockMode: 'wait',
    logger: {
      info: () => {},
      warn: message => log.warn({}, message),
      error: message => log.error({}, message),
    },
  })
  const names = run.map(({ name }) => name)
  log.info({ migrations: names }, names.length > 0 ? 'Migrated the database' : 'The database is current')
  return names
}
