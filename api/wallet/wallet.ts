// The player's wallet: credited from outside, held for a session, charged for play. Double entry. Every command is one
// function of the database (0006_ledger.sql), one round trip and whole by itself; inside a transaction it is part of
// that. The database refuses what must never be, so that a mistake here costs an error and not money.
import type { Queries } from '../../lib/database/pool.ts'
import { WalletError } from './errors.ts'

/** Where players' money comes from, and can go back to. */
export type Gateway = 'razorpay' | 'stars'

export interface Balance {
  postedPaise: bigint
  /** Set aside for the running session. */
  heldPaise: bigint
  /** Free to be spent: posted less held. */
  availablePaise: bigint
  /** What was taken back from us after it was spent or held; what a hold leaves over and the next top-up repay it. */
  owedPaise: bigint
}

export interface BalanceRow {
  posted_paise: bigint
  held_paise: bigint
  owed_paise: bigint
}

export function balanceFrom({ posted_paise, held_paise, owed_paise }: BalanceRow): Balance {
  return {
    postedPaise: posted_paise,
    heldPaise: held_paise,
    availablePaise: posted_paise - held_paise,
    owedPaise: owed_paise,
  }
}

export interface Credit {
  playerId: string
  /** Above zero. */
  amountPaise: bigint
  source: Gateway
  /** The payment's id at its source. */
  reference: string
  idempotencyKey: string
  now: Date
}

export interface Credited {
  /** False when the very same was credited before; then nothing changes. */
  isNew: boolean
  transactionId: bigint
  /** The part of it that went into what the player owed. */
  repaidPaise: bigint
  balance: Balance
}

/**
 * Puts a payment into a wallet as a refundable lot, once per key, after what is owed was repaid from it. Throws
 * `InvalidAmount`, and `IdempotencyConflict` when the key stands for another credit.
 */
export async function credit(queries: Queries, order: Credit): Promise<Credited> {
  return await putIn(queries, { kind: 'TopUp', ...order, source: `gateway:${order.source}` })
}

/**
 * Gives back what a `debit` took: a dispute that was won, a refund at the gateway that failed. `reference` is the
 * payment's id. Throws as `credit` does.
 */
export async function creditBack(queries: Queries, order: Credit): Promise<Credited> {
  return await putIn(queries, { kind: 'Reversal', ...order, source: `gateway:${order.source}` })
}

/** What we promise, and pay for when it is not kept. */
export const faults = ['StartFailed', 'StartLate', 'RecoverySlow'] as const
export type Fault = (typeof faults)[number]

/**
 * Credits a player for a fault of ours, once per session, fault and moment: promotional, not refundable, and it repays
 * nothing. Throws as `credit` does.
 */
export async function creditFault(
  queries: Queries,
  order: {
    playerId: string
    sessionId: string
    fault: Fault
    /** Which of several of one kind; such as the interruption's beginning. */
    occurrence?: string
    amountPaise: bigint
    /** A sentence for the player. */
    reason: string
    /** The person who approved it, where the program did not decide by itself. */
    author?: string
    expiresAt: Date | undefined
    now: Date
  },
): Promise<Credited> {
  const { sessionId, fault, occurrence } = order
  return await putIn(queries, {
    ...order,
    kind: 'FaultCredit',
    source: 'faults',
    reference: occurrence === undefined ? fault : `${fault}:${occurrence}`,
    idempotencyKey: `fault:${sessionId}:${fault}${occurrence === undefined ? '' : `:${occurrence}`}`,
  })
}

/** A gift: promotional, not refundable. Throws as `credit` does. */
export async function creditPromotion(
  queries: Queries,
  order: {
    playerId: string
    amountPaise: bigint
    reason: string
    idempotencyKey: string
    expiresAt: Date | undefined
    now: Date
  },
): Promise<Credited> {
  return await putIn(queries, { kind: 'Promotion', ...order, source: 'promotions', reference: null })
}

