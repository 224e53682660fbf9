// What every suite here begins with: a real Postgres with our schema, players who do not get into each other's way, and
// the books read by plain SQL.
import { randomInt, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { migrateApi } from '../../api/migrate.ts'
import { findOrCreateByTelegram, type Player } from '../../api/players/players.ts'
import { type CheckName, checkBooks, type Fault } from '../../api/wallet/check.ts'
import { credit } from '../../api/wallet/wallet.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { connect, type Database, inTransaction } from '../../lib/database/pool.ts'
import { createLogger, type Logger } from '../../lib/telemetry/log.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const silent = createLogger({ program: 'test', level: 'silent' })

/** What a person is told contradicts the books. */
export type Raised = { code: string; [field: string]: unknown }

/** Logs nothing; what a person is told contradicts the books is kept. */
export function raising(raised: Raised[]): Logger {
  const schema = z.looseObject({ code: z.string(), subject: z.string() })
  return {
    ...silent,
    error(fields: unknown) {
      const { data } = schema.safeParse(fields)
      if (data) raised.push(data)
    },
  }
}

/** A moment to book at; time is ours to drive. */
export const noon = new Date('2026-11-23T12:00:00.000Z')

/** What sessions are kept going by, in every test that does not say otherwise. */
export const sessionTerms = {
  paidGraceSeconds: 120,
  promises: { startSeconds: 600, recoverySeconds: 300, creditSeconds: 600, creditDays: 90 },
  tax: { name: 'GST', basisPoints: 1800 },
}

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

/** Money that is put in without a payment, and charged without a session that was seen to be played. */
const unseen = ['CreditWithoutPayment', 'PriceDiffers'] as const
/** And where a test moves it by the wallet's commands alone, no settlement issues a receipt. */
export const byCommandsAlone = [...unseen, 'ReceiptMissing'] as const

/** What the books' own proof finds; `but` names the checks that are left out. */
export async function brokenInvariants(database: Database, but: readonly CheckName[] = unseen): Promise<Fault[]> {
  const checked = await checkBooks(database, { ifBusy: 'CheckAnyway' })
  return checked?.faults.filter(({ check }) => !but.includes(check)) ?? []
}
