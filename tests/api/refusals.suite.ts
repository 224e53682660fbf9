// Every refusal that the document names is reached, at every route, with the status and in the words it is documented
// with. One that is named and cannot be reached fails here, and so does one for which nobody has said how.
import { beforeAll, describe, expect, test } from 'vitest'
import { LIMITS, type RateLimits } from '../../api/http/rate-limits.ts'
import { SCOPES } from '../../api/players/scopes.ts'
import { createServiceToken } from '../../api/players/service-tokens.ts'
import { adjust } from '../../api/wallet/wallet.ts'
import { paid } from '../money/paid.ts'
import { type Answer, type ApiPlayer, type Asking, ask, needed, replySchema, signIn } from './client-of.ts'
import { type ApiDocument, type Operation, readDocument } from './document.ts'
import { type FrontStack, LOGIN_PAGE } from './front.ts'

/** The address that the limits of the stack are in force for. */
export const LIMITED_ADDRESS = '203.0.113.66'

export interface RefusalsStack {
  stack: FrontStack
  limits: RateLimits
  /** A guest's token that is good. */
  guestToken: string
  guestUid: string
}

/** Reached where there is a cluster: guest.suite.ts. */
const ELSEWHERE = ['reportGuest MachineOver']
const NOBODY = '0'.repeat(26)
const wish = { game: 'star-caravan', tier: 'standard' }
const bodies: Record<string, unknown> = {
  completeOpenIdSignIn: { attempt: 'x'.repeat(43), state: 'x'.repeat(43), code: 'code' },
  signInFromMiniApp: { initData: 'hash=00' },
  refreshTokens: { refreshToken: `wasd_refresh_${'x'.repeat(43)}` },
  signOut: {},
  startSession: wish,
  createTopUp: { amountPaise: 10_000 },
  createRefund: { paymentId: 'pay_none' },
  reportGuest: { incarnation: 1, connected: true },
}

