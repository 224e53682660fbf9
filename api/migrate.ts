// `api migrate`: the newest schema, by the role that owns it, and then the running program's rights to it. With roles of
// their own the program can read the books and call the ledger's commands, and can neither change nor unlock them.
import { fileURLToPath } from 'node:url'
import { migrate } from '../lib/database/migrate.ts'
import { connect, type Database, inTransaction } from '../lib/database/pool.ts'
import type { Logger } from '../lib/telemetry/log.ts'

const DIRECTORY = fileURLToPath(new URL('migrations', import.meta.url))

export interface MigrateOptions {
  /** Whose role owns the schema. May be the program's own, in a small installation. */
  ownerUrl: string
  /** By which `serve` connects; its role exists already. */
  programUrl: string
  log: Logger
}

/** The names of the migrations that were run now. Throws with PostgreSQL's code. */
export async function migrateApi({ ownerUrl, programUrl, log }: MigrateOptions): Promise<string[]> {
  const program = userOf(programUrl)
  if (program === userOf(ownerUrl)) {
    log.warn({ role: program }, 'The program owns its books; give migrate a role of its own in MIGRATE_DATABASE_URL')
    return await migrate({ url: ownerUrl, directory: DIRECTORY, log })
  }
  const owner = connect(ownerUrl, { max: 1, applicationName: 'wasd-api-migrate' })
  try {
    await grantAhead(owner, program)
    const names = await migrate({ url: ownerUrl, directory: DIRECTORY, log })
    await inTransaction(owner, transaction => transaction`SELECT grant_program(${program})`)
    return names
  } finally {
    await owner.end({ timeout: 5 })
  }
}

/**
 * What a migration makes can be used from its commit on: a trigger of its may write to its tables on behalf of a replica
 * of the version before, which runs on meanwhile. Of the books `grant_program` then takes back all but reading.
 */
export async function grantAhead(owner: Database, program: string): Promise<void> {
  await inTransaction(owner, async transaction => {
    await transaction`SELECT pg_advisory_xact_lock(hashtext('grant_program'))` // Replicas may come up at once.
    await transaction`
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${transaction(program)}`
  })
}

function userOf(url: string): string {
  return decodeURIComponent(new URL(url).username)
}
