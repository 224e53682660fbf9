// The program as it is deployed: its settings, its start, an evening's session by chat, what it does when a store goes
// away, and its end.
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Right } from './cast.ts'
import { fuzzingFindsNothing } from './fuzz.suite.ts'
import { guestsAreHeard } from './guest.suite.ts'
import { limitsHold } from './limits.suite.ts'
import { machineIn } from './machine.ts'
import { type Program, runToEnd, startProgram, startWorld, type World } from './program.ts'

let world: World
let program: Program
let machines = 0
/** What `migrate` needs. */
let databases: Record<string, string>
beforeAll(async () => {
  world = await startWorld()
  const { DATABASE_URL, MIGRATE_DATABASE_URL } = world.environment
  databases = { DATABASE_URL, MIGRATE_DATABASE_URL }
  const migrated = await runToEnd(['migrate'], databases)
  expect(migrated.code, migrated.said).toBe(0)
  program = await startProgram(world)
})
afterAll(async () => {
  await program?.stop('SIGKILL')
  await world?.stop()
})

// Processes of their own, which only wait for themselves.
describe.concurrent('the command line', () => {
  test('I8: without settings it stops with one message that names them all', async () => {
    const { code, said } = await runToEnd(['serve'], {})
    expect(code).toBe(1)
    expect(said.trim().split('\n')).toHaveLength(1)
    for (const name of Object.keys(world.environment)) {
      const hasDefault = [
        'LOG_LEVEL',
        'NODE_COMPILE_CACHE',
        'KUBECONFIG',
        'API_PORT',
        'METRICS_PORT',
        'GUEST_KEYS_FILE',
        'TELEGRAM_API_ROOT',
        'RAZORPAY_BASE_URL',
      ]
      if (!hasDefault.includes(name) && name !== 'MIGRATE_DATABASE_URL') expect(said).toContain(`${name} is not set`)
    }
  })

  test.each([[[]], [['sing']], [['serve', 'now']], [['--volume']]])(
    'I8: the command line %j is told what it may be',
    async args => {
      const { code, said } = await runToEnd(args, {})
      expect(code).toBe(1)
      expect(said).toContain('node api/main.ts <command>')
    },
  )

  test('migrating again changes nothing', async () => {
    const { code, said } = await runToEnd(['migrate'], databases)
    expect(code).toBe(0)
    expect(said).toContain('The database is current')
  })
})

test('health is public, metrics are on a port of their own', async () => {
  expect(await (await fetch(`${world.url}/healthz`)).json()).toEqual({ status: 'ok', checks: {} })
  expect(await (await fetch(`${world.url}/readyz`)).json()).toMatchObject({ status: 'ok', checks: { postgres: 'ok' } })
  expect((await fetch(`${world.url}/metrics`)).status).toBe(404)
  const metrics = await (await fetch(world.metricsUrl)).text()
  const payments = ['payment_webhooks_total', 'payment_movements_total', 'refunds_pending', 'disputes_open_paise']
  for (const name of [
    'http_request_duration_seconds',
    'queue_items',
    'catalogue_current',
    'contradictions_open',
    ...payments,
  ]) {
    expect(metrics).toContain(`wasd_api_${name}`)
  }
})

test('while it runs, what Node made of it lies there already for its next start: one that is killed writes no more', () => {
  const files = readdirSync(world.environment.NODE_COMPILE_CACHE, { recursive: true })
  expect(files.length).toBeGreaterThan(500)
})