export function refusalsAreReached(given: () => RefusalsStack): void {
  describe('refusals', () => {
    let stack: FrontStack
    let document: ApiDocument
    let player: ApiPlayer
    let service: string
    let narrow: (operation: Operation) => Promise<string>
    beforeAll(async () => {
      stack = given().stack
      document = await readDocument(stack)
      player = await signIn(stack, 'Refused')
      const now = new Date()
      const make = async (scopes: readonly (typeof SCOPES)[number][]) =>
        (await createServiceToken(stack.database, { name: 'test', scopes, days: 1, now })).token
      service = await make(SCOPES)
      narrow = operation => make(SCOPES.filter(scope => scope !== operation.scope))
    })

    const pathOf = (operation: Operation) =>
      operation.path.replaceAll(/\{\w+\}/g, NOBODY) +
      (operation.id === 'getQuote' ? `?${new URLSearchParams(wish)}` : '')
    const tokenOf = (operation: Operation) =>
      operation.security === 'Player' ? player.token : operation.security === 'Guest' ? given().guestToken : undefined

    /** The operation as it is meant, but for what `asking` changes. */
    const attempt = (operation: Operation, asking: Asking & { path?: string } = {}) => {
      const { path = pathOf(operation), ...rest } = asking
      const body = operation.body === undefined ? {} : { body: bodies[operation.id] ?? {} }
      return ask(stack.publicUrl, path, { method: operation.method, token: tokenOf(operation), ...body, ...rest })
    }
    const ownerOf = (operation: Operation) =>
      operation.security === 'Player'
        ? player.id
        : operation.security === 'Guest'
          ? `guest:${given().guestUid}`
          : 'anonymous'
    const rich = async () => {
      const made = await signIn(stack, 'Rich')
      await made.isCredited(100)
      return made
    }
    const withSession = async () => {
      const made = await rich()
      const { json } = await made.post('/v1/sessions', wish)
      return { player: made, id: String(json.id) }
    }
    const withPayment = async (payBy: Parameters<typeof paid>[1]['payBy'] = { rail: 'Razorpay' }) => {
      const owner = await signIn(stack, 'Paid')
      const paymentId = await paid(stack.database, { playerId: owner.id, amountPaise: 10_000n, payBy })
      const refund = (what: object = {}) => owner.post('/v1/refunds', { paymentId, ...what })
      const spends = async (paise: bigint) => {
        const about = { author: 'test', reason: 'Spent.', idempotencyKey: crypto.randomUUID(), now: new Date() }
        await adjust(stack.database, { playerId: owner.id, amountPaise: -paise, ...about })
      }
      return { paymentId, spends, refund }
    }
    /** Everything stored is held up while `act` is at work. */
    const heldUp = (act: () => Promise<void>) =>
      stack.admin.begin(async lock => {
        const tables = await lock<{ name: string }[]>`
          SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'queue%'`
        for (const { name } of tables) await lock`LOCK TABLE ${lock(name)} IN ACCESS EXCLUSIVE MODE`
        await act()
      })
    const storing = (code: string) =>
      document.operations.filter(({ refusals }) => refusals.some(refusal => refusal.code === code))

    const byCode: Record<string, (operation: Operation) => Promise<Answer>> = {
      async TooManyRequests(operation) {
        const { limits } = given()
        for (let left = LIMITS.address; left > 0; left -= 1) {
          await limits.count('address', LIMITED_ADDRESS).catch(() => undefined)
        }
        return attempt(operation, { headers: { 'X-Forwarded-For': LIMITED_ADDRESS } })
      },
      Unauthenticated: operation => attempt(operation, { token: undefined }),
      async SignedOut(operation) {
        const left = await signIn(stack, 'Left')
        await left.post('/v1/sign-in/end', {})
        return attempt(operation, { token: left.token })
      },
      ScopeMissing: async operation =>
        attempt(operation, { token: await narrow(operation), headers: { 'Wasd-Player': player.id } }),
      PlayerUnnamed: operation => attempt(operation, { token: service }),
      PlayerUnknown: operation => attempt(operation, { token: service, headers: { 'Wasd-Player': NOBODY } }),
      IdempotencyKeyMissing: operation => attempt(operation, { key: 'short' }),
      async IdempotencyKeyReused(operation) {
        const key = crypto.randomUUID()
        const hash = Buffer.alloc(32)
        await stack.database`
          INSERT INTO idempotent_requests (owner, key, request_hash, status, sealed_body, at)
          VALUES (${ownerOf(operation)}, ${key}, ${hash}, 200, ${hash}, now())`
        return attempt(operation, { key })
      },
      IdempotencyInFlight: operation =>
        stack.admin.begin(async other => {
          const key = crypto.randomUUID()
          const lock = `idempotency ${ownerOf(operation)} ${key}`
          await other`SELECT pg_advisory_xact_lock(hashtextextended(${lock}, 0))`
          return await attempt(operation, { key })
        }),
      MalformedBody: operation => attempt(operation, { body: '{"' }),
      MediaTypeUnsupported: operation => attempt(operation, { body: '{}', headers: { 'Content-Type': 'text/plain' } }),
      BodyTooLarge: operation => attempt(operation, { body: { padding: 'x'.repeat(16 * 1024) } }),
      InvalidRequest: operation => {
        if (operation.body !== undefined)
          return attempt(operation, { body: { ...Object(bodies[operation.id]), odd: 1 } })
        if (operation.path.includes('{'))
          return attempt(operation, { path: operation.path.replaceAll(/\{\w+\}/g, 'odd.') })
        return attempt(operation, { path: `${operation.path}?odd=1` })
      },
      GuestTokenInvalid: operation => attempt(operation, { token: player.token }),
      SessionUnknown: operation => attempt(operation),
      TopUpUnknown: operation => attempt(operation),
      RefundUnknown: operation => attempt(operation),
      PaymentUnknown: operation => attempt(operation),
      async NothingToRefund() {
        const { spends, refund } = await withPayment()
        await spends(10_000n)
        return refund()
      },
      RefundTooLarge: async () => (await withPayment()).refund({ amountPaise: 10_001 }),
      async RefundNotWhole() {
        const { spends, refund } = await withPayment({ rail: 'Stars', paisePerStar: 100n })
        await spends(1n)
        return refund()
      },
      async PaymentDisputed() {
        const { paymentId, refund } = await withPayment()
        await stack.database`
          INSERT INTO disputes (rail, id, payment_id, amount_paise, state, opened_at)
          VALUES ('Razorpay', ${`disp_${paymentId}`}, ${paymentId}, 100, 'Open', now())`
        return refund()
      },
      async ReceiptUnknown(operation) {
        const { player: owner, id } = await withSession()
        return owner.get(operation.path.replace('{sessionId}', id))
      },
      async SessionOver(operation) {
        const { player: owner, id } = await withSession()
        await stack.settle(id, owner.id)
        return owner.post(operation.path.replace('{sessionId}', id))
      },
      async SessionEnding(operation) {
        const { player: owner, id } = await withSession()
        await owner.post(`/v1/sessions/${id}/end`)
        return owner.post(operation.path.replace('{sessionId}', id))
      },
      GameUnknown: operation => wishing(operation, { ...wish, game: 'tetris' }),
      TierUnknown: operation => wishing(operation, { ...wish, tier: 'gold' }),
      RegionUnknown: operation => wishing(operation, { ...wish, region: 'mars' }),
      async SessionActive() {
        const { player: owner } = await withSession()
        return owner.post('/v1/sessions', wish)
      },
      InsufficientFunds: async () => (await signIn(stack, 'Poor')).post('/v1/sessions', wish),
      async TooManyStreams(operation) {
        const { player: owner, id } = await withSession()
        const path = operation.path.replace('{sessionId}', id)
        const open = new AbortController()
        const headers = { Authorization: `Bearer ${owner.token}` }
        for (let each = 0; each < 4; each += 1)
          await fetch(`${stack.publicUrl}${path}`, { headers, signal: open.signal })
        return await owner.get(path).finally(() => open.abort())
      },
      async SessionLives() {
        const { player: owner } = await withSession()
        return owner.delete('/v1/me')
      },
      MoneyLeft: async () => (await rich()).delete('/v1/me'),
      SignInNotOffered: operation => variant(operation, { openId: undefined }),
      SignInUnknown: operation => attempt(operation),
      async SignInRefused(operation) {
        return attempt(operation, { body: { ...(await begun()), code: 'guessed' } })
      },
      async SignInUnavailable(operation) {
        if (operation.id === 'beginOpenIdSignIn') {
          const issuer = 'http://127.0.0.1:9'
          const openId = {
            issuer,
            clientId: '1',
            clientSecret: 's',
            redirectUrl: LOGIN_PAGE,
            algorithm: 'RS256',
          } as const
          return variant(operation, { openId })
        }
        const body = { ...(await begun()), code: 'code' }
        await stack.telegram.control('POST', '/login/tamper', { token_status: 500 })
        return attempt(operation, { body })
      },
      MiniAppDataInvalid: operation => attempt(operation),
      async MiniAppDataExpired(operation) {
        const initData = await player.person.opensMiniApp(1_700_000_000)
        return attempt(operation, { body: { initData } })
      },
      async MiniAppDataSpent(operation) {
        const initData = await player.person.opensMiniApp()
        await attempt(operation, { body: { initData } })
        return attempt(operation, { body: { initData } })
      },
      RefreshTokenInvalid: operation => attempt(operation),
      async RefreshTokenReused(operation) {
        const { refreshToken } = (await signIn(stack, 'Twice')).tokens
        await attempt(operation, { body: { refreshToken } })
        return attempt(operation, { body: { refreshToken } })
      },
    }

    async function begun() {
      const { json } = await ask(stack.publicUrl, '/v1/sign-in/openid', { method: 'POST' })
      const state = new URL(needed(json.authorizationUrl)).searchParams.get('state')
      return { attempt: json.attempt, state }
    }

    async function wishing(operation: Operation, asked: Record<string, string>): Promise<Answer> {
      if (operation.method === 'GET')
        return attempt(operation, { path: `${operation.path}?${new URLSearchParams(asked)}` })
      const { region, ...body } = asked
      return attempt(operation, { body: { ...body, ...(region === undefined ? {} : { regions: [region] }) } })
    }

    async function variant(
      operation: Operation,
      settings: Parameters<FrontStack['applicationOf']>[0],
    ): Promise<Answer> {
      const reply = await stack.applicationOf(settings).request(operation.path, {
        method: operation.method,
        headers: { 'Idempotency-Key': crypto.randomUUID(), 'Content-Type': 'application/json' },
        body: JSON.stringify(bodies[operation.id] ?? {}),
      })
      const text = await reply.text()
      return { status: reply.status, headers: reply.headers, text, json: replySchema.parse(JSON.parse(text)) }
    }

    test('every one that the document names is reached, with its status, in words, and as a problem', async () => {
      const pairs = document.operations.flatMap(operation =>
        operation.refusals.map(refusal => ({ operation, refusal })),
      )
      expect(pairs.length).toBeGreaterThan(200)
      for (const { operation, refusal } of pairs) {
        const name = `${operation.id} ${refusal.code}`
        if (ELSEWHERE.includes(name) || ['TimedOut', 'Unavailable'].includes(refusal.code)) continue
        const reach = byCode[refusal.code]
        if (!reach) throw new Error(`Nobody has said how ${name} is reached.`)
        const { status, headers, json } = await reach(operation)
        expect([name, status, json?.code]).toEqual([name, refusal.status, refusal.code])
        expect(headers.get('Content-Type'), name).toBe('application/problem+json')
        expect(json.detail, name).toMatch(/^[A-Z].*\.$/s)
      }
    })

    test('work that takes too long is broken off at every route that has some', async () => {
      const codes: unknown[] = []
      await heldUp(async () => {
        codes.push(...(await Promise.all(storing('TimedOut').map(each => attempt(each)))).map(({ json }) => json?.code))
      })
      expect(codes.length).toBeGreaterThan(20)
      expect(new Set(codes)).toEqual(new Set(['TimedOut']))
    })

    test('every route under /v1 is documented, refuses strangers unless it is public, and is limited', () => {
      const served = stack.application.routes.filter(({ path, method }) => path.startsWith('/v1/') && method !== 'ALL')
      const documented = new Set(
        document.operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
      )
      expect(new Set(served.map(({ method, path }) => `${method} ${path}`))).toEqual(documented)
      const open = document.operations.filter(({ security }) => security === 'Nobody').map(({ id }) => id)
      expect(open.sort()).toEqual(
        ['beginOpenIdSignIn', 'completeOpenIdSignIn', 'getCatalogue', 'refreshTokens', 'signInFromMiniApp'].sort(),
      )
      for (const { id, refusals, method } of document.operations) {
        const codes = refusals.map(({ code }) => code)
        expect(codes, id).toContain('TooManyRequests')
        if (method === 'POST') expect(codes, id).toContain('IdempotencyKeyMissing')
      }
    })

    // The last one: what it takes away does not come back.
    test('with the database away every route that needs it says so, and the others go on', async () => {
      const { server } = stack.postgres
      server.kill('SIGKILL')
      await server.ended()
      let left = storing('Unavailable')
      // Where many wait for a connection at once, the time of some is over before it is refused.
      for (let round = 1; left.length > 0 && round <= 10; round += 1) {
        const answers = await Promise.all(left.map(each => attempt(each)))
        for (const { status, headers, json } of answers) {
          expect([503, json?.code]).toEqual([status, expect.stringMatching(/^(Unavailable|TimedOut)$/)])
          expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
        }
        left = left.filter((_, index) => answers[index]?.json.code !== 'Unavailable')
      }
      expect(left.map(({ id }) => id)).toEqual([])
      expect((await ask(stack.publicUrl, '/v1/catalogue')).status).toBe(200)
    })
  })
}
