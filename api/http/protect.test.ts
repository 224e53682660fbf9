import { OpenAPIHono } from '@hono/zod-openapi'
import { expect, test } from 'vitest'
import { connect } from '../../lib/database/pool.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { accessTokens } from '../players/access-tokens.ts'
import { type ApiEnvironment, reading } from './api.ts'
import { guestTokens } from './guest-tokens.ts'
import { problemOnError } from './problem.ts'
import { protect } from './protect.ts'
import { LIMITS, type LimitName } from './rate-limits.ts'

// Port 9 is the discard service, which nobody runs: a look takes no database.
const database = connect('postgres://nobody@127.0.0.1:9/none', { max: 1, applicationName: 'test' })
const playerId = '01k3zz5c4w8q0r9m2n7p6t5v3x'
const signInId = '01k3zz5c4w8q0r9m2n7p6t5v3y'

/** One route; what of it is counted waits until it is let go, as a store's answer does. */
function door() {
  const tokens = accessTokens({ algorithm: 'HS256', keys: [Buffer.alloc(32)], issuer: 'https://play.example.com' })
  const waiting: { names: LimitName[]; answer: (refused: readonly LimitName[]) => void }[] = []
  let entered = 0
  const app = new OpenAPIHono<ApiEnvironment>()
  app.onError(problemOnError(createLogger({ program: 'test', level: 'silent' })))
  const route = { ...reading('sessions:read', 'Play'), operationId: 'look', getRoutingPath: () => '/v1/look' }
  protect(app, [route], {
    ...{ clock, tokens, database, guests: guestTokens({ file: undefined, clock }), requestSeconds: 5 },
    limits: {
      count: (...asked) =>
        new Promise(resolve => {
          const names = asked.map(({ name }) => name)
          const answer = (refused: readonly LimitName[]) => {
            const over = names.find(name => refused.includes(name))
            const told = over === undefined ? { remaining: 1, isRefused: false } : { remaining: 0, isRefused: true }
            resolve({ limit: LIMITS[over ?? names.at(-1) ?? 'address'], resetSeconds: 7, ...told })
          }
          waiting.push({ names, answer })
        }),
    },
  })
  app.get('/v1/look', context => {
    entered += 1
    return context.json({})
  })
  /** What is asked for together next, each let go or refused as told. */
  const counted = async (refused: readonly LimitName[] = []) => {
    do await new Promise(setImmediate)
    while (waiting.length === 0)
    const asked = waiting.splice(0)
    for (const { answer } of asked) answer(refused)
    return asked.flatMap(({ names }) => names)
  }
  return { tokens, counted, entered: () => entered, ask: (token: string) => app.request('/v1/look', bearing(token)) }
}

const bearing = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })

/** A door, and a token that it has seen. */
async function known() {
  const { tokens, counted, ask, entered } = door()
  const { token } = await tokens.sign({ playerId, signInId }, clock.now())
  const first = Promise.resolve(ask(token))
  const alone = [await counted(), await counted()]
  expect((await first).status).toBe(200)
  return { counted, entered, alone, ask: () => Promise.resolve(ask(token)) }
}

test('an address is counted before a signature is looked at, and whoever is known by it at once with the address', async () => {
  const { alone, ask, counted } = await known()
  expect(alone, 'of a token that was never seen').toEqual([['address'], ['read']])

  const again = ask()
  expect(await counted(), 'of one that was').toEqual(['address', 'read'])
  expect((await again).headers.get('RateLimit-Limit')).toBe(String(LIMITS.read))
})

test('an address that asks too often costs no signature', async () => {
  const { ask, counted } = door()
  const forged = Promise.resolve(ask('forged'))
  expect(await counted(['address'])).toEqual(['address'])
  expect((await forged).status).toBe(429)
})

test.each([
  ['its address', ['address'], LIMITS.address],
  ['its player', ['read'], LIMITS.read],
  ['both', ['address', 'read'], LIMITS.address],
] as const)(
  'a request that is too many of %s is refused before its handler, and told so',
  async (_of, refused, limit) => {
    const { ask, counted, entered } = await known()
    const reply = ask()
    await counted(refused)
    const { status, headers } = await reply
    expect(status).toBe(429)
    expect(headers.get('RateLimit-Limit')).toBe(String(limit))
    expect([headers.get('RateLimit-Remaining'), headers.get('Retry-After')]).toEqual(['0', '7'])
    expect(entered(), 'the first alone').toBe(1)
  },
)
