// Log In With Telegram: the OpenID Connect provider as a client and a browser see it. Authorization code with PKCE; the
// identity is in the ID token, there is no userinfo endpoint. https://core.telegram.org/bots/telegram-login
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { Hono } from 'hono'
import { html } from 'hono/html'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { z } from 'zod'
import { unixSeconds } from '../clock.ts'
import { ControlError } from '../control-api.ts'
import type { Chat, Person, World } from './state.ts'

/** Seconds until a code is no longer taken, and for which an ID token is good. */
const CODE_SECONDS = 60
const TOKEN_SECONDS = 3600
/** Codes that wait; the oldest go first. */
const CODE_LIMIT = 1000

export interface Login {
  clientSecret: string
  /** Addresses that are registered with BotFather ("Allowed URLs"). */
  redirectUrls: string[]
}

const authorizationSchema = z.object({
  response_type: z.literal('code'),
  client_id: z.string(),
  redirect_uri: z.string(),
  scope: z.string().regex(/(^| )openid( |$)/),
  state: z.string().optional(),
  nonce: z.string().optional(),
  code_challenge: z.string().optional(),
  code_challenge_method: z.literal('S256').optional(),
})
type Authorization = z.infer<typeof authorizationSchema>

const exchangeSchema = z.object({
  grant_type: z.literal('authorization_code'),
  code: z.string(),
  redirect_uri: z.string(),
  client_id: z.string().optional(),
  code_verifier: z.string().optional(),
})

/** What the next ID token says in place of the truth, for tests of who reads it. */
export const tamperBody = z.strictObject({
  algorithm: z.enum(['none', 'HS256', 'OtherKey']).optional(),
  claims: z.record(z.string(), z.unknown()).default({}),
  token_status: z.int().min(400).max(599).optional(),
})
export type Tampering = z.infer<typeof tamperBody>

interface Grant {
  authorization: Authorization
  person: Person
  until: number
}

export interface OpenIdProvider {
  app: Hono
  tamper(how: Tampering): void
}

export async function openIdProvider(world: World, login: Login): Promise<OpenIdProvider> {
  const { state, clock } = world
  const keys = await generateKeyPair('RS256')
  const otherKeys = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'simulated-1', use: 'sig', alg: 'RS256' }
  const clientId = state.bot.token.split(':')[0] ?? ''
  const grants = new Map<string, Grant>()
  let tampering: Tampering | undefined

  const app = new Hono()
  app.get('/.well-known/openid-configuration', context => context.json(discovery(new URL(context.req.url).origin)))
  app.get('/.well-known/jwks.json', context => context.json({ keys: [jwk] }))

  /** The page on which a person is asked. Whoever is known to the simulator can be chosen. */
  app.get('/auth', context => {
    const asked = authorizationOf(context.req.query(), { clientId, login })
    if ('error' in asked) return context.text(asked.error, 400)
    return context.html(choicePage([...state.chats.values()], context.req.url))
  })
  app.post('/auth', async context => {
    const asked = authorizationOf(context.req.query(), { clientId, login })
    if ('error' in asked) return context.text(asked.error, 400)
    const form = await context.req.parseBody()
    const back = new URL(asked.redirect_uri)
    if (asked.state !== undefined) back.searchParams.set('state', asked.state)
    const chat = state.chats.get(Number(form.user_id))
    if (!chat) back.searchParams.set('error', 'access_denied')
    else back.searchParams.set('code', grant(asked, chat.person))
    return context.redirect(back.href, 303)
  })

  app.post('/token', async context => {
    const tampered = tampering
    tampering = undefined
    if (tampered?.token_status !== undefined) return oauthError('server_error', tampered.token_status)
    if (!isClient(context.req.header('Authorization'), clientId, login)) {
      return oauthError('invalid_client', 401)
    }
    const form = exchangeSchema.safeParse(await context.req.parseBody())
    if (!form.success) return oauthError('invalid_request', 400)
    const granted = grants.get(form.data.code)
    grants.delete(form.data.code) // Once, whatever comes of it.
    if (!granted || !isFitting(granted, form.data, clock.now().getTime())) {
      return oauthError('invalid_grant', 400)
    }
    const origin = new URL(context.req.url).origin
    return context.json({
      access_token: randomBytes(24).toString('base64url'),
      token_type: 'Bearer',
      expires_in: TOKEN_SECONDS,
      id_token: await idToken(claimsOf(granted, origin), tampered),
    })
  })
  return {
    app,
    tamper: how => {
      tampering = how
    },
  }

  function grant(authorization: Authorization, person: Person): string {
    const code = randomBytes(24).toString('base64url')
    grants.set(code, { authorization, person, until: clock.now().getTime() + CODE_SECONDS * 1000 })
    const [oldest] = grants.keys()
    if (grants.size > CODE_LIMIT && oldest !== undefined) grants.delete(oldest)
    return code
  }

  function claimsOf({ authorization, person }: Grant, origin: string): Record<string, unknown> {
    const now = unixSeconds(clock)
    const { id, first_name, last_name, username } = person
    return {
      iss: origin,
      aud: clientId,
      // Opaque, and other than the id of the Bot API.
      sub: createHash('sha256').update(`${clientId} ${id}`).digest('hex').slice(0, 20),
      iat: now,
      exp: now + TOKEN_SECONDS,
      ...(authorization.nonce === undefined ? {} : { nonce: authorization.nonce }),
      id,
      name: [first_name, last_name].filter(part => part !== undefined).join(' '),
      ...(username === undefined ? {} : { preferred_username: username }),
    }
  }

  async function idToken(claims: Record<string, unknown>, tampered: Tampering | undefined): Promise<string> {
    const said = { ...claims, ...tampered?.claims }
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    switch (tampered?.algorithm) {
      case 'none':
        return `${encode({ alg: 'none', typ: 'JWT' })}.${encode(said)}.`
      case 'HS256': {
        // Signed with the public key as if it were a secret: https://www.rfc-editor.org/rfc/rfc8725#section-2.1
        const head = `${encode({ alg: 'HS256', typ: 'JWT', kid: jwk.kid })}.${encode(said)}`
        return `${head}.${createHmac('sha256', JSON.stringify(jwk)).update(head).digest('base64url')}`
      }
      case 'OtherKey':
      case undefined: {
        const key = tampered?.algorithm === 'OtherKey' ? otherKeys.privateKey : keys.privateKey
        return await new SignJWT(said).setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: jwk.kid }).sign(key)
      }
    }
  }
}

