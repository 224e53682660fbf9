// The simulated Razorpay as a program: options in, one line of JSON when it listens, SIGTERM or SIGINT to stop.
//
// Not modelled: partial payments, UPI links, other currencies than INR, customers, invoices, subscriptions, QR codes,
// settlements, transfers, Checkout's JavaScript, OAuth, the webhook admin API, rate limits (inject 429), 3D Secure.
// Refunds are processed at once unless the control API says otherwise. A payment late for a link that is over is captured all the same: our reading.
import { type HttpBindings, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { systemClock } from '../clock.ts'
import { seededRandom } from '../random.ts'
import { razorpayApi } from './api.ts'
import { controlApi } from './control.ts'
import { hostedPage } from './hosted-page.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import { expireLinks } from './payment-links.ts'
import { createState, type World } from './state.ts'
import { Webhooks } from './webhooks.ts'

/** How often expiry is looked for when nobody asks, milliseconds. */
const EXPIRY_SWEEP = 1000

function start(options: Options): void {
  const random = seededRandom(`razorpay ${options.seed}`)
  const {
    keyId = `rzp_test_${random.word(14)}`,
    keySecret = random.word(24),
    webhookSecret = random.word(24),
  } = options
  const id = options.account ?? `acc_${random.word(14)}`
  const state = createState(
    { id, keyId, keySecret, publicUrl: options.publicUrl ?? '', capture: options.capture },
    { url: options.webhookUrl, secret: webhookSecret, events: undefined, active: true },
  )
  const { retryScale, webhookTimeoutSeconds: timeoutSeconds, disorderSeconds, duplicates } = options
  const webhookOptions = { retryScale, timeoutSeconds, disorderSeconds, duplicates }
  const webhooks = new Webhooks({ state, clock: systemClock, random, options: webhookOptions })
  const world: World = { state, clock: systemClock, random, emit: webhooks.emit.bind(webhooks) }
  const stopping = new AbortController()
  const { lateSeconds } = options
  const outside = { world, webhooks, clock: systemClock, lateSeconds, stopped: stopping.signal }

  const app = new Hono<{ Bindings: HttpBindings }>()
  app.route('/simulator', controlApi(outside))
  app.route('/v1', razorpayApi(world))
  app.route('/i', hostedPage(outside))

  const server = serve({ fetch: app.fetch, port: options.port, hostname: options.host }, ({ port }) => {
    const listening = `http://${options.host}:${port}`
    if (state.account.publicUrl === '') state.account.publicUrl = listening
    console.log(JSON.stringify({ listening, account: id, keyId, keySecret, webhookSecret, seed: options.seed }))
  })
  server.on('error', error => {
    console.error(`Cannot listen on ${options.host}:${options.port}: ${error.message}`)
    process.exit(1)
  })
  void sweepExpiry(world, stopping.signal)

  function stop(): void {
    stopping.abort()
    webhooks.stop()
    server.close(() => process.exit(0))
    if ('closeAllConnections' in server) server.closeAllConnections()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

async function sweepExpiry(world: World, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    expireLinks(world)
    // Aborted only by the stop, which ends the loop.
    await world.clock.sleep(EXPIRY_SWEEP, stopped).catch(() => undefined)
  }
}

function main(): void {
  try {
    const options = parseOptions(process.argv.slice(2))
    if (options === 'help') process.stdout.write(HELP)
    else start(options)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 2
  }
}

main()
