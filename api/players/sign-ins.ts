// Sign-ins and their refresh tokens. Each refresh token is good once and is followed by the next; one that comes a second
// time was stolen or lost, and ends the whole sign-in. https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
import { createHash, randomBytes } from 'node:crypto'
import type { Queries, Transaction } from '../../lib/database/pool.ts'
import { PlayerError } from './errors.ts'
import { lowerCaseUlid } from './ids.ts'

export type SignInMethod = 'OpenId' | 'MiniApp'

export interface SignIn {
  id: string
  playerId: string
  method: SignInMethod
  createdAt: Date
  expiresAt: Date
  revokedAt: Date | undefined
}

/** Days for which a sign-in can be refreshed. */
export const SIGN_IN_DAYS = 30

export async function createSignIn(
  transaction: Transaction,
  order: { playerId: string; method: SignInMethod; now: Date },
): Promise<{ signInId: string; refreshToken: string }> {
  const { playerId, method, now } = order
  const signInId = lowerCaseUlid(now)
  const expiresAt = new Date(now.getTime() + SIGN_IN_DAYS * 86_400_000)
  await transaction`
    INSERT INTO sign_ins (id, player_id, method, created_at, expires_at)
    VALUES (${signInId}, ${playerId}, ${method}, ${now}, ${expiresAt})`
  return { signInId, refreshToken: await issueRefreshToken(transaction, { signInId, now }) }
}

/** Thrown for a refresh token that was used before; the sign-in is for the caller to revoke, outside of what rolls back. */
export class ReusedError extends PlayerError {
  readonly signInId: string

  constructor(signInId: string) {
    super('RefreshTokenReused')
    this.signInId = signInId
  }
}

/** Exchanges a refresh token for the next. Throws `RefreshTokenInvalid` and `ReusedError`. */
export async function rotate(
  transaction: Transaction,
  { refreshToken, now }: { refreshToken: string; now: Date },
): Promise<{ playerId: string; signInId: string; refreshToken: string }> {
  const hash = hashOf(refreshToken)
  // Of two at once the second waits here, and then sees it used.
  const [used] = await transaction<{ sign_in_id: string; player_id: string; is_standing: boolean }[]>`
    UPDATE refresh_tokens token SET used_at = ${now} FROM sign_ins sign_in
    WHERE token.hash = ${hash} AND token.used_at IS NULL AND sign_in.id = token.sign_in_id
    RETURNING sign_in.id AS sign_in_id, sign_in.player_id, sign_in_stands(sign_in.id, ${now}) AS is_standing`
  if (used && !used.is_standing) throw new PlayerError('RefreshTokenInvalid')
  if (used) {
    const { sign_in_id: signInId, player_id: playerId } = used
    return { playerId, signInId, refreshToken: await issueRefreshToken(transaction, { signInId, now }) }
  }
  const [known] = await transaction<{ sign_in_id: string }[]>`
    SELECT sign_in_id FROM refresh_tokens WHERE hash = ${hash}`
  if (known) throw new ReusedError(known.sign_in_id)
  throw new PlayerError('RefreshTokenInvalid')
}

/** Ends one sign-in, or all of a player. What is ended stays so. */
export async function revoke(
  queries: Queries,
  which: ({ signInId: string } | { playerId: string }) & { reason: 'SignedOut' | 'TokenReused'; now: Date },
): Promise<void> {
  const { reason, now } = which
  const column = 'signInId' in which ? queries`id = ${which.signInId}` : queries`player_id = ${which.playerId}`
  await queries`
    UPDATE sign_ins SET revoked_at = ${now}, revoke_reason = ${reason} WHERE ${column} AND revoked_at IS NULL`
}

export async function isSignedIn(
  queries: Queries,
  { signInId, now }: { signInId: string; now: Date },
): Promise<boolean> {
  const [row] = await queries<{ is_standing: boolean }[]>`
    SELECT sign_in_stands(${signInId}, ${now}) AS is_standing`
  return row?.is_standing === true
}

/** The newest first. */
export async function signInsOf(queries: Queries, playerId: string): Promise<SignIn[]> {
  const rows = await queries<
    {
      id: string
      player_id: string
      method: SignInMethod
      created_at: Date
      expires_at: Date
      revoked_at: Date | null
    }[]
  >`SELECT id, player_id, method, created_at, expires_at, revoked_at FROM sign_ins WHERE player_id = ${playerId} ORDER BY id DESC LIMIT 1000`
  return rows.map(row => ({
    id: row.id,
    playerId: row.player_id,
    method: row.method,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at ?? undefined,
  }))
}

async function issueRefreshToken(
  transaction: Transaction,
  { signInId, now }: { signInId: string; now: Date },
): Promise<string> {
  const token = `wasd_refresh_${randomBytes(32).toString('base64url')}`
  await transaction`
    INSERT INTO refresh_tokens (hash, sign_in_id, issued_at) VALUES (${hashOf(token)}, ${signInId}, ${now})`
  return token
}

/** Plain SHA-256 will do: what is hashed is 32 random bytes. */
export function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