test('a session by chat: ordered, played, interrupted, stopped, billed to the second', async () => {
  const asha = await world.telegram.person('Asha')
  await asha.writes('/topup 500')
  await asha.reads('Top up ₹500.00')
  await asha.presses('⭐ Pay with Stars')
  await asha.reads('')
  await asha.pays()
  await asha.reads('₹500.50 is in your wallet')

  await asha.writes('/play')
  await asha.reads('What would you like')
  await asha.presses('Star Caravan')
  await asha.reads('the long dark')
  await asha.presses('Standard · ₹90/hour')
  await asha.reads('counted by the second')
  await asha.presses('▶️ Start')
  await asha.reads('Getting your Standard machine for Star Caravan')

  await expect.poll(() => world.sessions(), { timeout: 15_000 }).toHaveLength(1)
  const [session] = await world.sessions()
  const name = session?.metadata.name ?? ''
  expect(session?.spec).toMatchObject({
    game: 'star-caravan',
    tier: 'standard',
    desiredState: 'Running',
    paidSeconds: 3600,
  })

  const since = new Date(Date.now() - 60_000).toISOString()
  const ready = { phase: 'Running', readyAt: since, endpoint: { host: '203.0.113.5' } } as const
  await world.report(name, { ...ready, billing: { seconds: 0, since, final: false } })
  const told = await asha.reads('Star Caravan is ready')
  expect(told.text).toContain('203.0.113.5')
  expect(told.text).toContain('PIN')

  const interruptions = [{ cause: 'Evicted' as const, since }]
  await world.report(name, {
    phase: 'Recovering',
    evictions: 1,
    interruptions,
    billing: { seconds: 60, since: null },
  })
  await asha.reads('was taken away by the data centre')
  const again = new Date(Date.now() - 1000).toISOString()
  const over = [{ cause: 'Evicted' as const, since, seconds: 45 }]
  await world.report(name, { phase: 'Running', interruptions: over, billing: { seconds: 60, since: again } })
  await asha.reads('The 45 s in between cost nothing')

  await asha.writes('/stop')
  await asha.reads('Stop Star Caravan?')
  await asha.presses('⏹ Yes, stop it')
  await asha.reads('Stopping Star Caravan')
  await expect.poll(async () => (await world.sessions())[0]?.spec.desiredState, { timeout: 15_000 }).toBe('Ended')
  const billing = { seconds: 100, since: null, final: true }
  await world.report(name, { phase: 'Ending', endReason: 'PlayerEnded', billing })
  const receipt = await asha.reads('Star Caravan on Standard has ended: you stopped it.')
  expect(receipt.text.split('\n').slice(2)).toEqual([
    'Played: 1 min 40 s',
    'Not charged: 45 s, the data centre took the machine back',
    'Price: ₹90.00 an hour',
    'Charged: ₹2.50',
    'GST of 18 % is included: ₹0.38',
    expect.stringMatching(/^Receipt \d\d-\d\d\/0000001$/),
    'Your balance: ₹498.00',
  ])

  await asha.presses('🧾 Receipt')
  const document = await asha.reads('Total: ₹2.50')
  expect(document.text).toContain('· the data centre took the machine back · 45 s · free')
  await asha.presses('📒 Statement')
  const statement = await asha.reads('Your wallet, the newest first')
  expect(statement.text).toContain('Play: Star Caravan')
  expect(statement.text).toContain('+₹500.50 · balance ₹500.50')
})

guestsAreHeard(() => world)
fuzzingFindsNothing({
  given: () => ({ stack: { publicUrl: world.url }, cast: { reportGuest: reporting } }),
  runs: 8,
  operations: id => id === 'reportGuest',
})

/** A machine may report sixty times a minute. */
async function reporting(): Promise<Right> {
  machines += 1
  const { token } = await machineIn(world, `fuzzed-${machines}`)
  return { token, body: { incarnation: 1, connected: true }, uses: 50 }
}

limitsHold(() => world)

test('while the cluster is away players are served, and what they ordered is made when it is back', async () => {
  const cara = await world.telegram.person('Cara')
  await cara.writes('/topup 100')
  await cara.reads('Top up ₹100.00')
  await cara.presses('⭐ Pay with Stars')
  await cara.reads('')
  await cara.pays()
  await cara.reads('is in your wallet')
  const before = (await world.sessions()).length
  world.cluster.apiServer.kill('SIGKILL')
  await world.cluster.apiServer.ended()
  try {
    await cara.writes('/play')
    await cara.reads('What would you like')
    await cara.presses('Paper Kingdoms')
    await cara.reads('an evening')
    await cara.presses('Light · ₹45/hour')
    await cara.reads('counted by the second')
    await cara.presses('▶️ Start')
    await cara.reads('Getting your Light machine')
  } finally {
    await world.cluster.apiServer.start()
  }
  await expect.poll(async () => (await world.sessions()).length, { timeout: 30_000 }).toBe(before + 1)
})

test('SIGTERM: it is no longer ready, drains, and exits 0', async () => {
  const stopped = program.stop('SIGTERM')
  await expect
    .poll(
      async () =>
        await fetch(`${world.url}/readyz`).then(
          reply => reply.status,
          () => 'closed',
        ),
    )
    .not.toBe(200)
  const { code, said } = await stopped
  expect(code, said).toBe(0)
  for (const line of said.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('message')
  for (const name of [
    'TELEGRAM_BOT_TOKEN',
    'TELEGRAM_WEBHOOK_SECRET',
    'RAZORPAY_KEY_SECRET',
    'RAZORPAY_WEBHOOK_SECRETS',
    'TOKEN_KEYS',
  ] as const) {
    expect(said).not.toContain(world.environment[name])
  }
})
