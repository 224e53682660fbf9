// Signs guests' tokens as the operator does, with a key of the test's own whose public half stands in the file that is
// mounted from the operator's ConfigMap.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import {
  GUEST_KEYS_CONFIG_MAP_KEY,
  GUEST_TOKEN_ALGORITHM,
  GUEST_TOKEN_AUDIENCE,
  GUEST_TOKEN_ISSUER,
  GUEST_TOKEN_TYPE,
} from '../../crds/guest.ts'

export type GuestSigner = Awaited<ReturnType<typeof guestSigner>>

export async function guestSigner(folder: string) {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true })
  const { kty, crv, x } = await exportJWK(publicKey)
  const kid = 'test-1'
  const file = join(folder, GUEST_KEYS_CONFIG_MAP_KEY)
  writeFileSync(file, JSON.stringify({ keys: [{ kty, crv, x, kid, use: 'sig', alg: GUEST_TOKEN_ALGORITHM }] }))
  return {
    file,
    privateKey,
    sign(about: { uid: string; name: string; namespace?: string; seconds?: number; audience?: string; type?: string }) {
      const {
        uid,
        name,
        namespace = 'play',
        seconds = 600,
        audience = GUEST_TOKEN_AUDIENCE,
        type = GUEST_TOKEN_TYPE,
      } = about
      return new SignJWT({ namespace, machine: name })
        .setProtectedHeader({ alg: GUEST_TOKEN_ALGORITHM, typ: type, kid })
        .setSubject(uid)
        .setIssuer(GUEST_TOKEN_ISSUER)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
        .sign(privateKey)
    },
  }
}
