// The books of the version before, with money in them and a session that runs, under the schema of now.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { migrateApi } from '../../api/migrate.ts'
import { charge, holdOf } from '../../api/wallet/holds.ts'
import { refundablePaise } from '../../api/wallet/refunds.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { migrate } from '../../lib/database/migrate.ts'
import { connect } from '../../lib/database/pool.ts'
import { brokenInvariants, noon, silent } from './books.ts'

const migrations = fileURLToPath(new URL('../../api/migrations', import.meta.url))
const playerId = '01jd0000000000000000000000'
const sessionId = '01jd0000000000000000000001'

/** As the version before booked: two payments, and a session that has played through the first into the second. */
const past = `
  INSERT INTO players VALUES ('${playerId}', 1, 1, 'Asha', 'en', now());
  INSERT INTO wallet_accounts VALUES ('wallet:${playerId}', 'PlayerWallet', '${playerId}');
  INSERT INTO wallet_balances (account_id) VALUES ('wallet:${playerId}');
  INSERT INTO wallet_transactions (idempotency_key, input_hash, kind, reference, at) VALUES
    ('razorpay:payment:a', '', 'TopUp', 'a', now()), ('razorpay:payment:b', '', 'TopUp', 'b', now());
  INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES
    (1, 'gateway:razorpay', -1000), (1, 'wallet:${playerId}', 1000),
    (2, 'gateway:razorpay', -1000), (2, 'wallet:${playerId}', 1000);
  INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at, seen_seconds)
    VALUES ('${sessionId}', '${playerId}', 'quake', 'standard', '{centralindia}', now(), now(), 1200);
  INSERT INTO wallet_holds (session_id, account_id, rate_paise_per_hour, paid_seconds, created_at)
    VALUES ('${sessionId}', 'wallet:${playerId}', 3600, 1500, now());
  INSERT INTO wallet_transactions (idempotency_key, input_hash, kind, session_id, at) VALUES
    ('session:${sessionId}:600', '', 'Play', '${sessionId}', now()), ('session:${sessionId}:1200', '', 'Play', '${sessionId}', now());
  UPDATE wallet_holds SET charged_paise = 1200;
  INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES
    (3, 'wallet:${playerId}', -600), (3, 'revenue', 600), (4, 'wallet:${playerId}', -600), (4, 'revenue', 600);`

test('I4: money and holds of the version before are lots and holds of this one, and its statements still book', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasd-upgrade-'))
  const postgres = await startPostgres({ folder: join(folder, 'postgres') })
  const [ownerUrl, programUrl] = [postgres.ownerUrl('wasd_api'), postgres.url('wasd_api')]
  const owner = connect(ownerUrl, { max: 2, applicationName: 'test' })
  const database = connect(programUrl, { max: 2, applicationName: 'test' })
  onTestFinished(async () => {
    await Promise.all([owner.end(), database.end()])
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const before = join(folder, 'migrations')
  for (const name of readdirSync(migrations)) if (name < '0006') cpSync(join(migrations, name), join(before, name))
  await migrate({ url: ownerUrl, directory: before, log: silent })
  await owner.begin(async transaction => await transaction.unsafe(past))
  await migrateApi({ ownerUrl, programUrl, log: silent })

  expect(await brokenInvariants(database)).toEqual([])
  const lots = await database`SELECT reference, remainder_paise AS left FROM wallet_lots ORDER BY id`
  expect(lots).toEqual([
    { reference: 'a', left: 0n },
    { reference: 'b', left: 800n },
  ])
  const spent = await database`SELECT transaction_id AS by, lot_id AS lot, amount_paise AS paise FROM wallet_lot_moves
    WHERE amount_paise < 0 ORDER BY transaction_id, lot_id`
  expect(spent.map(({ by, lot, paise }) => [by, lot, paise])).toEqual([
    [3n, 1n, -600n],
    [4n, 1n, -400n],
    [4n, 2n, -200n],
  ])
  expect(await refundablePaise(database, { playerId, source: 'razorpay', paymentId: 'b' })).toBe(500n) // 300 are held.

  // A replica of the version before still charges by its own statements; this one goes on from there.
  await owner.begin(async transaction => {
    await transaction.unsafe(`
      INSERT INTO wallet_transactions (idempotency_key, input_hash, kind, session_id, at)
        VALUES ('session:${sessionId}:1300', '', 'Play', '${sessionId}', now());
      UPDATE wallet_holds SET charged_paise = 1300;
      INSERT INTO wallet_entries (transaction_id, account_id, amount_paise)
        SELECT max(id), 'wallet:${playerId}', -100 FROM wallet_transactions UNION ALL
        SELECT max(id), 'revenue', 100 FROM wallet_transactions`)
  })
  await charge(database, { sessionId, playerId, playedSeconds: 1400n, now: noon })
  expect(await holdOf(database, sessionId)).toMatchObject({ chargedPaise: 1400n, heldPaise: 100n })
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 600n, heldPaise: 100n })
  expect(await brokenInvariants(database)).toEqual([])
})
