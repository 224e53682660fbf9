import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { ACCESS_SECONDS, accessTokens } from './access-tokens.ts'

const now = new Date('2026-11-26T18:30:00Z')
const after = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const claims = { playerId: `p${'0'.repeat(25)}`, signInId: `s${'0'.repeat(25)}` }
const tokens = accessTokens({ algorithm: 'EdDSA', keys: [randomBytes(32)], issuer: 'https://api.example.com' })

test('a token that was verified before is good until it expires, and no second longer', async () => {
  const { token, expiresAt } = await tokens.sign(claims, now)
  expect(await tokens.verify(token, now)).toEqual({ ...claims, expiresAt })
  expect(await tokens.verify(token, after(ACCESS_SECONDS - 1))).toEqual({ ...claims, expiresAt })
  await expect(tokens.verify(token, after(ACCESS_SECONDS))).rejects.toMatchObject({ code: 'Unauthenticated' })
})

test('what differs in one byte from a token that was verified is verified by itself, and refused', async () => {
  const { token } = await tokens.sign(claims, now)
  await tokens.verify(token, now)
  const [head = '', body = '', signature = ''] = token.split('.')
  const other = Buffer.from(body, 'base64url')
    .toString()
    .replace(claims.playerId, `q${'0'.repeat(25)}`)
  const forged = [head, Buffer.from(other).toString('base64url'), signature].join('.')
  await expect(tokens.verify(forged, now)).rejects.toMatchObject({ code: 'Unauthenticated' })
})
