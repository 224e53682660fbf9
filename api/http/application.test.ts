import { Hono } from 'hono'
import { Registry } from 'prom-client'
import { beforeEach, expect, test } from 'vitest'
import { type Catalogue, parseCatalogue } from '../../crds/catalogue.ts'
import { connect as connectDatabase } from '../../lib/database/pool.ts'
import { connect as connectKubernetes } from '../../lib/kube/client.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createHealth } from '../../lib/process/health.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { accessTokens } from '../players/access-tokens.ts'
import { type Application, BODY_BYTES, createApplication } from './application.ts'
import { guestTokens } from './guest-tokens.ts'
import { operatorHints } from './operator-hints.ts'
import { LIMITS, type RateLimits } from './rate-limits.ts'
import type { RequestVariables } from './request.ts'
import { streamHub } from './session-stream.ts'

const SECRET = 'the-secret-of-the-webhook'
const unlimited: RateLimits = {
  count: async ({ name }) => ({ limit: LIMITS[name], remaining: 1, resetSeconds: 60, isRefused: false }),
}

const catalogue: Catalogue = parseCatalogue(`
games: { quake: { title: Quake, image: linux, tiers: [standard] } }
tiers: { standard: { title: Standard, pricePaisePerHour: 6000, sizes: [Standard_NV6ads_A10_v5] } }
sizes: { Standard_NV6ads_A10_v5: { driverClass: nvidia-grid, family: StandardNVADSA10v5Family, vcpus: 6 } }
images:
  linux:
    id: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/r/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0
    osType: Linux
    driverClass: nvidia-grid
regions: {}
`)

const log = createLogger({ program: 'test', level: 'silent' })
// Port 9 is the discard service, which nobody runs: as good as a store that is gone.
const database = connectDatabase('postgres://nobody@127.0.0.1:9/none', { max: 1, applicationName: 'test' })
const nobody = async () => ({ headers: {}, tls: {} })
const kube = connectKubernetes(
  { server: 'http://127.0.0.1:9', namespace: undefined, identity: nobody, refresh: nobody },
  { userAgent: 'test' },
)

/** What came through the edge; what is asked of it next. */
let stored: number[]
let failure: Error | undefined
let app: Application

beforeEach(() => {
  stored = []
  failure = undefined
  app = createApplication({
    clock,
    log,
    metrics: new Registry(),
    health: createHealth({ clock }),
    limits: unlimited,
    publicUrl: 'https://play.example.com',
    catalogue: () => catalogue,
    telegram: {
      secret: SECRET,
      store: async update => {
        if (failure) throw failure
        stored.push(update.update_id)
      },
      answerPreCheckout: async update => void stored.push(-update.update_id),
    },
    razorpay: { receive: async () => undefined },
    pages: new Hono<{ Variables: RequestVariables }>(),
    api: {
      ...{
        database,
        kube,
        openId: undefined,
        botToken: '7000000001:secret',
        corsOrigins: ['https://portal.example.com'],
      },
      tokens: accessTokens({ algorithm: 'HS256', keys: [Buffer.alloc(32)], issuer: 'https://play.example.com' }),
      guests: guestTokens({ file: undefined, clock }),
      hints: operatorHints({ url: undefined, clock }),
      commands: { catalogue: () => catalogue, holdBlockSeconds: 900, defaultRegions: [] },
      streams: streamHub({ database, clock, log }),
      ...{ requestSeconds: 5, heartbeatSeconds: 15 },
    },
  })
})

function deliver(body: string, secret: string | undefined = SECRET) {
  const headers = {
    'Content-Type': 'application/json',
    ...(secret ? { 'X-Telegram-Bot-Api-Secret-Token': secret } : {}),
  }
  return app.request('/webhooks/telegram', { method: 'POST', headers, body })
}

async function problemOf(reply: Response) {
  expect(reply.headers.get('Content-Type')).toBe('application/problem+json')
  const problem = (await reply.json()) as Record<string, unknown>
  expect(problem).toMatchObject({
    status: reply.status,
    type: `urn:wasd-cloud:problem:${problem.code}`,
    requestId: reply.headers.get('X-Request-Id'),
  })
  expect(String(problem.detail)).toMatch(/^[A-Z].*\.$/)
  return problem
}

test('an update with the secret is stored', async () => {
  expect((await deliver('{"update_id":7}')).status).toBe(200)
  expect(stored).toEqual([7])
})

test('a pre-checkout query is answered at once, and not stored', async () => {
  await deliver('{"update_id":8,"pre_checkout_query":{"id":"1"}}')
  expect(stored).toEqual([-8])
})

