// /v1/sign-in: how a player gets tokens without the chat, by Telegram's OpenID Connect or from the Mini App; how they are
// renewed, and ended.
import { createRoute, z } from '@hono/zod-openapi'
import { inTransaction, type Queries } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { AccessTokens } from '../players/access-tokens.ts'
import { PlayerError } from '../players/errors.ts'
import { MINI_APP_SECONDS, parseMiniAppData, type TelegramPerson } from '../players/mini-app.ts'
import type { OpenId } from '../players/open-id.ts'
import { findOrCreateByTelegram } from '../players/players.ts'
import { createSignIn, hashOf, ReusedError, revoke, rotate, type SignInMethod } from '../players/sign-ins.ts'
import {
  emptyBody,
  group,
  idempotencyKey,
  jsonBody,
  jsonReply,
  limitedBy,
  POSTED,
  problems,
  SIGNED_IN_STILL,
  STORED,
  securedFor,
  time,
} from './api.ts'

export interface SignInOutside {
  database: Queries
  clock: Clock
  tokens: AccessTokens
  botToken: string
  /** `undefined` where it is not set up. */
  openId: OpenId | undefined
}

const opaque = z.string().regex(/^[\w-]{43}$/)

const tokensSchema = z
  .object({
    tokenType: z.literal('Bearer'),
    accessToken: z.string().openapi({ description: 'For the header Authorization: Bearer. Good for five minutes.' }),
    accessExpiresAt: time,
    refreshToken: z.string().openapi({ description: 'Good once, for the next pair. Keep it as you would a password.' }),
  })
  .openapi('Tokens')

const limit = { ...limitedBy('signIn') } as const

const beginOpenId = createRoute({
  ...limit,
  method: 'post',
  path: '/v1/sign-in/openid',
  operationId: 'beginOpenIdSignIn',
  tags: ['Sign-in'],
  summary: 'Begin to sign in with Telegram',
  description:
    'Send the browser to `authorizationUrl`, and keep `attempt` where only this browser has it. Telegram sends the ' +
    'browser back to the page that is registered with the bot, with `code` and `state` in its address.',
  request: { headers: idempotencyKey, body: emptyBody },
  responses: {
    201: jsonReply(
      'Begun.',
      z.object({ attempt: z.string(), authorizationUrl: z.url(), expiresAt: time }).openapi('OpenIdSignIn'),
    ),
    ...problems(...POSTED, ...STORED, 'SignInNotOffered', 'SignInUnavailable'),
  },
})

const completeOpenId = createRoute({
  ...limit,
  method: 'post',
  path: '/v1/sign-in/openid/complete',
  operationId: 'completeOpenIdSignIn',
  tags: ['Sign-in'],
  summary: 'Finish to sign in with Telegram',
  request: {
    headers: idempotencyKey,
    body: jsonBody(
      z.strictObject({
        attempt: opaque,
        state: opaque.openapi({ description: 'As it stands in the address that Telegram sent the browser back to.' }),
        code: z.string().min(1).max(2048),
      }),
    ),
  },
  responses: {
    200: jsonReply('Signed in.', tokensSchema),
    ...problems(...POSTED, ...STORED, 'SignInNotOffered', 'SignInUnknown', 'SignInRefused', 'SignInUnavailable'),
  },
})

const miniApp = createRoute({
  ...limit,
  method: 'post',
  path: '/v1/sign-in/mini-app',
  operationId: 'signInFromMiniApp',
  tags: ['Sign-in'],
  summary: 'Sign in from the Mini App',
  request: {
    headers: idempotencyKey,
    body: jsonBody(
      z.strictObject({
        initData: z.string().min(1).max(8192).openapi({ description: 'Telegram.WebApp.initData, as it is.' }),
      }),
    ),
  },
  responses: {
    200: jsonReply('Signed in.', tokensSchema),
    ...problems(...POSTED, ...STORED, 'MiniAppDataInvalid', 'MiniAppDataExpired', 'MiniAppDataSpent'),
  },
})

const refresh = createRoute({
  ...limit,
  method: 'post',
  path: '/v1/sign-in/refresh',
  operationId: 'refreshTokens',
  tags: ['Sign-in'],
  summary: 'Exchange a refresh token for the next pair',
  description: 'A refresh token is good once. One that comes a second time ends the whole sign-in.',
  request: {
    headers: idempotencyKey,
    body: jsonBody(z.strictObject({ refreshToken: z.string().regex(/^wasd_refresh_[\w-]{43}$/) })),
  },
  responses: {
    200: jsonReply('The next pair.', tokensSchema),
    ...problems(...POSTED, ...STORED, 'RefreshTokenInvalid', 'RefreshTokenReused'),
  },
})

