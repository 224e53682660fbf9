// What came into a wallet and what left it, the newest first, each with the balance that it left behind.
import type { Queries } from '../../lib/database/pool.ts'
import { type Gateway, walletOf } from './wallet.ts'

export type StatementKind =
  | 'TopUp'
  | 'Promotion'
  | 'FaultCredit'
  | 'Adjustment'
  | 'Reversal'
  | 'Play'
  | 'Expiry'
  | 'Repayment'
  | 'RefundStarted'
  | 'RefundReturned'
  | 'ExternalRefund'
  | 'Dispute'

export interface StatementLine {
  /** Of the transaction; the page after begins below it. */
  id: bigint
  at: Date
  kind: StatementKind
  /** Above zero came in, below zero went out. */
  amountPaise: bigint
  /** Above zero was repaid of what was owed, below zero became owed. */
  repaidPaise: bigint
  balancePaise: bigint
  /** The gateway that it came from, or went back to. */
  source: Gateway | undefined
  sessionId: string | undefined
  /** The session's game, a key of the catalogue. */
  game: string | undefined
  reason: string | undefined
}

interface StatementRow {
  id: bigint
  at: Date
  kind: StatementKind
  wallet: bigint
  receivable: bigint
  balance: bigint
  source: Gateway | null
  session_id: string | null
  game: string | null
  reason: string | null
}

/** Lines at most. */
const LIMIT = 500

/** The newest lines, or those before the transaction `before`. */
export async function statement(
  queries: Queries,
  { playerId, limit, before }: { playerId: string; limit: number; before?: bigint },
): Promise<StatementLine[]> {
  const wallet = walletOf(playerId)
  const rows = await queries<StatementRow[]>`
    WITH moved AS (
      SELECT transaction_id, coalesce(sum(amount_paise) FILTER (WHERE account_id = ${wallet}), 0)::bigint AS wallet,
        coalesce(sum(amount_paise) FILTER (WHERE account_id <> ${wallet}), 0)::bigint AS receivable
      FROM wallet_entries WHERE account_id IN (${wallet}, ${`receivable:${playerId}`}) GROUP BY transaction_id
    ), booked AS (
      SELECT transaction_id, wallet, receivable, (sum(wallet) OVER (ORDER BY transaction_id))::bigint AS balance FROM moved
    )
    SELECT head.id, head.at, head.kind, wallet, receivable, balance, head.session_id, session.game, head.reason, (
      SELECT split_part(other.account_id, ':', 2) FROM wallet_entries other
      WHERE other.transaction_id = head.id AND (other.account_id LIKE 'gateway:%' OR other.account_id LIKE 'refunds:%')
    ) AS source
    FROM booked JOIN wallet_transactions head ON head.id = booked.transaction_id
    LEFT JOIN sessions session ON session.id = head.session_id
    WHERE ${before ?? null}::bigint IS NULL OR head.id < ${before ?? null}
    ORDER BY head.id DESC LIMIT ${Math.min(limit, LIMIT)}`
  return rows.map(row => ({
    id: row.id,
    at: row.at,
    kind: row.kind,
    amountPaise: row.wallet,
    repaidPaise: row.receivable,
    balancePaise: row.balance,
    source: row.source ?? undefined,
    sessionId: row.session_id ?? undefined,
    game: row.game ?? undefined,
    reason: row.reason ?? undefined,
  }))
}
