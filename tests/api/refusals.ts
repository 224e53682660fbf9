// How every refusal that the document names is reached, at whatever route names it.
import type { RateLimits } from '../../api/http/rate-limits.ts'
import { SCOPES, type Scope } from '../../api/players/scopes.ts'
import { createServiceToken } from '../../api/players/service-tokens.ts'
import { adjust } from '../../api/wallet/wallet.ts'
import { paid } from '../money/paid.ts'
import { type Answer, type Asking, ask, needed, replySchema, signIn } from './client-of.ts'
import type { Operation } from './document.ts'
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

export type Refusals = Awaited<ReturnType<typeof refusalsOf>>

export async function refusalsOf({ stack, limits, guestToken, guestUid }: RefusalsStack) {
  const player = await signIn(stack, 'Refused')
  const now = new Date()
  const make = async (scopes: readonly Scope[]) =>
    (await createServiceToken(stack.database, { name: 'test', scopes, days: 1, now })).token
  const service = await make(SCOPES)
  const narrow = (operation: Operation) => make(SCOPES.filter(scope => scope !== operation.scope))

  const pathOf = (operation: Operation) =>
    operation.path.replaceAll(/\{\w+\}/g, NOBODY) + (operation.id === 'getQuote' ? `?${new URLSearchParams(wish)}` : '')
  const tokenOf = (operation: Operation) =>
    operation.security === 'Player' ? player.token : operation.security === 'Guest' ? guestToken : undefined

  /** The operation as it is meant, but for what `asking` changes. */
  const attempt = (operation: Operation, asking: Asking & { path?: string } = {}) => {
    const { path = pathOf(operation), ...rest } = asking
    const body = operation.body === undefined ? {} : { body: bodies[operation.id] ?? {} }
    return ask(stack.publicUrl, path, { method: operation.method, token: tokenOf(operation), ...body, ...rest })
  }
  const ownerOf = (operation: Operation) =>
    operation.security === 'Player' ? player.id : operation.security === 'Guest' ? `guest:${guestUid}` : 'anonymous'
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
  const byCode: Record<string, (operation: Operation) => Promise<Answer>> = {
    async TooManyRequests(operation) {
      while (!(await limits.count({ name: 'address', subject: LIMITED_ADDRESS })).isRefused);
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
      if (operation.body !== undefined) return attempt(operation, { body: { ...Object(bodies[operation.id]), odd: 1 } })
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
      for (let each = 0; each < 4; each += 1) await fetch(`${stack.publicUrl}${path}`, { headers, signal: open.signal })
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

  async function variant(operation: Operation, settings: Parameters<FrontStack['applicationOf']>[0]): Promise<Answer> {
    const reply = await stack.applicationOf(settings).request(operation.path, {
      method: operation.method,
      headers: { 'Idempotency-Key': crypto.randomUUID(), 'Content-Type': 'application/json' },
      body: JSON.stringify(bodies[operation.id] ?? {}),
    })
    const text = await reply.text()
    return { status: reply.status, headers: reply.headers, text, json: replySchema.parse(JSON.parse(text)) }
  }

  return { attempt, byCode }
}
