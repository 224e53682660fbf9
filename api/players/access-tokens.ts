// Access tokens: short-lived JWTs of our own (RFC 9068) that say which player asks. One algorithm, by configuration;
// issuer, audience, type and lifetime are checked each time, so that no other token of ours or anyone's passes for one.
import { createHash, createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { errors, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { PlayerError } from './errors.ts'

export const TOKEN_ALGORITHMS = ['EdDSA', 'HS256'] as const
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number]

/** Seconds for which a token is good. What it may read, it may read until then, also when its sign-in was ended. */
export const ACCESS_SECONDS = 300

const AUDIENCE = 'wasd-cloud-api'
/** https://www.rfc-editor.org/rfc/rfc9068#section-2.1 */
const TYPE = 'at+jwt'

export interface TokenSettings {
  algorithm: TokenAlgorithm
  /** 32 bytes each. The first signs; all are taken, so that a key can be replaced without signing anybody out. */
  keys: readonly Buffer[]
  /** Our own address. */
  issuer: string
}

export interface AccessClaims {
  playerId: string
  signInId: string
  expiresAt: Date
}

export interface AccessTokens {
  sign(claims: Omit<AccessClaims, 'expiresAt'>, now: Date): Promise<{ token: string; expiresAt: Date }>
  /** What `verify` has found before, while it is true. */
  seen(token: string, now: Date): AccessClaims | undefined
  /** Throws `PlayerError` Unauthenticated. */
  verify(token: string, now: Date): Promise<AccessClaims>
}

const claimsSchema = z.object({
  sub: z.string().regex(/^[0-9a-z]{26}$/),
  sid: z.string().regex(/^[0-9a-z]{26}$/),
  exp: z.int(),
})

/** Tokens that are remembered at most, about 500 bytes each; then all are forgotten, and verified anew as they come. */
const VERIFIED_TOKENS = 10_000

export function accessTokens({ algorithm, keys, issuer }: TokenSettings): AccessTokens {
  const known = keys.map(secret => signingKey(algorithm, secret))
  const [newest] = known
  if (!newest) throw new Error('Tokens need a key.')
  const verifyingKey: JWTVerifyGetKey = ({ kid }) => {
    const key = known.find(each => each.id === kid)
    if (!key) throw new errors.JWKSNoMatchingKey()
    return key.verifying
  }
  const checks = { algorithms: [algorithm], issuer, audience: AUDIENCE, typ: TYPE, requiredClaims: ['exp', 'iat'] }

  // What was signed stays signed: of a token seen before, to the byte, only the time is asked again.
  const verified = new Map<string, AccessClaims>()
  const seen = (token: string, now: Date) => {
    const before = verified.get(token)
    return before && now < before.expiresAt ? before : undefined
  }

  return {
    seen,
    async sign({ playerId, signInId }, now) {
      const seconds = Math.floor(now.getTime() / 1000)
      const token = await new SignJWT({ sid: signInId })
        .setProtectedHeader({ alg: algorithm, typ: TYPE, kid: newest.id })
        .setSubject(playerId)
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + ACCESS_SECONDS)
        .sign(newest.signing)
      return { token, expiresAt: new Date((seconds + ACCESS_SECONDS) * 1000) }
    },
    async verify(token, now) {
      const before = seen(token, now)
      if (before) return before
      try {
        const { payload } = await jwtVerify(token, verifyingKey, { ...checks, currentDate: now })
        const { sub, sid, exp } = claimsSchema.parse(payload)
        const claims = { playerId: sub, signInId: sid, expiresAt: new Date(exp * 1000) }
        if (verified.size >= VERIFIED_TOKENS) verified.clear()
        verified.set(token, claims)
        return claims
      } catch (cause) {
        throw new PlayerError('Unauthenticated', { cause })
      }
    },
  }
}

interface SigningKey {
  id: string
  signing: KeyObject
  verifying: KeyObject
}

/** PKCS #8 around an Ed25519 seed: https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const ED25519_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

function signingKey(algorithm: TokenAlgorithm, secret: Buffer): SigningKey {
  // The id says which key it was and nothing of the key.
  const id = createHash('sha256').update(`${algorithm} key id`).update(secret).digest('hex').slice(0, 16)
  if (algorithm === 'HS256') {
    const key = createSecretKey(secret)
    return { id, signing: key, verifying: key }
  }
  const signing = createPrivateKey({ key: Buffer.concat([ED25519_PREFIX, secret]), format: 'der', type: 'pkcs8' })
  return { id, signing, verifying: createPublicKey(signing) }
}
