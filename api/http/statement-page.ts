// The statement in pages: the wallet's own gives the newest lines and has no place to go on from.
import type { Queries } from '../../lib/database/pool.ts'
import { walletOf } from '../wallet/wallet.ts'

export interface StatementRow {
  /** Rises with each entry. */
  id: bigint
  at: Date
  kind: string
  /** Above zero came in, below zero went out. */
  amountPaise: bigint
  sessionId: string | undefined
}

/** The newest first. `before` is the id that the page before ended with. */
export async function statementPage(
  queries: Queries,
  { playerId, before, limit }: { playerId: string; before: string | undefined; limit: number },
): Promise<StatementRow[]> {
  const rows = await queries<{ id: bigint; at: Date; kind: string; amount_paise: bigint; session_id: string | null }[]>`
    SELECT entry.id, booked.at, booked.kind, entry.amount_paise, booked.session_id
    FROM wallet_entries entry JOIN wallet_transactions booked ON booked.id = entry.transaction_id
    WHERE entry.account_id = ${walletOf(playerId)}
      AND (${before ?? null}::bigint IS NULL OR entry.id < ${before ?? null}::bigint)
    ORDER BY entry.id DESC LIMIT ${limit}`
  return rows.map(row => ({
    id: row.id,
    at: row.at,
    kind: row.kind,
    amountPaise: row.amount_paise,
    sessionId: row.session_id ?? undefined,
  }))
}