function discovery(origin: string) {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/auth`,
    token_endpoint: `${origin}/token`,
    jwks_uri: `${origin}/.well-known/jwks.json`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code'],
    scopes_supported: ['openid', 'profile', 'phone', 'telegram:bot_access'],
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
    claims_supported: ['sub', 'iss', 'aud', 'iat', 'exp', 'nonce', 'id', 'name', 'preferred_username'],
  }
}

function authorizationOf(
  query: Record<string, string>,
  { clientId, login }: { clientId: string; login: Login },
): Authorization | { error: string } {
  const parsed = authorizationSchema.safeParse(query)
  if (!parsed.success) return { error: z.prettifyError(parsed.error) }
  if (parsed.data.client_id !== clientId) return { error: 'There is no such client_id.' }
  if (!login.redirectUrls.includes(parsed.data.redirect_uri)) return { error: 'redirect_uri is not registered.' }
  return parsed.data
}

function isClient(header: string | undefined, clientId: string, { clientSecret }: Login): boolean {
  const expected = Buffer.from(`Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`)
  const given = Buffer.from(header ?? '')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function isFitting({ authorization, until }: Grant, form: z.infer<typeof exchangeSchema>, now: number): boolean {
  const { code_challenge: challenge, redirect_uri } = authorization
  if (now > until || form.redirect_uri !== redirect_uri) return false
  if (challenge === undefined) return form.code_verifier === undefined
  return (
    createHash('sha256')
      .update(form.code_verifier ?? '')
      .digest('base64url') === challenge
  )
}

/** https://www.rfc-editor.org/rfc/rfc6749#section-5.2 */
function oauthError(error: string, status: number): Response {
  return Response.json({ error }, { status })
}

function choicePage(chats: readonly Chat[], action: string) {
  const buttons = chats.map(
    ({ id, person }) => html`<button name="user_id" value="${id}">Continue as ${person.first_name}</button> `,
  )
  return html`<!doctype html><title>Telegram (simulated)</title>
<form method="post" action="${action}">${buttons}<button name="user_id" value="0">Cancel</button></form>`
}

/**
 * `Telegram.WebApp.initData` for a person, signed with the bot's token.
 * https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app
 */
export function miniAppData(world: World, chat: Chat | undefined, authDate: number | undefined): string {
  if (!chat) throw new ControlError(404, 'there is no such chat; POST /simulator/users makes one')
  const { id, first_name, last_name, username, language_code } = chat.person
  const user = { id, first_name, last_name, username, language_code, allows_write_to_pm: true }
  const fields: Record<string, string> = {
    query_id: `AA${world.random.word(20)}`,
    user: JSON.stringify(user),
    auth_date: String(authDate ?? unixSeconds(world.clock)),
    // Telegram's own signature, for who has no token. It is part of what the bot's hash is over.
    signature: world.random.word(86),
  }
  const text = Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join('\n')
  const key = createHmac('sha256', 'WebAppData').update(world.state.bot.token).digest()
  return new URLSearchParams({ ...fields, hash: createHmac('sha256', key).update(text).digest('hex') }).toString()
}
