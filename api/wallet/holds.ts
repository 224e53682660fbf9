// What a session may cost, and has cost. Both are cumulative over the session's life: held is the price of the paid
// seconds less what was charged, charged is the price of the seconds played within them. To ask twice is to ask once.
import type { Queries, Transaction } from '../../lib/database/pool.ts'
import { WalletError } from './errors.ts'
import { affordableSeconds, price, priceWithin, smaller } from './price.ts'
import { type Balance, balanceOf, book, lockedBalanceOf, walletOf } from './wallet.ts'

export interface Hold {
  sessionId: string
  ratePaisePerHour: bigint
  /** Seconds of play that are paid for, over the whole session. */
  paidSeconds: bigint
  chargedPaise: bigint
  heldPaise: bigint
  isReleased: boolean
}

interface HoldRow {
  session_id: string
  rate_paise_per_hour: bigint
  paid_seconds: bigint
  charged_paise: bigint
  held_paise: bigint
  released_at: Date | null
}

/**
 * Holds the price of up to `blockSeconds` of play, or of what the wallet buys, but no less than `minimumSeconds`.
 * Throws `InsufficientFunds` with what the minimum costs and what is there.
 */
export async function openHold(
  transaction: Transaction,
  order: {
    sessionId: string
    playerId: string
    ratePaisePerHour: bigint
    blockSeconds: bigint
    minimumSeconds: bigint
    now: Date
  },
): Promise<Hold> {
  const { sessionId, playerId, ratePaisePerHour, blockSeconds, minimumSeconds, now } = order
  const { availablePaise } = await lockedBalanceOf(transaction, playerId)
  const paidSeconds = smaller(blockSeconds, affordableSeconds({ ratePaisePerHour, paise: availablePaise }))
  if (paidSeconds < minimumSeconds) {
    const neededPaise = price({ ratePaisePerHour, seconds: minimumSeconds })
    throw new WalletError('InsufficientFunds', { funds: { neededPaise, availablePaise } })
  }
  await transaction`
    INSERT INTO wallet_holds (session_id, account_id, rate_paise_per_hour, paid_seconds, created_at)
    VALUES (${sessionId}, ${walletOf(playerId)}, ${ratePaisePerHour}, ${paidSeconds}, ${now})`
  return await lockedHold(transaction, sessionId)
}

/**
 * Grows the hold to `paidSeconds` in all, or as near to that as the wallet reaches; it never shrinks. Throws
 * `HoldUnknown`, `HoldReleased`.
 */
export async function growHold(
  transaction: Transaction,
  order: { sessionId: string; playerId: string; paidSeconds: bigint },
): Promise<{ hold: Hold; hasGrown: boolean; balance: Balance }> {
  const { sessionId, playerId } = order
  const { availablePaise } = await lockedBalanceOf(transaction, playerId) // The wallet first, always: no deadlock.
  const hold = await lockedHold(transaction, sessionId)
  if (hold.isReleased) throw new WalletError('HoldReleased')

  const { ratePaisePerHour } = hold
  const heldInAll = price({ ratePaisePerHour, seconds: hold.paidSeconds })
  const reach = affordableSeconds({ ratePaisePerHour, paise: heldInAll + availablePaise })
  const paidSeconds = smaller(order.paidSeconds, reach)
  const hasGrown = paidSeconds > hold.paidSeconds
  if (hasGrown) {
    await transaction`UPDATE wallet_holds SET paid_seconds = ${paidSeconds} WHERE session_id = ${sessionId}`
  }
  return {
    hold: hasGrown ? await lockedHold(transaction, sessionId) : hold,
    hasGrown,
    balance: await balanceOf(transaction, playerId),
  }
}

/**
 * Charges the price of all seconds played so far, less what was charged before: `playedSeconds` is the total, capped at
 * what is paid. Throws `HoldUnknown`, and `HoldReleased` when something would have to be charged after the release.
 */
export async function charge(
  transaction: Transaction,
  order: { sessionId: string; playerId: string; playedSeconds: bigint; now: Date },
): Promise<Hold> {
  const { sessionId, playerId, playedSeconds, now } = order
  await lockedBalanceOf(transaction, playerId)
  const hold = await lockedHold(transaction, sessionId)
  const { ratePaisePerHour, paidSeconds, chargedPaise } = hold
  const duePaise = priceWithin({ ratePaisePerHour, playedSeconds, paidSeconds })
  const deltaPaise = duePaise - chargedPaise
  if (deltaPaise <= 0n) return hold
  if (hold.isReleased) throw new WalletError('HoldReleased')

  const booked = await book(transaction, {
    kind: 'Play',
    idempotencyKey: `session:${sessionId}:${duePaise}`,
    input: [playerId, sessionId, duePaise],
    sessionId,
    reference: null,
    now,
  })
  // What is charged is no longer held, and only then may it leave the wallet.
  await transaction`UPDATE wallet_holds SET charged_paise = ${duePaise} WHERE session_id = ${sessionId}`
  await transaction`
    INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES
      (${booked.id}, ${walletOf(playerId)}, ${-deltaPaise}), (${booked.id}, 'revenue', ${deltaPaise})`
  return await lockedHold(transaction, sessionId)
}

/** Gives back what is still held. Nothing can be charged afterwards. */
export async function release(
  transaction: Transaction,
  order: { sessionId: string; playerId: string; now: Date },
): Promise<Hold> {
  const { sessionId, playerId, now } = order
  await lockedBalanceOf(transaction, playerId)
  const hold = await lockedHold(transaction, sessionId)
  if (hold.isReleased) return hold
  await transaction`UPDATE wallet_holds SET released_at = ${now} WHERE session_id = ${sessionId}`
  return await lockedHold(transaction, sessionId)
}

/** `undefined` when nothing was ever held under this session. */
export async function holdOf(queries: Queries, sessionId: string): Promise<Hold | undefined> {
  const [row] = await queries<HoldRow[]>`SELECT * FROM wallet_holds WHERE session_id = ${sessionId}`
  return row && toHold(row)
}

async function lockedHold(transaction: Transaction, sessionId: string): Promise<Hold> {
  const [row] = await transaction<HoldRow[]>`SELECT * FROM wallet_holds WHERE session_id = ${sessionId} FOR UPDATE`
  if (!row) throw new WalletError('HoldUnknown')
  return toHold(row)
}

function toHold(row: HoldRow): Hold {
  return {
    sessionId: row.session_id,
    ratePaisePerHour: row.rate_paise_per_hour,
    paidSeconds: row.paid_seconds,
    chargedPaise: row.charged_paise,
    heldPaise: row.held_paise,
    isReleased: row.released_at !== null,
  }
}
