// A flood of Razorpay's webhooks over HTTP to the API as the process that it is. Payments that were captured are told of
// several times, under several events; between them comes what must change nothing: forgeries, replays, other accounts'
// events, other amounts and currencies. Telegram, Razorpay, Redis and the cluster are away all the while.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { sign } from '../../demo/simulators/razorpay/signatures.ts'
import { freePort } from '../../demo/stack/ports.ts'
import type { Database } from '../../lib/database/pool.ts'
import { NODE_FLAGS } from '../api/node-flags.ts'
import type { Books } from './books.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const SECRET = 'the-secret-in-force'
/** Before a rotation; what was signed by then is still under way. */
const OLD_SECRET = 'the-secret-before'
const ACCOUNT = 'acc_ours'
/** Paise of each top-up. */
export const AMOUNT = 50_000
/** Requests under way at once. */
const CONNECTIONS = 64
/** One captured payment in so many deliveries. */
const DELIVERIES_PER_PAYMENT = 10
const NOWHERE = '127.0.0.1:9'

interface Delivery {
  body: string
  signature: string
  /** What the answer has to be. */
  status: 200 | 401
}

export interface Flood {
  deliveries: Delivery[]
  /** Ids of the payments that were captured for our top-ups, as they were asked for. */
  captured: string[]
  /** Bodies signed by a secret of ours, each once. */
  signedBodies: number
  /** Those of them that nobody can place: a person has to look. */
  unplaceable: number
}

/** The same flood for the same seed. `topUps` holds one for each payment, and some more for what was never captured. */
export function flood(order: { deliveries: number; seed: number; topUps: readonly string[] }): Flood {
  const random = chance(order.seed)
  const payments = Math.floor(order.deliveries / DELIVERIES_PER_PAYMENT)
  const deliveries: Delivery[] = []
  const captured: string[] = []
  const signed = new Set<string>()
  const unplaceable = new Set<string>()

  for (let index = 0; index < payments; index += 1) {
    const topUpId = order.topUps[index] ?? ''
    const unpaid = order.topUps[payments + (index % (order.topUps.length - payments))] ?? ''
    const id = paymentIdOf(topUpId)
    captured.push(id)
    const events = PAID_EVENTS.filter((_, place) => place === index % 3 || random() < 0.5)
    const honest = events.map(event => body({ event, id, topUpId }))
    const idle = body({ event: 'payment.authorized', id, topUpId, status: 'authorized' })
    for (const text of [...honest, idle]) {
      deliveries.push(signedBy(random() < 0.1 ? OLD_SECRET : SECRET, text))
      signed.add(text)
    }
    // Wrong in one way each, and signed all the same: once in ten payments.
    if (index % 10 === 0) {
      const wrong = { event: 'payment.captured', id: `pay_${randomId(random)}`, topUpId: unpaid }
      const mismatches = [body({ ...wrong, amount: AMOUNT - 1 }), body({ ...wrong, currency: 'USD' })]
      const others = [body({ ...wrong, account: 'acc_other' }), body({ ...wrong, status: 'failed' })]
      for (const text of [...mismatches, ...others]) {
        deliveries.push(signedBy(SECRET, text))
        signed.add(text)
      }
      for (const text of mismatches) unplaceable.add(text)
    }
    deliveries.push(...forgeries({ unpaid, genuine: honest[0] ?? idle, random }))
  }
  // What is left of the number are repetitions of what was sent, in whatever place.
  const sent = deliveries.length
  while (deliveries.length < order.deliveries) {
    const again = deliveries[Math.floor(random() * sent)]
    if (again) deliveries.push(again)
  }
  return {
    deliveries: shuffled(deliveries, random),
    captured,
    signedBodies: signed.size,
    unplaceable: unplaceable.size,
  }
}

/** The one payment of a top-up that is captured. */
export function paymentIdOf(topUpId: string): string {
  return `pay_${topUpId.slice(-14)}`
}

const PAID_EVENTS = ['payment.captured', 'order.paid', 'payment_link.paid'] as const

interface Told {
  event: string
  id: string
  topUpId: string
  amount?: number
  currency?: string
  status?: string
  account?: string
}

/** As in https://razorpay.com/docs/webhooks/payments/, shortened to what is read. */
function body({ event, id, topUpId, amount = AMOUNT, currency = 'INR', status = 'captured', account = ACCOUNT }: Told) {
  const notes = { top_up: topUpId }
  const payment = { id, entity: 'payment', amount, currency, status, captured: status === 'captured', notes }
  const link = { payment_link: { entity: { id: `plink_${topUpId}`, reference_id: topUpId } } }
  const payload = { payment: { entity: payment }, ...(event === 'payment_link.paid' ? link : {}) }
  return JSON.stringify({ entity: 'event', account_id: account, event, contains: Object.keys(payload), payload })
}

function signedBy(secret: string, text: string): Delivery {
  return { body: text, signature: sign(text, secret), status: 200 }
}

/** Money for a top-up that nobody paid, and more money than was paid. */
function forgeries(about: { unpaid: string; genuine: string; random: () => number }): Delivery[] {
  const { unpaid, genuine, random } = about
  const wish = body({ event: 'payment.captured', id: `pay_${randomId(random)}`, topUpId: unpaid })
  const richer = genuine.replace(`"amount":${AMOUNT}`, `"amount":${AMOUNT * 2}`)
  return [
    { body: wish, signature: sign(wish, 'a-guessed-secret'), status: 401 },
    { body: richer, signature: sign(genuine, SECRET), status: 401 },
  ]
}