const end = createRoute({
  ...limit,
  method: 'post',
  path: '/v1/sign-in/end',
  operationId: 'signOut',
  tags: ['Sign-in'],
  summary: 'Sign out, here or everywhere',
  security: securedFor('me:write'),
  request: {
    headers: idempotencyKey,
    body: jsonBody(z.strictObject({ everywhere: z.boolean().default(false) })),
  },
  responses: {
    204: { description: 'Signed out. What an access token may read, it may read until it expires.' },
    ...problems(...POSTED, ...SIGNED_IN_STILL),
  },
})

export const signInDescriptions = [beginOpenId, completeOpenId, miniApp, refresh, end]

export function signInRoutes(outside: SignInOutside) {
  const { clock, botToken } = outside
  const offered = (): OpenId => {
    if (!outside.openId) throw new PlayerError('SignInNotOffered')
    return outside.openId
  }

  return group()
    .openapi(beginOpenId, async context => {
      const { expiresAt, ...begun } = await offered().begin(context.get('database'), clock.now())
      return context.json({ ...begun, expiresAt: expiresAt.toISOString() }, 201)
    })
    .openapi(completeOpenId, async context => {
      const back = context.req.valid('json')
      const database = context.get('database')
      const now = clock.now()
      const person = await inTransaction(database, transaction => offered().complete(transaction, { ...back, now }))
      return context.json(await signIn(outside, database, { person, method: 'OpenId' }), 200)
    })
    .openapi(miniApp, async context => {
      const { initData } = context.req.valid('json')
      const database = context.get('database')
      const person = parseMiniAppData(initData, { botToken, now: clock.now() })
      await spend(database, { initData, now: clock.now() })
      return context.json(await signIn(outside, database, { person, method: 'MiniApp' }), 200)
    })
    .openapi(refresh, async context => {
      const { refreshToken } = context.req.valid('json')
      const now = clock.now()
      const next = await inTransaction(context.get('database'), transaction =>
        rotate(transaction, { refreshToken, now }),
      )
        // What ends the sign-in must not be rolled back with the request.
        .catch((error: unknown) => {
          if (error instanceof ReusedError) {
            const { signInId } = error
            context.set('afterRefusal', () => revoke(outside.database, { signInId, reason: 'TokenReused', now }))
          }
          throw error
        })
      return context.json(await tokensOf(outside, next), 200)
    })
    .openapi(end, async context => {
      const { everywhere } = context.req.valid('json')
      const caller = context.get('caller')
      const { playerId } = caller
      const which = everywhere || caller.kind === 'Service' ? { playerId } : { signInId: caller.signInId }
      await revoke(context.get('database'), { ...which, reason: 'SignedOut', now: clock.now() })
      return context.body(null, 204)
    })
}

/** Takes the data once: a copy of it, from a log or an address, is good for nobody. */
async function spend(queries: Queries, { initData, now }: { initData: string; now: Date }): Promise<void> {
  const expiresAt = new Date(now.getTime() + 2 * MINI_APP_SECONDS * 1000)
  const { count } = await queries`
    INSERT INTO spent_credentials (hash, expires_at) VALUES (${hashOf(signedPart(initData))}, ${expiresAt})
    ON CONFLICT DO NOTHING`
  if (count === 0) throw new PlayerError('MiniAppDataSpent')
}

/** Its hash names the data, however the fields are ordered or encoded. */
function signedPart(initData: string): string {
  return new URLSearchParams(initData).get('hash')?.toLowerCase() ?? ''
}

async function signIn(
  outside: SignInOutside,
  queries: Queries,
  { person, method }: { person: TelegramPerson; method: SignInMethod },
) {
  const now = outside.clock.now()
  const { telegramUserId, firstName, languageCode } = person
  const { id: playerId } = await findOrCreateByTelegram(queries, {
    // A private chat has the person's own id: https://core.telegram.org/bots/api#chat
    ...{ telegramUserId, telegramChatId: telegramUserId, firstName, languageCode, now },
  })
  const created = await inTransaction(queries, transaction => createSignIn(transaction, { playerId, method, now }))
  return await tokensOf(outside, { playerId, ...created })
}

async function tokensOf(
  { tokens, clock }: SignInOutside,
  { playerId, signInId, refreshToken }: { playerId: string; signInId: string; refreshToken: string },
): Promise<z.infer<typeof tokensSchema>> {
  const { token, expiresAt } = await tokens.sign({ playerId, signInId }, clock.now())
  return { tokenType: 'Bearer', accessToken: token, accessExpiresAt: expiresAt.toISOString(), refreshToken }
}

/** Forgets what is over and can be of no use to anybody. */
export async function forgetSignIns(queries: Queries, now: Date): Promise<void> {
  await queries`DELETE FROM spent_credentials WHERE expires_at < ${now}`
  await queries`DELETE FROM open_id_attempts WHERE expires_at < ${now}`
  await queries`DELETE FROM sign_ins WHERE expires_at < ${now}`
}
