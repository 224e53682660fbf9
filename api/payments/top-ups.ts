// A top-up is a wish to pay: an amount, a rail, a rate. It is open until a payment for it is credited; it stops being
// offered after a day, and money that arrives later is credited all the same.
import { randomBytes } from 'node:crypto'
import { columnsOf } from '../../lib/database/columns.ts'
import type { Queries } from '../../lib/database/pool.ts'
import { lowerCaseUlid } from '../players/ids.ts'
import { PaymentError } from './errors.ts'
import type { RailName } from './rail.ts'

/** Paise. Razorpay takes no less than ₹1, and ten Rupees make play worth starting. */
export const MINIMUM_PAISE = 10_00n
/** Paise. What a wallet of this kind may be loaded with at once. */
export const MAXIMUM_PAISE = 10_000_00n
/** Hours for which the page is offered. */
export const OFFERED_HOURS = 24
/** Hours between two looks at a top-up that is credited: a second payment of it may come late, and untold. */
export const CREDITED_LOOK_HOURS = 24

export interface TopUp {
  id: string
  /** Opaque; part of the page's address. */
  token: string
  playerId: string
  rail: RailName
  /** What is credited when it is paid. */
  amountPaise: bigint
  /** What is paid instead of rupees on the Stars rail, at a rate that is frozen here. */
  stars: bigint | undefined
  createdAt: Date
  expiresAt: Date
  page: { id: string; url: string } | undefined
  creditedAt: Date | undefined
}

export interface TopUpRow {
  id: string
  token: string
  player_id: string
  rail: RailName
  amount_paise: bigint
  stars: bigint | null
  created_at: Date
  expires_at: Date
  link_id: string | null
  link_url: string | null
  credited_at: Date | null
}

export const topUpColumns = columnsOf<TopUpRow>()(
  'id token player_id rail amount_paise stars created_at expires_at link_id link_url credited_at',
)

export interface TopUpOrder {
  playerId: string
  amountPaise: bigint
  /** Stars are whole: the amount is rounded up to what whole stars are worth, and that is credited. */
  payBy: { rail: 'Razorpay' } | { rail: 'Stars'; paisePerStar: bigint }
  now: Date
}

/** Throws `AmountOutOfRange`. */
export async function createTopUp(queries: Queries, order: TopUpOrder): Promise<TopUp> {
  const { playerId, amountPaise, payBy, now } = order
  if (amountPaise < MINIMUM_PAISE || amountPaise > MAXIMUM_PAISE || amountPaise % 100n !== 0n) {
    throw new PaymentError('AmountOutOfRange')
  }
  const paisePerStar = payBy.rail === 'Stars' ? payBy.paisePerStar : null
  const stars = paisePerStar === null ? null : (amountPaise + paisePerStar - 1n) / paisePerStar
  const credited = stars === null || paisePerStar === null ? amountPaise : stars * paisePerStar
  const expiresAt = new Date(now.getTime() + OFFERED_HOURS * 3_600_000)
  const [row] = await queries<TopUpRow[]>`
    INSERT INTO top_ups (id, token, player_id, rail, amount_paise, stars, paise_per_star, created_at, expires_at)
    VALUES (${lowerCaseUlid(now)}, ${randomBytes(32).toString('base64url')}, ${playerId}, ${payBy.rail}, ${credited},
      ${stars}, ${paisePerStar}, ${now}, ${expiresAt})
    RETURNING ${queries(topUpColumns)}`
  if (!row) throw new Error('The top-up was not written.')
  return topUpOf(row)
}

export async function topUpByToken(queries: Queries, token: string): Promise<TopUp | undefined> {
  const [row] = await queries<TopUpRow[]>`SELECT ${queries(topUpColumns)} FROM top_ups WHERE token = ${token}`
  return row && topUpOf(row)
}

export async function topUpById(queries: Queries, id: string): Promise<TopUp | undefined> {
  const [row] = await queries<TopUpRow[]>`SELECT ${queries(topUpColumns)} FROM top_ups WHERE id = ${id}`
  return row && topUpOf(row)
}

/** Of these ids, those that there are. */
export async function topUpsById(queries: Queries, ids: readonly string[]): Promise<ReadonlyMap<string, TopUp>> {
  const rows = await queries<TopUpRow[]>`
    SELECT ${queries(topUpColumns)} FROM top_ups WHERE id = ANY(${[...ids]}::text[])`
  return new Map(rows.map(row => [row.id, topUpOf(row)]))
}

export type TopUpState = 'Open' | 'Credited' | 'Expired'

export function stateOf({ creditedAt, expiresAt }: TopUp, now: Date): TopUpState {
  if (creditedAt !== undefined) return 'Credited'
  return now < expiresAt ? 'Open' : 'Expired'
}

export function topUpOf(row: TopUpRow): TopUp {
  return {
    id: row.id,
    token: row.token,
    playerId: row.player_id,
    rail: row.rail,
    amountPaise: row.amount_paise,
    stars: row.stars ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    page: row.link_id === null || row.link_url === null ? undefined : { id: row.link_id, url: row.link_url },
    creditedAt: row.credited_at ?? undefined,
  }
}
