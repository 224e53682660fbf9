// What came into a wallet and what left it, the newest first.
import type { Queries } from '../../lib/database/pool.ts'
import { walletOf } from './wallet.ts'

export interface StatementLine {
  at: Date
  kind: 'TopUp' | 'Play'
  /** Above zero came in, below zero went out. */
  amountPaise: bigint
  /** The gateway of a top-up. */
  source: string | undefined
  sessionId: string | undefined
}

/** Lines at most. */
const LIMIT = 100

export async function statement(
  queries: Queries,
  { playerId, limit }: { playerId: string; limit: number },
): Promise<StatementLine[]> {
  const wallet = walletOf(playerId)
  const rows = await queries<
    {
      at: Date
      kind: 'TopUp' | 'Play'
      amount_paise: bigint
      source: string | null
      session_id: string | null
    }[]
  >`
    SELECT booked.at, booked.kind, entry.amount_paise, booked.session_id, (
      SELECT split_part(other.account_id, ':', 2) FROM wallet_entries other
      WHERE other.transaction_id = booked.id AND other.account_id LIKE 'gateway:%'
    ) AS source
    FROM wallet_entries entry JOIN wallet_transactions booked ON booked.id = entry.transaction_id
    WHERE entry.account_id = ${wallet} ORDER BY entry.id DESC LIMIT ${Math.min(limit, LIMIT)}`
  return rows.map(row => ({
    at: row.at,
    kind: row.kind,
    amountPaise: row.amount_paise,
    source: row.source ?? undefined,
    sessionId: row.session_id ?? undefined,
  }))
}
