// The simulated Telegram as a program: options in, one line of JSON when it listens, SIGTERM or SIGINT to stop.
//
// Not modelled: groups, channels, media and files, inline mode, Markdown, editing by the person, reactions, business
// accounts, subscriptions and gifts in Stars, a webhook's certificate, replies inside a webhook's response, several bots;
// of the login, phone numbers, photos and other algorithms than RS256. The person's own Stars never run out.
import { type HttpBindings, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { systemClock } from '../clock.ts'
import { seededRandom } from '../random.ts'
import { botApi } from './api.ts'
import { controlApi } from './control.ts'
import { Delivery } from './delivery.ts'
import { FloodControl } from './faults.ts'
import type { Services } from './methods.ts'
import { openIdProvider } from './open-id.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import { createState, type World } from './state.ts'
import { LongPolling } from './updates.ts'
import { Watch } from './watch.ts'

async function start(options: Options): Promise<void> {
  const random = seededRandom(`telegram ${options.seed}`)
  const token = options.token ?? `${random.integer(7_000_000_000, 7_999_999_999)}:${random.word(35)}`
  const state = createState({ token, username: options.username, random })
  const world: World = { state, clock: systemClock, random, watch: new Watch(systemClock) }
  const { retryScale, webhookTimeoutSeconds: timeoutSeconds, duplicates } = options
  const services: Services = {
    world,
    delivery: new Delivery(world, { retryScale, timeoutSeconds, duplicates }),
    polling: new LongPolling(world),
    flood: new FloodControl(systemClock, { perChat: options.floodPerChat, total: options.floodTotal }),
  }

  const loginSecret = options.loginSecret ?? random.word(32)
  const login = { clientSecret: loginSecret, redirectUrls: options.loginRedirectUrls }
  const openId = await openIdProvider(world, login)

  const app = new Hono<{ Bindings: HttpBindings }>()
  app.route('/simulator', controlApi(services, { ...options, openId }))
  app.route('/', openId.app)
  app.route('/', botApi(services))
  app.notFound(context => context.json({ ok: false, error_code: 404, description: 'Not Found' }, 404))

  const server = serve({ fetch: app.fetch, port: options.port, hostname: options.host }, ({ port }) => {
    const listening = `http://${options.host}:${port}`
    console.log(JSON.stringify({ listening, token, username: options.username, loginSecret, seed: options.seed }))
  })
  server.on('error', error => {
    console.error(`Cannot listen on ${options.host}:${options.port}: ${error.message}`)
    process.exit(1)
  })
  function stop(): void {
    services.delivery.stop()
    server.close(() => process.exit(0))
    if ('closeAllConnections' in server) server.closeAllConnections()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

async function main(): Promise<void> {
  try {
    const options = parseOptions(process.argv.slice(2))
    if (options === 'help') process.stdout.write(HELP)
    else await start(options)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 2
  }
}

await main()
