// The simulated guests as a program: options in, one line of JSON when it listens, SIGTERM or SIGINT to stop.
//
// Not modelled: pairing, HTTPS (47984), applist, launch and the stream itself, Sunshine's own configuration API, the
// operating system, the up to two minutes until the first scheduled events come, Terminate among them, and what a freeze,
// a restart or a move does to the machine that was told of it: its silence is the control API's (`hang`, `resume`).
// A machine answers on its public address whatever its network security group says.
import { type HttpBindings, type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { handClock, systemClock } from '../clock.ts'
import { seededRandom } from '../random.ts'
import { connectAzure } from './azure.ts'
import { controlApi } from './control.ts'
import { feedProgress, follow } from './feed.ts'
import { Machines } from './machines.ts'
import { metadataService } from './metadata.ts'
import { HELP, type Options, parseOptions } from './options.ts'

async function start(options: Options): Promise<void> {
  const azure = connectAzure({ url: options.azure, caFile: options.azureCa })
  const byHand = options.clock === 'manual' ? handClock(new Date()) : undefined
  const clock = byHand ?? systemClock
  const machines = new Machines({ clock, random: seededRandom(`guest ${options.seed}`) }, options)
  const stopping = new AbortController()
  let connection: 'connected' | 'away' = 'away'
  const progress = feedProgress()

  const app = new Hono<{ Bindings: HttpBindings }>()
  app.route(
    '/simulator',
    controlApi(machines, {
      azure: () => connection,
      moveTo:
        byHand &&
        (async (time, feed) => {
          await progress.until(feed)
          byHand.moveTo(time)
        }),
    }),
  )
  const { host } = options
  const metadata = await listen({ app: metadataService(machines), host, port: options.metadataPort })
  const control = await listen({ app, host, port: options.port })

  const following = follow(
    { azure, clock: systemClock, signal: stopping.signal },
    {
      startOver: events => {
        connection = 'connected'
        machines.replace(events)
      },
      goOn: events => machines.apply(events),
      hasRead: progress.hasRead,
      away: reason => {
        // An outage is told when it begins, not at every try.
        if (connection === 'connected') console.error(`The Azure simulator is away: ${reason}`)
        connection = 'away'
      },
    },
  )

  async function stop(): Promise<void> {
    stopping.abort()
    machines.stopAll()
    await following
    for (const { server } of [metadata, control]) {
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
    }
    process.exit(0)
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // Said last: whoever reads it may ask us to stop at once.
  console.log(JSON.stringify({ listening: control.url, metadata: metadata.url, seed: options.seed }))
}

async function listen(given: {
  app: Hono<{ Bindings: HttpBindings }> | ReturnType<typeof metadataService>
  host: string
  port: number
}): Promise<{ server: ServerType; url: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = serve({ fetch: given.app.fetch, port: given.port, hostname: given.host }, ({ port }) => resolve(port))
  server.once('error', reject)
  return { server, url: `http://${given.host}:${await promise}` }
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options === 'help') process.stdout.write(HELP)
  else await start(options)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(2)
}