/**
 * An operator's correction, with the operator's name and reason. Above zero it repays what is owed first; below zero it
 * takes what is free. Throws `InvalidAmount` for zero, `InsufficientFunds`, `IdempotencyConflict`.
 */
export async function adjust(
  queries: Queries,
  order: {
    playerId: string
    amountPaise: bigint
    author: string
    reason: string
    idempotencyKey: string
    now: Date
  },
): Promise<Pick<Credited, 'isNew' | 'transactionId' | 'balance'>> {
  const { playerId, amountPaise, author, reason, idempotencyKey, now } = order
  if (amountPaise > 0n)
    return await putIn(queries, { kind: 'Adjustment', source: 'adjustments', reference: null, ...order })
  if (amountPaise === 0n) throw new WalletError('InvalidAmount')
  const row = only(
    await queries<(BalanceRow & { outcome: Outcome<'Debited'>; is_new: boolean; transaction_id: bigint })[]>`
      SELECT outcome, is_new, transaction_id, posted_paise, held_paise, owed_paise
      FROM wallet_take(${playerId}, ${-amountPaise}, ${author}, ${reason}, ${idempotencyKey}, ${now})`,
  )
  const balance = balanceFrom(row)
  if (row.outcome === 'InsufficientFunds') {
    throw new WalletError('InsufficientFunds', {
      funds: { neededPaise: -amountPaise, availablePaise: balance.availablePaise },
    })
  }
  if (row.outcome !== 'Debited') throw new WalletError(row.outcome)
  return { isNew: row.is_new, transactionId: row.transaction_id, balance }
}

async function putIn(
  queries: Queries,
  order: {
    kind: 'TopUp' | 'Promotion' | 'FaultCredit' | 'Adjustment' | 'Reversal'
    playerId: string
    amountPaise: bigint
    source: string
    reference: string | null
    idempotencyKey: string
    sessionId?: string
    reason?: string
    author?: string
    expiresAt?: Date | undefined
    now: Date
  },
): Promise<Credited> {
  const { kind, playerId, amountPaise, source, reference, idempotencyKey, now } = order
  const { sessionId = null, reason = null, author = null, expiresAt = null } = order
  if (amountPaise <= 0n) throw new WalletError('InvalidAmount')
  const row = only(
    await queries<
      (BalanceRow & {
        outcome: Outcome<'Credited'>
        is_new: boolean
        transaction_id: bigint
        repaid_paise: bigint
      })[]
    >`
      SELECT outcome, is_new, transaction_id, repaid_paise, posted_paise, held_paise, owed_paise
      FROM wallet_credit(${kind}, ${playerId}, ${amountPaise}, ${source}, ${reference}, ${idempotencyKey},
        ${sessionId}, ${reason}, ${author}, ${expiresAt}, ${now})`,
  )
  if (row.outcome !== 'Credited') throw new WalletError(row.outcome)
  return {
    isNew: row.is_new,
    transactionId: row.transaction_id,
    repaidPaise: row.repaid_paise,
    balance: balanceFrom(row),
  }
}

/** Zero for a player who never topped up. */
export async function balanceOf(queries: Queries, playerId: string): Promise<Balance> {
  const [row] = await queries<BalanceRow[]>`
    SELECT posted_paise, held_paise, owed_paise FROM wallet_balances WHERE account_id = ${walletOf(playerId)}`
  return balanceFrom(row ?? { posted_paise: 0n, held_paise: 0n, owed_paise: 0n })
}

export function walletOf(playerId: string): string {
  return `wallet:${playerId}`
}

/** What a command came to, in the database's words: done, or one of our codes. */
export type Outcome<Done extends string> =
  | Done
  | 'InsufficientFunds'
  | 'IdempotencyConflict'
  | 'HoldUnknown'
  | 'HoldReleased'
  | 'PaymentUnknown'
  | 'RefundTooLarge'
  | 'RefundUnknown'
  | 'RefundEnded'

/** A command's one row. */
export function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows
  if (row === undefined) throw new Error('The database answered a command with no row.')
  return row
}
