// What the operator signs for a machine's guest agent, what the agent reports with it, and where each is found. The
// operator signs and the API verifies; neither asks the other.
import { z } from 'zod'

/** Ed25519 alone. https://www.rfc-editor.org/rfc/rfc8037 */
export const GUEST_TOKEN_ALGORITHM = 'EdDSA'
/** `typ` in the token's header, so that no other token of ours passes for one. */
export const GUEST_TOKEN_TYPE = 'wasd-guest+jwt'
export const GUEST_TOKEN_ISSUER = 'wasd-operator'
export const GUEST_TOKEN_AUDIENCE = 'wasd-guest-report'

/** The key of the bootstrap Secret under which the newest token stands. */
export const GUEST_TOKEN_SECRET_KEY = 'guest-token'
/** The key of the ConfigMap under which the public keys stand, as a JWKS: two during a rotation. */
export const GUEST_KEYS_CONFIG_MAP_KEY = 'jwks.json'

const uid = z.uuid()
const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/)

export const guestTokenSchema = z.object({
  /** The GpuVm's UID. */
  sub: uid,
  /** The GameSession's UID; absent where a machine runs without one. */
  session: uid.optional(),
  namespace: name,
  /** The GpuVm's name. */
  machine: name,
  /** Seconds since 1970: the paid deadline, at which the agent closes the stream. */
  exp: z.int(),
})

/** The public keys. Private parts have no place in it, and are refused. */
export const guestKeysSchema = z.object({
  keys: z
    .array(
      z.strictObject({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string(),
        kid: z.string(),
        use: z.literal('sig').exactOptional(),
        alg: z.literal(GUEST_TOKEN_ALGORITHM).exactOptional(),
      }),
    )
    .max(4),
})

/** How things stand, not what has changed: to send it again changes nothing. */
export const guestReportSchema = z.strictObject({
  /** The incarnation of the VM that the agent runs on. */
  incarnation: z.int().min(1).max(2_147_483_647),
  /** Whether a client is connected to the stream. */
  connected: z.boolean(),
  /** The last input. Absent while there is input. */
  idleSince: z.iso.datetime().optional(),
  /** When Azure says that it takes the machine back. */
  preemptAt: z.iso.datetime().optional(),
  /**
   * What Azure has announced that is no eviction, from the announcement until it is over or called off; of several, what
   * begins first. https://learn.microsoft.com/azure/virtual-machines/windows/scheduled-events
   */
  maintenance: z
    .strictObject({
      event: z.enum(['Freeze', 'Reboot', 'Redeploy']),
      /** Of one that has begun the time that was announced; Azure does not name it any more. */
      notBefore: z.iso.datetime(),
    })
    .optional(),
})
export type GuestReport = z.infer<typeof guestReportSchema>

export const guestReportReplySchema = z.object({
  /** What became of the report: written, nothing new in it, or too soon after the last change. */
  outcome: z.enum(['Written', 'Unchanged', 'Debounced']),
  /** Seconds after which the agent reports again, changed or not. */
  reportAgainSeconds: z.int().min(1),
  /** A token with a later expiry than the one that was presented, where there is one. */
  token: z.string().optional(),
})
export type GuestReportReply = z.infer<typeof guestReportReplySchema>