function randomId(random: () => number): string {
  return Array.from({ length: 14 }, () => Math.floor(random() * 36).toString(36)).join('')
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const mixed = [...items]
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1))
    const [left, right] = [mixed[last], mixed[other]]
    if (left !== undefined && right !== undefined) [mixed[last], mixed[other]] = [right, left]
  }
  return mixed
}

/** Mulberry32. */
function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** So many top-ups of ₹500, two to a player. Their ids. */
export async function manyTopUps(database: Database, count: number): Promise<string[]> {
  await database`
    INSERT INTO players (id, telegram_user_id, telegram_chat_id, first_name, created_at)
    SELECT 'f' || lpad(n::text, 25, '0'), 10000000 + n, 10000000 + n, 'Asha', now()
    FROM generate_series(1, ${Math.ceil(count / 2)}::int) AS n`
  const rows = await database<{ id: string }[]>`
    INSERT INTO top_ups (id, token, player_id, rail, amount_paise, created_at, expires_at)
    SELECT 'f' || lpad(n::text, 25, '0'), lpad(n::text, 43, '0'), 'f' || lpad(((n + 1) / 2)::text, 25, '0'), 'Razorpay',
      ${AMOUNT}, now(), now() + interval '1 day'
    FROM generate_series(1, ${count}::int) AS n RETURNING id`
  return rows.map(({ id }) => id)
}

/**
 * Milliseconds after which Razorpay takes a delivery for failed, and comes to switch the webhook off.
 * https://razorpay.com/docs/webhooks/best-practices/
 */
const LATE = 5000

export interface Running {
  /** Sends all of them, and counts what was answered too late; rejects when one is answered otherwise than it should be. */
  pour(deliveries: readonly Delivery[]): Promise<{ late: number }>
  stop(): Promise<void>
}

/** The API's own process over these books, with nothing else in reach. */
export async function startAlone(books: Books, folder: string): Promise<Running> {
  const port = await freePort()
  const kubeconfig = join(folder, 'kubeconfig')
  const cluster = { name: 'away', cluster: { server: `https://${NOWHERE}` } }
  const context = { name: 'away', context: { cluster: 'away', user: 'away' } }
  const users = [{ name: 'away', user: { token: 'none' } }]
  const config = { clusters: [cluster], contexts: [context], users, 'current-context': 'away' }
  writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }))
  const log = join(folder, 'api.log')
  const environment = {
    ...{ LOG_LEVEL: 'error', KUBECONFIG: kubeconfig, CATALOGUE_FILE: join(root, 'manifests/catalogue.yaml') },
    ...{ API_PORT: String(port), METRICS_PORT: '0', PUBLIC_URL: `http://127.0.0.1:${port}` },
    ...{ SESSION_NAMESPACE: 'play', DEFAULT_REGIONS: 'centralindia' },
    TOKEN_KEYS: randomBytes(32).toString('base64'),
    ...{ DATABASE_URL: books.url, REDIS_URL: `redis://${NOWHERE}` },
    ...{ TELEGRAM_BOT_TOKEN: '7000000001:none', TELEGRAM_WEBHOOK_SECRET: randomUUID() },
    TELEGRAM_API_ROOT: `http://${NOWHERE}`,
    ...{ RAZORPAY_KEY_ID: 'none', RAZORPAY_KEY_SECRET: 'none', RAZORPAY_BASE_URL: `http://${NOWHERE}` },
    ...{ RAZORPAY_ACCOUNT_ID: ACCOUNT, RAZORPAY_WEBHOOK_SECRETS: `${SECRET},${OLD_SECRET}` },
  }
  const output = openSync(log, 'w')
  const child = spawn(process.execPath, [...NODE_FLAGS, 'api/main.ts', 'serve'], {
    cwd: root,
    env: environment,
    stdio: ['ignore', output, output],
  })
  await ready(child, `http://127.0.0.1:${port}/readyz`, log)
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS })
  return {
    pour: deliveries => pour(pool, deliveries),
    async stop() {
      await pool.close()
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

async function ready(child: ChildProcess, url: string, log: string): Promise<void> {
  for (let left = 300; left > 0; left -= 1) {
    const reply = await fetch(url).catch(() => undefined)
    if (reply?.ok) return
    if (child.exitCode !== null) break
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  child.kill('SIGKILL')
  throw new Error(`The API did not become ready, and said:\n${readFileSync(log, 'utf8').slice(-2000)}`)
}

async function pour(pool: Pool, deliveries: readonly Delivery[]): Promise<{ late: number }> {
  let next = 0
  let late = 0
  const worker = async () => {
    for (let delivery = deliveries[next++]; delivery; delivery = deliveries[next++]) {
      const sent = performance.now()
      const { statusCode, body: reply } = await pool.request({
        method: 'POST',
        path: '/webhooks/razorpay',
        // A new event id each time: it is outside the signature, and means nothing.
        headers: { 'X-Razorpay-Signature': delivery.signature, 'x-razorpay-event-id': `evt_${next}` },
        body: delivery.body,
      })
      await reply.dump()
      if (performance.now() - sent >= LATE) late += 1
      if (statusCode !== delivery.status) {
        throw new Error(`${statusCode} instead of ${delivery.status} for ${delivery.body}`)
      }
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  return { late }
}
