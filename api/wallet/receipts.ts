// A session's receipt: a document with a number that follows the one before, made once, when the session is settled. Its
// price includes the tax, which is rounded once over the whole. (CGST Rules 2017, rule 46: a consecutive serial number,
// unique for a financial year, of at most sixteen characters.)
import { z } from 'zod'
import { columnsOf } from '../../lib/database/columns.ts'
import type { Queries, Transaction } from '../../lib/database/pool.ts'

export interface Tax {
  /** As it is named on the document, such as GST. */
  name: string
  /** 1800 is 18 %. */
  basisPoints: number
}

const lineSchema = z.object({
  at: z.iso.datetime(),
  kind: z.enum(['Play', 'Interruption']),
  seconds: z.int().min(0),
  cause: z.string().optional(),
  paise: z.int().min(0),
})
export type ReceiptLine = z.infer<typeof lineSchema>
const linesSchema = z.array(lineSchema)

export interface Receipt {
  /** Such as 26-27/0000042. */
  number: string
  sessionId: string
  issuedAt: Date
  totalPaise: bigint
  tax: Tax
  /** The part of the total that is tax. */
  taxPaise: bigint
  lines: ReceiptLine[]
}

interface ReceiptRow {
  series: string
  number: number | null
  session_id: string
  issued_at: Date
  total_paise: bigint
  tax_name: string
  tax_basis_points: number
  tax_paise: bigint
  lines: unknown
}

const columns = columnsOf<ReceiptRow>()(
  'series number session_id issued_at total_paise tax_name tax_basis_points tax_paise lines',
)

/**
 * Issues the session's receipt over what was charged for it, once; `undefined` when nothing was. Last in its
 * transaction: whoever holds the next number keeps the others waiting.
 */
export async function issueReceipt(
  transaction: Transaction,
  order: { sessionId: string; playerId: string; tax: Tax; lines: readonly ReceiptLine[]; now: Date },
): Promise<Receipt | undefined> {
  const { sessionId, playerId, tax, lines, now } = order
  const [row] = await transaction<ReceiptRow[]>`
    SELECT ${transaction(columns)} FROM receipt_issue(${sessionId}, ${playerId}, ${seriesOf(now)}, ${tax.name}, ${tax.basisPoints},
      ${JSON.stringify(lines)}::text::jsonb, ${now})`
  return row && receiptFrom(row)
}

/** A receipt of this player's. `undefined` when there is none. */
export async function receiptOf(
  queries: Queries,
  { playerId, sessionId }: { playerId: string; sessionId: string },
): Promise<Receipt | undefined> {
  const [row] = await queries<ReceiptRow[]>`
    SELECT ${queries(columns)} FROM receipts WHERE session_id = ${sessionId} AND player_id = ${playerId}`
  return row && receiptFrom(row)
}

/** Receipts of a player's, the newest first. */
export async function receiptsOf(
  queries: Queries,
  { playerId, limit }: { playerId: string; limit: number },
): Promise<Receipt[]> {
  const rows = await queries<ReceiptRow[]>`
    SELECT ${queries(columns)} FROM receipts WHERE player_id = ${playerId} ORDER BY issued_at DESC LIMIT ${limit}`
  return rows.flatMap(row => receiptFrom(row) ?? [])
}

/** Milliseconds by which India is ahead of UTC, all year. */
const INDIA = 19_800_000

/** India's financial year, April to March. */
export function seriesOf(now: Date): string {
  const there = new Date(now.getTime() + INDIA)
  const first = there.getUTCFullYear() - (there.getUTCMonth() < 3 ? 1 : 0)
  const short = (year: number) => String(year % 100).padStart(2, '0')
  return `${short(first)}-${short(first + 1)}`
}

function receiptFrom(row: ReceiptRow): Receipt | undefined {
  if (row.number === null) return undefined
  return {
    number: `${row.series}/${String(row.number).padStart(7, '0')}`,
    sessionId: row.session_id,
    issuedAt: row.issued_at,
    totalPaise: row.total_paise,
    tax: { name: row.tax_name, basisPoints: row.tax_basis_points },
    taxPaise: row.tax_paise,
    lines: linesSchema.parse(row.lines),
  }
}
