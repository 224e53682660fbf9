// The API program. `serve` answers Telegram, Razorpay and players and keeps sessions going; `migrate` brings the database
// to the newest schema, and runs before it.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { migrate } from '../lib/database/migrate.ts'
import { systemClock } from '../lib/process/clock.ts'
import { run } from '../lib/process/lifecycle.ts'
import { createLogger, LOG_LEVELS } from '../lib/telemetry/log.ts'
import { serve } from './serve.ts'
import { migrateSettings, serveSettings } from './settings.ts'

const USAGE = `Usage: node api/main.ts <command>

  serve     runs the API: web pages, webhooks, the bot, sessions
  migrate   brings the database to the newest schema, then exits

Settings come from the environment; a missing or malformed one is named.`

/** The command line cannot be understood; `message` says what would be. */
class ArgumentsError extends Error {
  readonly code = 'InvalidArguments'
}

function commandOf(args: readonly string[]): 'serve' | 'migrate' | 'help' {
  const options = { help: { type: 'boolean', short: 'h' } } as const
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    if (values.help) return 'help'
    const [command, ...rest] = positionals
    if (rest.length === 0 && (command === 'serve' || command === 'migrate')) return command
  } catch (cause) {
    throw new ArgumentsError(`${cause instanceof Error ? cause.message : String(cause)}\n${USAGE}`, { cause })
  }
  throw new ArgumentsError(`Say serve or migrate.\n${USAGE}`)
}

const environment = process.env
const level = LOG_LEVELS.find(word => word === environment.LOG_LEVEL) ?? 'info'
const log = createLogger({ program: 'api', level })

await run(
  async stopping => {
    const command = commandOf(process.argv.slice(2))
    switch (command) {
      case 'help':
        console.log(USAGE)
        return
      case 'migrate': {
        const { databaseUrl } = migrateSettings(environment)
        await migrate({ url: databaseUrl, directory: fileURLToPath(new URL('migrations', import.meta.url)), log })
        return
      }
      case 'serve':
        await serve(
          { settings: serveSettings(environment), environment, clock: systemClock, random: Math.random, log },
          stopping,
        )
        return
      default:
        command satisfies never
    }
  },
  { log },
)
