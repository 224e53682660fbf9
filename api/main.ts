// The API program. `serve` answers Telegram, Razorpay and players and keeps sessions going; `migrate` brings the database
// to the newest schema, and runs before it. The other verbs are for a person at a shell, and answer in plain text.
import { flushCompileCache } from 'node:module'
import { connect, type Database } from '../lib/database/pool.ts'
import { systemClock } from '../lib/process/clock.ts'
import { run } from '../lib/process/lifecycle.ts'
import { createLogger, LOG_LEVELS } from '../lib/telemetry/log.ts'
import { ArgumentsError } from './arguments.ts'
import { migrateApi } from './migrate.ts'
import { refundCommand } from './payments/command.ts'
import { serviceTokenCommand } from './players/service-token-command.ts'
import { queueCommand } from './queue/command.ts'
import { migrateSettings, serveSettings } from './settings.ts'
import { ledgerCommand } from './wallet/command.ts'

const USAGE = `Usage: node api/main.ts <command>

  serve           runs the API: web pages, webhooks, the bot, sessions
  migrate         brings the database to the newest schema, then exits
  queue           lists what failed for good, and puts it back to work
  service-token   makes, lists and revokes the tokens of services
  refund          gives a payment back, and shows how refunds stand
  ledger          proves the books, and corrects a wallet

Settings come from the environment; a missing or malformed one is named.`

const environment = process.env
const [verb, ...rest] = process.argv.slice(2)

const level = LOG_LEVELS.find(word => word === environment.LOG_LEVEL) ?? 'info'
const log = createLogger({ program: 'api', level })

/** For a person at a shell: asks over one connection, and prints what comes of it. */
async function answer(ask: (database: Database) => Promise<string>): Promise<void> {
  try {
    const { databaseUrl } = migrateSettings(environment)
    const database = connect(databaseUrl, { max: 1, applicationName: `wasd-api ${verb}` })
    console.log(await ask(database).finally(() => database.end({ timeout: 5 })))
  } catch (error) {
    console.error(error instanceof Error && 'code' in error ? error.message : error)
    process.exitCode = 1
  }
}

/** For a cluster: runs until it is done or asked to stop, and logs. */
async function service(stopping: AbortSignal): Promise<void> {
  if (rest.length > 0) throw new ArgumentsError(`${verb} takes no arguments.\n${USAGE}`)
  switch (verb) {
    case 'serve': {
      const settings = serveSettings(environment)
      const { serve } = await import('./serve.ts') // Most of the program, which no other verb needs to wait for.
      flushCompileCache() // Now, for a program that is killed has no other chance.
      return await serve({ settings, environment, clock: systemClock, random: Math.random, log }, stopping)
    }
    case 'migrate': {
      const { ownerUrl, databaseUrl } = migrateSettings(environment)
      await migrateApi({ ownerUrl, programUrl: databaseUrl, log })
      return
    }
    default:
      throw new ArgumentsError(`Say serve, migrate, queue, refund, ledger or service-token.\n${USAGE}`)
  }
}

switch (verb) {
  case 'queue':
    await answer(database => queueCommand(rest, database))
    break
  case 'service-token':
    await answer(database => serviceTokenCommand(rest, database, systemClock.now()))
    break
  case 'refund':
    await answer(database => refundCommand(rest, database, systemClock.now()))
    break
  case 'ledger':
    await answer(database => ledgerCommand(rest, database, systemClock.now()))
    break
  case 'help':
  case '--help':
  case '-h':
    console.log(USAGE)
    break
  default:
    await run(service, { log })
}
