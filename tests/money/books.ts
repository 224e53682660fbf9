// What every suite here begins with: a real Postgres with our schema, players who do not get into each other's way, and
// the books read by plain SQL.
import { randomInt, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrateApi } from '../../api/migrate.ts'
import { findOrCreateByTelegram, type Player } from '../../api/players/players.ts'
import { credit } from '../../api/wallet/wallet.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { connect, type Database, inTransaction } from '../../lib/database/pool.ts'
import { createLogger } from '../../lib/telemetry/log.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const silent = createLogger({ program: 'test', level: 'silent' })

/** A moment to book at; time is ours to drive. */
export const noon = new Date('2026-11-23T12:00:00.000Z')

export interface Books {
  /** The program's, the schema's owner's, and that of one whom no rule binds. */
  url: string
  ownerUrl: string
  superuserUrl: string
  database: Database
  /** What each of several programs migrated that started at once. */
  migrated: string[][]
  stop(): Promise<void>
}

export async function openBooks(): Promise<Books> {
  mkdirSync(join(root, '.run'), { recursive: true })
  const folder = mkdtempSync(join(root, '.run/money-'))
  const postgres = await startPostgres({ folder })
  const url = postgres.url('wasd_api')
  const ownerUrl = postgres.ownerUrl('wasd_api')
  // As replicas do that start at once on an empty database.
  const migrated = await Promise.all([1, 2, 3].map(() => migrateApi({ ownerUrl, programUrl: url, log: silent })))
  const database = connect(url, { max: 20, applicationName: 'test' })
  return {
    url,
    ownerUrl,
    superuserUrl: postgres.superuserUrl('wasd_api'),
    database,
    migrated,
    async stop() {
      await database.end({ timeout: 5 })
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function newPlayer(database: Database): Promise<Player> {
  const telegramUserId = BigInt(randomInt(1, 2 ** 47))
  return await findOrCreateByTelegram(database, {
    telegramUserId,
    telegramChatId: telegramUserId,
    firstName: 'Asha',
    languageCode: 'en',
    now: noon,
  })
}

/** A player with so much in the wallet. */
export async function fundedPlayer(database: Database, amountPaise: bigint): Promise<Player> {
  const player = await newPlayer(database)
  await topUp(database, { playerId: player.id, amountPaise })
  return player
}

/** Money in the wallet, without the payment's way there. */
export async function topUp(database: Database, order: { playerId: string; amountPaise: bigint }): Promise<void> {
  const reference = `pay_${randomUUID()}`
  const idempotencyKey = `razorpay:payment:${reference}`
  const now = noon
  await inTransaction(database, transaction =>
    credit(transaction, { ...order, source: 'razorpay', reference, idempotencyKey, now }),
  )
}

/** Everything that must hold of the books, as rows that break it: none of them may be there. */
export async function brokenInvariants(database: Database): Promise<{ broken: string; what: string }[]> {
  return await database<{ broken: string; what: string }[]>`
    SELECT 'transaction does not sum to zero' AS broken, transaction_id::text AS what
      FROM wallet_entries GROUP BY transaction_id HAVING sum(amount_paise) <> 0
    UNION ALL SELECT 'balance differs from its entries', account_id FROM wallet_balances balance
      WHERE posted_paise <> (SELECT coalesce(sum(amount_paise), 0) FROM wallet_entries entry
        WHERE entry.account_id = balance.account_id)
    UNION ALL SELECT 'held differs from the holds', account_id FROM wallet_balances balance
      WHERE held_paise <> (SELECT coalesce(sum(held_paise), 0) FROM wallet_holds hold
        WHERE hold.account_id = balance.account_id)
    UNION ALL SELECT 'wallet below zero', account_id FROM wallet_balances WHERE posted_paise < 0
    UNION ALL SELECT 'session charged other than booked', session_id FROM wallet_holds hold
      WHERE charged_paise <> (SELECT coalesce(sum(amount_paise), 0) FROM wallet_entries entry
        JOIN wallet_transactions booked ON booked.id = entry.transaction_id
        WHERE booked.session_id = hold.session_id AND entry.account_id = 'revenue')
    UNION ALL SELECT 'payment without its credit', payment.id FROM payments payment
      WHERE amount_paise <> (SELECT coalesce(sum(amount_paise), 0) FROM wallet_entries entry
        WHERE entry.transaction_id = payment.transaction_id AND entry.amount_paise > 0)
    UNION ALL SELECT 'hold of a session that is over', hold.session_id FROM wallet_holds hold
      JOIN sessions session ON session.id = hold.session_id
      WHERE session.ended_at IS NOT NULL AND hold.released_at IS NULL`
}
