// The player's wallet: credited from outside, held for a session, charged for play. Double entry; the database itself
// refuses what must never be (0002_wallet.sql), so that a mistake here costs an error and not money.
import { createHash } from 'node:crypto'
import type { Queries, Transaction } from '../../lib/database/pool.ts'
import { WalletError } from './errors.ts'

/** Where credited money comes from. */
export type CreditSource = 'razorpay' | 'stars'

export interface Balance {
  postedPaise: bigint
  /** Set aside for the running session. */
  heldPaise: bigint
  /** Free to be spent: posted less held. */
  availablePaise: bigint
}

export interface Credit {
  playerId: string
  /** Above zero. */
  amountPaise: bigint
  source: CreditSource
  /** The payment's id at its source. */
  reference: string
  idempotencyKey: string
  now: Date
}

/**
 * Puts money into a wallet, once per key. `isNew` is false when the very same was credited before; then nothing changes.
 * Throws `InvalidAmount`, and `IdempotencyConflict` when the key stands for another credit.
 */
export async function credit(
  transaction: Transaction,
  order: Credit,
): Promise<{ isNew: boolean; transactionId: bigint; balance: Balance }> {
  const { playerId, amountPaise, source, reference, idempotencyKey, now } = order
  if (amountPaise <= 0n) throw new WalletError('InvalidAmount')
  const booked = await book(transaction, {
    kind: 'TopUp',
    idempotencyKey,
    input: [playerId, amountPaise, source, reference],
    sessionId: null,
    reference,
    now,
  })
  if (booked.isNew) {
    const wallet = await openWallet(transaction, playerId)
    await transaction`
      INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES
        (${booked.id}, ${`gateway:${source}`}, ${-amountPaise}), (${booked.id}, ${wallet}, ${amountPaise})`
  }
  return { isNew: booked.isNew, transactionId: booked.id, balance: await balanceOf(transaction, playerId) }
}

/** Zero for a player who never topped up. */
export async function balanceOf(queries: Queries, playerId: string): Promise<Balance> {
  const [row] = await queries<{ posted_paise: bigint; held_paise: bigint }[]>`
    SELECT posted_paise, held_paise FROM wallet_balances WHERE account_id = ${walletOf(playerId)}`
  const { posted_paise: postedPaise, held_paise: heldPaise } = row ?? { posted_paise: 0n, held_paise: 0n }
  return { postedPaise, heldPaise, availablePaise: postedPaise - heldPaise }
}

/** As `balanceOf`; nobody else moves the wallet until the transaction ends. */
export async function lockedBalanceOf(transaction: Transaction, playerId: string): Promise<Balance> {
  await transaction`SELECT FROM wallet_balances WHERE account_id = ${walletOf(playerId)} FOR UPDATE`
  return await balanceOf(transaction, playerId)
}

export function walletOf(playerId: string): string {
  return `wallet:${playerId}`
}

interface Booking {
  kind: 'TopUp' | 'Play'
  idempotencyKey: string
  /** Everything that makes this booking what it is. */
  input: readonly (string | bigint)[]
  sessionId: string | null
  reference: string | null
  now: Date
}

/** The head of a booking; its entries are for the caller to write when `isNew`. */
export async function book(transaction: Transaction, booking: Booking): Promise<{ isNew: boolean; id: bigint }> {
  const { kind, idempotencyKey, sessionId, reference, now } = booking
  const inputHash = createHash('sha256')
    .update([kind, ...booking.input].join('\n'))
    .digest()
  const [made] = await transaction<{ id: bigint }[]>`
    INSERT INTO wallet_transactions (idempotency_key, input_hash, kind, session_id, reference, at)
    VALUES (${idempotencyKey}, ${inputHash}, ${kind}, ${sessionId}, ${reference}, ${now})
    ON CONFLICT (idempotency_key) DO NOTHING RETURNING id`
  if (made) return { isNew: true, id: made.id }

  // The statement above has waited for whoever was booking under this key, so the row is there to be seen.
  const [known] = await transaction<{ id: bigint; input_hash: Buffer }[]>`
    SELECT id, input_hash FROM wallet_transactions WHERE idempotency_key = ${idempotencyKey}`
  if (!known?.input_hash.equals(inputHash)) throw new WalletError('IdempotencyConflict')
  return { isNew: false, id: known.id }
}

async function openWallet(transaction: Transaction, playerId: string): Promise<string> {
  const wallet = walletOf(playerId)
  await transaction`
    INSERT INTO wallet_accounts (id, kind, player_id) VALUES (${wallet}, 'PlayerWallet', ${playerId})
    ON CONFLICT (id) DO NOTHING`
  await transaction`INSERT INTO wallet_balances (account_id) VALUES (${wallet}) ON CONFLICT (account_id) DO NOTHING`
  return wallet
}
