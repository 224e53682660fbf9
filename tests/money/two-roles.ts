// A database of the API's whose owner is not the program, and its migrations, also of versions to come.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, type TestContext } from 'vitest'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { connect, type Database } from '../../lib/database/pool.ts'

export const migrations = fileURLToPath(new URL('../../api/migrations', import.meta.url))

/** A database of its own, whose owner is not the program; and a folder for the migrations that are to be run. */
export async function twoRoles({ onTestFinished }: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wasd-upgrade-'))
  const postgres = await startPostgres({ folder: join(folder, 'postgres') })
  const [ownerUrl, programUrl] = [postgres.ownerUrl('wasd_api'), postgres.url('wasd_api')]
  const owner = connect(ownerUrl, { max: 2, applicationName: 'test' })
  const program = connect(programUrl, { max: 2, applicationName: 'test' })
  const superuser = connect(postgres.superuserUrl('wasd_api'), { max: 1, applicationName: 'test' })
  onTestFinished(async () => {
    await Promise.all([owner.end(), program.end(), superuser.end()])
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { owner, program, superuser, ownerUrl, programUrl, directory: join(folder, 'migrations') }
}

/** As migrations to come may: each table has one column more. */
export async function widen(owner: Database): Promise<void> {
  const tables = await owner<{ name: string }[]>`
    SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`
  expect(tables.length).toBeGreaterThan(15)
  for (const { name } of tables) await owner`ALTER TABLE ${owner(name)} ADD COLUMN of_a_later_version text`
}
