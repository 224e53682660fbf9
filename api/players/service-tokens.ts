// Tokens for programs of our own that act for players. Made and revoked by a person at the command line; only the hash is
// kept. They are opaque, so that a revocation holds at once.
import { randomBytes } from 'node:crypto'
import { columnsOf } from '../../lib/database/columns.ts'
import type { Queries } from '../../lib/database/pool.ts'
import { lowerCaseUlid } from './ids.ts'
import { isScope, type Scope } from './scopes.ts'
import { hashOf } from './sign-ins.ts'

export const SERVICE_PREFIX = 'wasd_service_'

export interface ServiceToken {
  id: string
  name: string
  scopes: Scope[]
  createdAt: Date
  expiresAt: Date
  revokedAt: Date | undefined
}

interface ServiceTokenRow {
  id: string
  name: string
  scopes: string[]
  created_at: Date
  expires_at: Date
  revoked_at: Date | null
}

const columns = columnsOf<ServiceTokenRow>()('id name scopes created_at expires_at revoked_at')

/** The token itself is told this once. */
export async function createServiceToken(
  queries: Queries,
  order: { name: string; scopes: readonly Scope[]; days: number; now: Date },
): Promise<{ id: string; token: string; expiresAt: Date }> {
  const { name, scopes, days, now } = order
  const id = lowerCaseUlid(now)
  const token = `${SERVICE_PREFIX}${randomBytes(32).toString('base64url')}`
  const expiresAt = new Date(now.getTime() + days * 86_400_000)
  await queries`
    INSERT INTO service_tokens (id, name, hash, scopes, created_at, expires_at)
    VALUES (${id}, ${name}, ${hashOf(token)}, ${[...scopes]}, ${now}, ${expiresAt})`
  return { id, token, expiresAt }
}

/** `undefined` when it is none of ours, expired or revoked. */
export async function serviceTokenOf(
  queries: Queries,
  { token, now }: { token: string; now: Date },
): Promise<ServiceToken | undefined> {
  const [row] = await queries<ServiceTokenRow[]>`
    SELECT ${queries(columns)} FROM service_tokens WHERE hash = ${hashOf(token)} AND revoked_at IS NULL AND expires_at > ${now}`
  return row && tokenOf(row)
}

/** The newest first. */
export async function serviceTokens(queries: Queries): Promise<ServiceToken[]> {
  const rows = await queries<
    ServiceTokenRow[]
  >`SELECT ${queries(columns)} FROM service_tokens ORDER BY id DESC LIMIT 1000`
  return rows.map(tokenOf)
}

/** False when there is none of this id that could be revoked. */
export async function revokeServiceToken(queries: Queries, { id, now }: { id: string; now: Date }): Promise<boolean> {
  const { count } = await queries`UPDATE service_tokens SET revoked_at = ${now} WHERE id = ${id} AND revoked_at IS NULL`
  return count > 0
}

function tokenOf(row: ServiceTokenRow): ServiceToken {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes.filter(isScope), // One that this version does not know gives no right.
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at ?? undefined,
  }
}
