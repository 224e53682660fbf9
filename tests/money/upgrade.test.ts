// The books of versions before, with money in them and a session that runs, under the schema of now; and programs of
// versions before, which run on while the schema changes under them.
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { grantAhead, migrateApi } from '../../api/migrate.ts'
import { hashOf } from '../../api/players/sign-ins.ts'
import { charge, holdOf } from '../../api/wallet/holds.ts'
import { refundablePaise } from '../../api/wallet/refunds.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { migrate } from '../../lib/database/migrate.ts'
import type { Database } from '../../lib/database/pool.ts'
import { brokenInvariants, noon, silent } from './books.ts'
import { migrations, twoRoles } from './two-roles.ts'

/** Of which no evening has to wait. */
const NEWEST = '9999'
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

// Before 0006 there was one role, which owned what it ran on.
test.concurrent('I4: money and holds of the version before are lots and holds of this one, and its statements still book', async context => {
  const { owner, program: database, ownerUrl, programUrl, directory: before } = await twoRoles(context)
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

/**
 * What the program of a version says to its database; all of it can be said since there are two roles, but for what `level`,
 * the newest migration that it knows, has brought since.
 */
async function evening(program: Database, number: number, level: string): Promise<void> {
  const [playerId, sessionId] = [idOf(2 * number), idOf(2 * number + 1)]
  const at = noon
  const paymentId = `pay_${sessionId}`
  await program.begin(async say => {
    await say`INSERT INTO players (id, telegram_user_id, telegram_chat_id, first_name, language_code, created_at)
      VALUES (${playerId}, ${number}, ${number}, 'Asha', 'en', ${at})`
    await say`INSERT INTO top_ups (id, token, player_id, rail, amount_paise, created_at, expires_at, look_at)
      VALUES (${sessionId}, ${'t'.repeat(32) + number}, ${playerId}, 'Razorpay', 1000, ${at}, ${at}, ${at})`
    const [credited] =
      await say`SELECT * FROM wallet_credit('TopUp', ${playerId}, 1000, 'gateway:razorpay', ${paymentId},
      ${`razorpay:payment:${paymentId}`}, NULL, NULL, NULL, NULL, ${at})`
    await say`INSERT INTO payments (rail, id, top_up_id, amount_paise, transaction_id, credited_at)
      VALUES ('Razorpay', ${paymentId}, ${sessionId}, 1000, ${credited?.transaction_id}, ${at})`
    await say`INSERT INTO razorpay_webhooks (body_hash, raw_body, received_at, worked_off_at, outcome)
      VALUES (${Buffer.from(paymentId)}, ${`{"payment":{"id":"${paymentId}","note":"\\u0000"}}`}, ${at}, ${at}, 'Credited')`
    await say`INSERT INTO queue_items (topic, key, payload) VALUES ('telegram.notification', ${playerId}, '{}')`
  })
  if (level >= '0010') {
    await program`INSERT INTO sign_ins (id, player_id, method, created_at, expires_at)
      VALUES (${`sign-in-${number}`}, ${playerId}, 'MiniApp', ${at}, ${new Date(at.getTime() + 3_600_000)})`
  }
  if (level >= '0017') {
    const once = program`${playerId}, 'evening', ${hashOf('evening')}`
    const order = program`${`sign-in-${number}`}, ${sessionId}, ${playerId}, 'quake', 'standard', '{centralindia}', 3600,
      300, 60, 300, ${at}`
    const sealed = async () =>
      await program`SELECT outcome, convert_from(kept_body, 'UTF8') AS kept
        FROM session_start_once(${once}, ${Buffer.from(sessionId)}, ${order})`
    const inClear = async () =>
      await program`SELECT outcome, kept_body AS kept FROM session_start_answered(${once}, ${sessionId}, ${order})`
    const start = level >= '0026' ? inClear : sealed
    expect(await start()).toEqual([{ outcome: 'Held', kept: null }])
    expect(await start()).toEqual([{ outcome: 'Kept', kept: sessionId }])
    // The version before cannot read it: the request is to come again.
    if (start === inClear) expect(await sealed()).toEqual([{ outcome: 'IdempotencyInFlight', kept: null }])
  } else {
    await program.begin(async say => {
      await say`INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at)
        VALUES (${sessionId}, ${playerId}, 'quake', 'standard', '{centralindia}', ${at}, ${at})`
      await say`SELECT outcome, (hold).* FROM wallet_hold_open(${sessionId}, ${playerId}, 3600, 300, 60, ${at})`
    })
  }
  await program`SELECT outcome, (hold).* FROM wallet_hold_grow(${sessionId}, ${playerId}, 600, ${at})`
  await program`SELECT * FROM wallet_refund_start(${sessionId}, ${playerId}, 100, 'gateway:razorpay', ${paymentId}, NULL, NULL, ${at})`
  await program`SELECT * FROM wallet_refund_end(${sessionId}, 'Failed', NULL, ${at})`
  const dispute = `disp_${number}`
  await program`SELECT * FROM wallet_debit('Dispute', ${playerId}, 500, 'gateway:razorpay', ${paymentId}, ${dispute},
    ${`razorpay:dispute:${dispute}`}, ${at})`
  if (level >= '0007') {
    await program`INSERT INTO disputes (rail, id, payment_id, amount_paise, state, opened_at)
      VALUES ('Razorpay', ${dispute}, ${paymentId}, 500, 'Open', ${at})`
  }
  await program.begin(async say => {
    await say`SELECT outcome, (hold).* FROM wallet_charge(${sessionId}, ${playerId}, 300, ${at})`
    await say`SELECT outcome, (hold).* FROM wallet_release(${sessionId}, ${playerId}, ${at})`
    await say`UPDATE sessions SET ended_at = ${at}, end_reason = 'PlayerEnded', seen_seconds = 300, seen_phase = 'Ended'
      WHERE id = ${sessionId}`
    await say`SELECT * FROM receipt_issue(${sessionId}, ${playerId}, '26-27', 'GST', 1800, '[{"paise": 300}]', ${at})`
  })
}

/** Top-ups as versions before 0021 leave them: what is credited is never asked about again. */
async function credited(program: Database): Promise<void> {
  await program`
    INSERT INTO top_ups (id, token, player_id, rail, amount_paise, created_at, expires_at, look_at, credited_at)
    SELECT kind || number, kind || number || repeat('-', 32), ${idOf(2)}, 'Razorpay', 1000, now() - age, now(), now() - age,
      now() - age
    FROM (VALUES ('old-', interval '5 days'), ('recent-', interval '3 days')) of (kind, age), generate_series(1, 20) number`
}

/** When they are asked about next, in hours from now. */
async function looks(program: Database, kind: 'old' | 'recent'): Promise<(number | null)[]> {
  const rows = await program<{ hours: number | null }[]>`
    SELECT extract(epoch FROM look_at - now())::float8 / 3600 AS hours FROM top_ups WHERE id LIKE ${`${kind}-%`}`
  return rows.map(({ hours }) => hours)
}

function idOf(number: number): string {
  return `01jd00000000000000000${String(number).padStart(5, '0')}`
}

/** All that a role may call, read and write, in words. */
async function contractOf(owner: Database, role: string): Promise<string[]> {
  const rows = await owner<{ word: string }[]>`
    SELECT format('call %s(%s) -> %s', proname, pg_get_function_identity_arguments(oid), pg_get_function_result(oid)) AS word
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef AND has_function_privilege(${role}, oid, 'EXECUTE')
    UNION ALL
    SELECT format('%s %s.%s as %s', may, relname, attname, format_type(atttypid, atttypmod))
    FROM pg_class table_ JOIN pg_attribute ON attrelid = table_.oid AND attnum > 0 AND NOT attisdropped,
      unnest('{SELECT,INSERT,UPDATE}'::text[]) may
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege(${role}, table_.oid, may)
    UNION ALL
    SELECT format('insert into %s without %s', relname, attname)
    FROM pg_class table_ JOIN pg_attribute ON attrelid = table_.oid AND attnum > 0 AND NOT attisdropped
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege(${role}, table_.oid, 'INSERT')
      AND (NOT attnotnull OR atthasdef OR attidentity <> '')`
  return rows.map(({ word }) => word)
}

test.concurrent('I4: a program of any version since there are two roles runs on while the next migration comes, and before its rights do', async context => {
  const { owner, program, ownerUrl, programUrl, directory } = await twoRoles(context)
  const role = new URL(programUrl).username
  const names = readdirSync(migrations).sort()
  const steps = names.filter(name => name >= '0007')
  for (const name of names.filter(each => each < '0007')) cpSync(join(migrations, name), join(directory, name))
  await migrate({ url: ownerUrl, directory, log: silent })
  await owner`SELECT grant_program(${role})`
  await evening(program, 1, '0006')
  await credited(program)

  const unknown = async () => (await owner`SELECT FROM razorpay_webhooks WHERE top_up_id IS NULL`).count
  for (const [index, name] of steps.entries()) {
    const level = steps[index - 1]?.slice(0, 4) ?? '0006'
    const before = await contractOf(owner, role)
    expect(before.length).toBeGreaterThan(100)
    await grantAhead(owner, role)
    cpSync(join(migrations, name), join(directory, name))
    await migrate({ url: ownerUrl, directory, log: silent })
    if (name.startsWith('0022')) expect(await unknown(), 'of what was worked off before').toBe(0)
    // The replicas of before go on between the migration's commit and the grants, and after them.
    await evening(program, 2 * index + 2, level)
    expect(await contractOf(owner, role), name).toEqual(expect.arrayContaining(before))
    await owner`SELECT grant_program(${role})`
    await evening(program, 2 * index + 3, level)
    expect(await contractOf(owner, role), name).toEqual(expect.arrayContaining(before))
  }
  expect(await brokenInvariants(program, [])).toEqual([])
  // I5: a second payment of theirs may still be captured; they are asked about, and not all at once.
  expect(new Set(await looks(program, 'old'))).toEqual(new Set([null]))
  const hours = await looks(program, 'recent')
  expect(hours.filter(each => each !== null && each > -1 && each <= 24)).toHaveLength(20)
  expect(new Set(hours).size).toBeGreaterThan(10)
})

test.concurrent('A second role takes the books over from the one that ran the program and owned them, as the README says', async context => {
  const { program, superuser, ownerUrl, programUrl } = await twoRoles(context)
  const [ownerRole, role] = [new URL(ownerUrl).username, new URL(programUrl).username]
  await superuser`GRANT CREATE, USAGE ON SCHEMA public TO ${superuser(role)}`
  await migrateApi({ ownerUrl: programUrl, programUrl, log: silent })
  await evening(program, 1, NEWEST)
  await superuser.unsafe(`REASSIGN OWNED BY ${role} TO ${ownerRole}`)
  await migrateApi({ ownerUrl, programUrl, log: silent })
  await evening(program, 2, NEWEST)
  await expect(program`UPDATE wallet_entries SET amount_paise = 1`).rejects.toMatchObject({ code: '42501' })
  expect(await brokenInvariants(program, [])).toEqual([])
})
