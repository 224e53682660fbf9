// Players by the thousand, and their requests: nobody asks more often than the API's own limits let them, so that these
// are counted as they are and refuse nobody.
import { randomUUID } from 'node:crypto'
import { Pool } from 'undici'
import { accessTokens, type TokenSettings } from '../../api/players/access-tokens.ts'
import type { Database } from '../../lib/database/pool.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'

/** With 120 reads a minute each, enough for 12,000 a second; an address is shared by ten, as behind a carrier's gateway. */
const PLAYERS = 6000
const PLAYERS_PER_ADDRESS = 10
const CONNECTIONS = 64

const idOf = (kind: string, index: number) => `${kind}${String(index).padStart(25, '0')}`

/** Each with money for many starts, and a sign-in that stands. */
export async function furnish(superuser: Database): Promise<void> {
  await superuser`SET statement_timeout = 0`
  await superuser.unsafe(`
    INSERT INTO players (id, telegram_user_id, telegram_chat_id, first_name, language_code, created_at)
    SELECT 'p' || lpad(n::text, 25, '0'), n + 1, n + 1, 'Asha', 'en', now() FROM generate_series(0, ${PLAYERS - 1}) n`)
  await superuser.unsafe(`
    INSERT INTO sign_ins (id, player_id, method, created_at, expires_at)
    SELECT 's' || substr(id, 2), id, 'OpenId', now(), now() + interval '1 day' FROM players`)
  await superuser.unsafe(`
    SELECT wallet_credit('Promotion', id, 1000000, 'promotions', NULL, 'bench:' || id, NULL, 'Bench.', NULL, NULL, now())
    FROM players`)
  await superuser.unsafe('ANALYZE')
}

/** Ends all that was started, so that everybody can start anew. */
export async function endAll(superuser: Database): Promise<void> {
  await superuser.unsafe(`SELECT wallet_release(id, player_id, now()) FROM sessions WHERE ended_at IS NULL`)
  await superuser.unsafe(`UPDATE sessions SET ended_at = now(), end_reason = 'PlayerEnded' WHERE ended_at IS NULL`)
  await superuser.unsafe('DELETE FROM queue_items')
  await superuser.unsafe('VACUUM ANALYZE sessions, wallet_holds, wallet_balances, queue_items, idempotent_requests')
}

export const KINDS = ['Read', 'Start'] as const
export type Kind = (typeof KINDS)[number]

/** Answers as asked for; anything else is an error, for then something else would be measured. */
export type Fire = (server: { port: number }, load: { kind: Kind; count: number }) => Promise<void>

/** With tokens as good as a token is: for five minutes. */
export async function loader(settings: TokenSettings): Promise<Fire> {
  const { sign } = accessTokens(settings)
  const now = clock.now()
  const headers: Record<string, string>[] = []
  for (let index = 0; index < PLAYERS; index += 1) {
    const { token } = await sign({ playerId: idOf('p', index), signInId: idOf('s', index) }, now)
    const address = Math.floor(index / PLAYERS_PER_ADDRESS)
    headers.push({
      Authorization: `Bearer ${token}`,
      'X-Forwarded-For': `198.18.${address >> 8}.${address & 255}`,
      'Wasd-Player': idOf('p', index),
    })
  }
  let next = 0
  return async ({ port }, { kind, count }) => {
    const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS })
    let left = count
    const one = async () => {
      while (left > 0) {
        left -= 1
        next = (next + 1) % PLAYERS
        await ask(pool, kind, headers[next] ?? {})
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, one))
    await pool.close()
  }
}

const wish = JSON.stringify({ game: 'star-caravan', tier: 'standard' })
const requests = {
  Read: () => ({ path: '/v1/me', method: 'GET', expected: 200, headers: {} }),
  Start: () => ({
    ...{ path: '/v1/sessions', method: 'POST', expected: 201, body: wish },
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID() },
  }),
} as const

async function ask(pool: Pool, kind: Kind, headers: Record<string, string>): Promise<void> {
  const { expected, ...request } = requests[kind]()
  const reply = await pool.request({ ...request, headers: { ...headers, ...request.headers } })
  const text = await reply.body.text()
  if (reply.statusCode !== expected) throw new Error(`${request.path} was answered ${reply.statusCode}: ${text}`)
}
