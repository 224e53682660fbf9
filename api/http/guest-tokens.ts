// Tokens of guest agents, as the operator signs them: Ed25519, one machine each, until its paid deadline. The public keys
// stand in a file that is mounted from a ConfigMap and follows it.
import { readFile } from 'node:fs/promises'
import { createLocalJWKSet, jwtVerify } from 'jose'
import {
  GUEST_TOKEN_ALGORITHM,
  GUEST_TOKEN_AUDIENCE,
  GUEST_TOKEN_ISSUER,
  GUEST_TOKEN_TYPE,
  guestKeysSchema,
  guestTokenSchema,
} from '../../crds/guest.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { HttpError } from './errors.ts'

export interface GuestClaims {
  machine: { namespace: string; name: string; uid: string }
  expiresAt: Date
}

export interface GuestTokens {
  /** Throws `HttpError` GuestTokenInvalid. */
  verify(token: string): Promise<GuestClaims>
}

/** Seconds for which the keys that were read are not read again. A rotation keeps both keys for far longer. */
const KEYS_SECONDS = 10
/** Bytes of the file at most: four keys are less than one KiB. */
const KEYS_BYTES = 16_384

/** `undefined` for `file`, or no file yet: then no token is taken. */
export function guestTokens({ file, clock }: { file: string | undefined; clock: Clock }): GuestTokens {
  let known: { keys: ReturnType<typeof createLocalJWKSet>; readAt: number } | undefined
  const keysNow = async () => {
    if (known && clock.monotonic() - known.readAt < KEYS_SECONDS * 1000) return known.keys
    const text = file === undefined ? '{"keys":[]}' : await readFile(file, 'utf8')
    if (text.length > KEYS_BYTES) throw new Error('The file of the guest keys is too large.')
    known = { keys: createLocalJWKSet(guestKeysSchema.parse(JSON.parse(text))), readAt: clock.monotonic() }
    return known.keys
  }
  return {
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, await keysNow(), {
          algorithms: [GUEST_TOKEN_ALGORITHM],
          typ: GUEST_TOKEN_TYPE,
          issuer: GUEST_TOKEN_ISSUER,
          audience: GUEST_TOKEN_AUDIENCE,
          requiredClaims: ['exp', 'iat'],
          currentDate: clock.now(),
        })
        const { sub, namespace, machine, exp } = guestTokenSchema.parse(payload)
        return { machine: { namespace, name: machine, uid: sub }, expiresAt: new Date(exp * 1000) }
      } catch (cause) {
        throw new HttpError('GuestTokenInvalid', { cause })
      }
    },
  }
}
