// The second of the OWASP API Security Top 10, broken authentication: whatever is not a player's own token, to the letter,
// is refused. https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/
import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { accessTokens } from '../../api/players/access-tokens.ts'
import { GUEST_TOKEN_TYPE } from '../../crds/guest.ts'
import { type ApiPlayer, ask, signIn } from './client-of.ts'
import type { FrontStack } from './front.ts'
import type { GuestSigner } from './guest-signer.ts'

/** PKCS #8 around an Ed25519 seed: https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const ED25519_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export function noTokenIsConfused(given: () => { stack: FrontStack; guests: GuestSigner }): void {
  describe('OWASP API2, authentication', () => {
    let stack: FrontStack
    let asha: ApiPlayer
    let mallory: ApiPlayer
    beforeAll(async () => {
      stack = given().stack
      asha = await signIn(stack, 'Asha')
      mallory = await signIn(stack, 'Mallory')
    })

    const me = (token: string) => ask(stack.publicUrl, '/v1/me', { token })

    test('no forged, foreign, expired or confused token is taken for a player’s', async () => {
      const [header = '', payload = '', signature = ''] = asha.token.split('.')
      const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const { privateKey, sign } = given().guests
      const signed = (over: object, head: object = {}) =>
        new SignJWT({ ...claims, ...over })
          .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid, ...head })
          .sign(privateKey)
      const hs256 = `${part({ alg: 'HS256', typ: 'at+jwt', kid })}.${payload}`
      const forged: Record<string, string> = {
        'alg none': `${part({ alg: 'none', typ: 'at+jwt', kid })}.${payload}.`,
        'alg none, signature kept': `${part({ alg: 'none', typ: 'at+jwt', kid })}.${payload}.${signature}`,
        'HS256 with the key id as a secret': `${hs256}.${createHmac('sha256', kid).update(hs256).digest('base64url')}`,
        'another’s claims under her signature': `${header}.${part({ ...claims, sub: mallory.id })}.${signature}`,
        'another key': await signed({}),
        'a key that it brings itself': await signed({}, { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) } }),
        'a guest’s token': await sign({ uid: crypto.randomUUID(), name: 'machine' }),
        'a refresh token': asha.tokens.refreshToken,
        'a service’s token that was never made': `wasd_service_${'x'.repeat(43)}`,
        nothing: '',
      }
      for (const [name, token] of Object.entries(forged)) {
        const { status, json } = await me(token)
        expect([name, status, json.code]).toEqual([name, 401, 'Unauthenticated'])
      }
      expect((await ask(stack.publicUrl, '/v1/me', { headers: { Authorization: `Basic ${asha.token}` } })).status).toBe(
        401,
      )
      expect((await ask(stack.publicUrl, `/v1/me?access_token=${asha.token}`)).status).toBe(401)
      expect((await me(asha.token)).status).toBe(200)
    })

    test('a token of our own key for another audience, issuer, type, algorithm or time is refused', async () => {
      const now = new Date()
      const claims = { playerId: asha.id, signInId: asha.id }
      const verify = async (over: { issuer?: string; algorithm?: 'HS256'; at?: Date }) => {
        const { tokens } = stack
        const other = accessTokens({ ...tokens, ...over })
        const { token } = await other.sign(claims, over.at ?? now)
        return (await me(token)).status
      }
      expect(await verify({})).toBe(200)
      expect(await verify({ issuer: 'https://evil.example.com' })).toBe(401)
      expect(await verify({ algorithm: 'HS256' })).toBe(401)
      expect(await verify({ at: new Date(now.getTime() - 301_000) })).toBe(401)
      const guest = await given().guests.sign({ uid: crypto.randomUUID(), name: 'machine' })
      const report = { method: 'POST', body: { incarnation: 1, connected: true } } as const
      for (const token of [
        asha.token,
        await given().guests.sign({ uid: crypto.randomUUID(), name: 'm', audience: 'other' }),
      ]) {
        const { json } = await ask(stack.publicUrl, '/v1/guest/report', { ...report, token })
        expect(json.code).toBe('GuestTokenInvalid')
      }
      expect((await me(guest)).status).toBe(401)
    })

    test('a token that our own key signed is refused for one wrong claim, or one that is missing', async () => {
      const [head, body] = [decodeProtectedHeader(asha.token), decodeJwt(asha.token)]
      const [secret = Buffer.alloc(0)] = stack.tokens.keys
      const key = createPrivateKey({ key: Buffer.concat([ED25519_PREFIX, secret]), format: 'der', type: 'pkcs8' })
      const signed = (change: { claims?: object; header?: object } = {}) =>
        new SignJWT({ ...body, ...change.claims })
          .setProtectedHeader({ ...head, alg: 'EdDSA', ...change.header })
          .sign(key)
      const hmac = (by: Uint8Array) => new SignJWT(body).setProtectedHeader({ ...head, alg: 'HS256' }).sign(by)
      const publicKey = createPublicKey(key)
      const wrong = {
        'another audience': signed({ claims: { aud: 'wasd-cloud-guest' } }),
        'no audience': signed({ claims: { aud: undefined } }),
        'no issuer': signed({ claims: { iss: undefined } }),
        'the type of any token': signed({ header: { typ: 'JWT' } }),
        'the type of a guest’s': signed({ header: { typ: GUEST_TOKEN_TYPE } }),
        'no type': signed({ header: { typ: undefined } }),
        'a key id that is not ours': signed({ header: { kid: 'f'.repeat(16) } }),
        'no end': signed({ claims: { exp: undefined } }),
        'no beginning': signed({ claims: { iat: undefined } }),
        'a subject that is no player’s id': signed({ claims: { sub: `${asha.id}'` } }),
        'no subject': signed({ claims: { sub: undefined } }),
        'a sign-in that is no id': signed({ claims: { sid: '../' } }),
        'no sign-in': signed({ claims: { sid: undefined } }),
        'HS256 by our secret, under the same key id': hmac(secret),
        'HS256 by our public key, under the same key id': hmac(publicKey.export({ format: 'der', type: 'spki' })),
        'HS256 by our public key as text': hmac(Buffer.from(publicKey.export({ format: 'pem', type: 'spki' }))),
      }
      expect((await me(await signed())).status, 'untouched').toBe(200)
      for (const [name, token] of Object.entries(wrong)) {
        const { status, json } = await me(await token)
        expect([name, status, json.code]).toEqual([name, 401, 'Unauthenticated'])
      }
    })
  })
}
