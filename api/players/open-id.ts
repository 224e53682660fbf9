// Sign-in by Telegram's OpenID Connect: authorization code with PKCE, state and nonce.
// https://core.telegram.org/bots/telegram-login, https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
//
// The client keeps a secret (`attempt`) that never stands in an address; state, nonce and verifier stay with us. So a code
// that leaks from an address is of no use to who finds it, and nobody can be signed in to another's account by a link.
import { createHash, randomBytes } from 'node:crypto'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Queries, Transaction } from '../../lib/database/pool.ts'
import { PlayerError } from './errors.ts'
import type { TelegramPerson } from './mini-app.ts'
import { hashOf } from './sign-ins.ts'

/** Those that BotFather offers for ID tokens. */
export const OPEN_ID_ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const

export interface OpenIdSettings {
  /** Where /.well-known/openid-configuration is found, and who must have issued the token. */
  issuer: string
  /** The bot's id. */
  clientId: string
  clientSecret: string
  /** The web client's page to which Telegram sends the browser back; registered with BotFather. */
  redirectUrl: string
  algorithm: (typeof OPEN_ID_ALGORITHMS)[number]
}

/** Minutes in which a person has to come back from Telegram. */
export const ATTEMPT_MINUTES = 10
/** Seconds for each answer of Telegram's. */
const ANSWER_SECONDS = 4
const SCOPES = 'openid profile'

/** No redirect is followed, and no address is taken that is not the issuer's own. */
const discoverySchema = z.looseObject({
  issuer: z.string(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
  jwks_uri: z.url(),
})
type Discovery = z.infer<typeof discoverySchema>
const tokenReplySchema = z.looseObject({ id_token: z.string().max(16_384) })
/** `id` is Telegram's id of the user, as in the Bot API; `sub` is one of its own. */
const claimsSchema = z.looseObject({
  id: z.union([z.int().min(1), z.string().regex(/^[1-9]\d{0,18}$/)]).transform(id => BigInt(id)),
  name: z.string().optional(),
  nonce: z.string(),
})

export interface OpenId {
  begin(queries: Queries, now: Date): Promise<{ attempt: string; authorizationUrl: string; expiresAt: Date }>
  /**
   * Who came back. Throws `SignInUnknown` (not begun, or used), `SignInRefused` (they said no), `SignInUnavailable` (no
   * answer came).
   */
  complete(
    transaction: Transaction,
    back: { attempt: string; state: string; code: string; now: Date },
  ): Promise<TelegramPerson>
}

export function openId(settings: OpenIdSettings): OpenId {
  const provider = discovered(settings)
  return {
    async begin(queries, now) {
      const { discovery } = await provider()
      const [attempt, state, nonce, verifier] = [secret(), secret(), secret(), secret()]
      const expiresAt = new Date(now.getTime() + ATTEMPT_MINUTES * 60_000)
      await queries`
        INSERT INTO open_id_attempts (secret_hash, state, nonce, code_verifier, expires_at)
        VALUES (${hashOf(attempt)}, ${state}, ${nonce}, ${verifier}, ${expiresAt})`
      const url = new URL(discovery.authorization_endpoint)
      for (const [name, value] of Object.entries({
        response_type: 'code',
        client_id: settings.clientId,
        redirect_uri: settings.redirectUrl,
        scope: SCOPES,
        state,
        nonce,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
      })) {
        url.searchParams.set(name, value)
      }
      return { attempt, authorizationUrl: url.href, expiresAt }
    },

    async complete(transaction, { attempt, state, code, now }) {
      const [begun] = await transaction<{ state: string; nonce: string; code_verifier: string }[]>`
        DELETE FROM open_id_attempts WHERE secret_hash = ${hashOf(attempt)} AND expires_at > ${now} 
        RETURNING state, nonce, code_verifier`
      if (begun?.state !== state) throw new PlayerError('SignInUnknown')
      const { discovery, keys } = await provider()
      const idToken = await exchange(settings, discovery, { code, verifier: begun.code_verifier })
      const claims = await jwtVerify(idToken, keys, {
        algorithms: [settings.algorithm],
        issuer: discovery.issuer,
        audience: settings.clientId,
        requiredClaims: ['exp', 'iat', 'sub'],
        currentDate: now,
      }).then(
        ({ payload }) => claimsSchema.safeParse(payload),
        (cause: unknown) => {
          throw new PlayerError('SignInRefused', { cause })
        },
      )
      if (!claims.success || claims.data.nonce !== begun.nonce) throw new PlayerError('SignInRefused')
      const { id, name = '' } = claims.data
      return { telegramUserId: id, firstName: name, languageCode: undefined }
    },
  }
}

/** Asked once it is needed, and again after it failed. */
function discovered({ issuer }: OpenIdSettings) {
  let known: Promise<{ discovery: Discovery; keys: ReturnType<typeof createRemoteJWKSet> }> | undefined
  const ask = async () => {
    const reply = await answer(`${issuer}/.well-known/openid-configuration`, {})
    const discovery = discoverySchema.safeParse(reply.body)
    if (!discovery.success || discovery.data.issuer !== issuer) {
      throw new PlayerError('SignInUnavailable', { cause: new Error('The discovery document is not the issuer’s.') })
    }
    const keys = createRemoteJWKSet(new URL(discovery.data.jwks_uri), { timeoutDuration: ANSWER_SECONDS * 1000 })
    return { discovery: discovery.data, keys }
  }
  return async () => {
    known ??= ask()
    return await known.catch((error: unknown) => {
      known = undefined
      throw error
    })
  }
}

async function exchange(
  { clientId, clientSecret, redirectUrl }: OpenIdSettings,
  { token_endpoint: url }: Discovery,
  { code, verifier }: { code: string; verifier: string },
): Promise<string> {
  const { status, body } = await answer(url, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: redirectUrl,
      code,
      code_verifier: verifier,
    }),
  })
  if (status >= 400 && status < 500) throw new PlayerError('SignInRefused')
  const reply = tokenReplySchema.safeParse(body)
  if (status !== 200 || !reply.success) throw new PlayerError('SignInUnavailable')
  return reply.data.id_token
}

async function answer(url: string, options: RequestInit): Promise<{ status: number; body: unknown }> {
  try {
    const signal = AbortSignal.timeout(ANSWER_SECONDS * 1000)
    const reply = await fetch(url, { ...options, redirect: 'error', signal })
    const body: unknown = await reply.json().catch(() => undefined)
    return { status: reply.status, body }
  } catch (cause) {
    throw new PlayerError('SignInUnavailable', { cause })
  }
}

/** 43 characters: the least that RFC 7636 permits for a verifier. */
function secret(): string {
  return randomBytes(32).toString('base64url')
}