test.each([
  ['no secret', undefined],
  ['an empty secret', ''],
  ['a wrong secret', 'guessed'],
  ['half of the secret', SECRET.slice(0, 10)],
])('I5: %s is refused, and nothing is stored', async (_name, secret) => {
  const headers = secret === undefined ? {} : { 'X-Telegram-Bot-Api-Secret-Token': secret }
  const reply = await app.request('/webhooks/telegram', { method: 'POST', headers, body: '{"update_id":7}' })
  expect(reply.status).toBe(401)
  expect((await problemOf(reply)).code).toBe('TelegramSecretInvalid')
  expect(stored).toEqual([])
})

test.each([
  ['not JSON', '{"update_id":', 400, 'MalformedBody'],
  ['nothing', '', 400, 'MalformedBody'],
  ['a list', '[]', 422, 'InvalidRequest'],
  ['an update without an id', '{"message":{}}', 422, 'InvalidRequest'],
  ['an id that is no number', '{"update_id":"7"}', 422, 'InvalidRequest'],
  ['a huge body', JSON.stringify({ update_id: 7, text: 'x'.repeat(BODY_BYTES) }), 413, 'BodyTooLarge'],
])('I8: %s is told what is wrong, and nothing is stored', async (_name, body, status, code) => {
  const reply = await deliver(body)
  expect(reply.status).toBe(status)
  expect((await problemOf(reply)).code).toBe(code)
  expect(stored).toEqual([])
})

test('I8: a failure of ours is told in general words, with an id to ask about', async () => {
  failure = new Error('password=hunter2')
  const reply = await deliver('{"update_id":7}')
  expect(reply.status).toBe(500)
  expect(JSON.stringify(await problemOf(reply))).not.toContain('hunter2')
})

test('a database that is away is a 503 with the time to come back', async () => {
  failure = Object.assign(new Error('connect ECONNREFUSED 10.0.0.7'), { code: 'ECONNREFUSED' })
  const reply = await deliver('{"update_id":7}')
  expect(reply.status).toBe(503)
  expect(reply.headers.get('Retry-After')).toBe('5')
  expect((await problemOf(reply)).code).toBe('Unavailable')
})

test('I8: an unknown address is a problem too', async () => {
  const reply = await app.request('/wp-login.php')
  expect(reply.status).toBe(404)
  expect((await problemOf(reply)).code).toBe('NotFound')
})

test('an id of our own making goes out; a client cannot name it', async () => {
  const reply = await app.request('/v1/catalogue', { headers: { 'X-Request-Id': 'chosen-by-me' } })
  expect(reply.headers.get('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('the catalogue shows games, tiers and prices, and nothing of what stands behind them', async () => {
  const reply = await app.request('/v1/catalogue')
  expect(reply.status).toBe(200)
  expect(reply.headers.get('RateLimit-Limit')).toBe(String(LIMITS.read))
  expect(await reply.json()).toEqual({
    currency: 'INR',
    games: [{ key: 'quake', title: 'Quake', tiers: ['standard'] }],
    tiers: [{ key: 'standard', title: 'Standard', pricePaisePerHour: 6000 }],
  })
})

test('the routes describe themselves', async () => {
  const document = (await (await app.request('/openapi.json')).json()) as { openapi: string; paths: object }
  expect(document.openapi).toBe('3.1.0')
  expect(Object.keys(document.paths)).toContain('/v1/catalogue')
  expect(JSON.stringify(document), 'what is only for us').not.toContain('"x-')
})

test('every reply carries secure headers', async () => {
  const { headers } = await app.request('/v1/catalogue')
  expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
  expect(headers.get('X-Frame-Options')).toBe('DENY')
  expect(headers.get('Strict-Transport-Security')).toMatch(/max-age/)
})

test('the reference page is whole without another server, and its policy lets none in', async () => {
  const page = await app.request('/reference')
  expect(page.headers.get('Content-Security-Policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self'/,
  )
  const text = await page.text()
  const parts = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
  expect(parts).toContain('/reference/swagger-ui-bundle.js')
  for (const path of parts) expect((await app.request(path)).status, path).toBe(200)
  expect(text).not.toMatch(/<script>|style=|https?:/)
})

test('a web client that is not named in the settings cannot read a reply', async () => {
  const asked = async (Origin: string) => {
    const { headers } = await app.request('/v1/catalogue', { headers: { Origin } })
    return headers.get('Access-Control-Allow-Origin')
  }
  expect(await asked('https://portal.example.com')).toBe('https://portal.example.com')
  expect(await asked('https://evil.example.com')).toBeNull()
})

test('metrics are on another port', async () => {
  expect((await app.request('/metrics')).status).toBe(404)
})
