// The books of versions before, with money in them and a session that runs, under the schema of now; and programs of
// versions before, which run on while the schema changes under them.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, type TestContext, test } from 'vitest'
import { grantAhead, migrateApi } from '../../api/migrate.ts'
import { bringIn } from '../../api/payments/movements.ts'
import { createSignIn, hashOf, rotate } from '../../api/players/sign-ins.ts'
import { meterOnce } from '../../api/sessions/meter.ts'
import { lockedSession } from '../../api/sessions/session.ts'
import { settle } from '../../api/sessions/settle.ts'
import { startOnce } from '../../api/sessions/starting.ts'
import { charge, holdOf } from '../../api/wallet/holds.ts'
import { refundablePaise } from '../../api/wallet/refunds.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { migrate } from '../../lib/database/migrate.ts'
import { connect, type Database, inTransaction, sqlStateOf } from '../../lib/database/pool.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { brokenInvariants, newPlayer, noon, sessionTerms, silent } from './books.ts'
import { catalogue } from './one-game.ts'
import { paid } from './paid.ts'

const migrations = fileURLToPath(new URL('../../api/migrations', import.meta.url))
/** Of which no evening has to wait. */
const NEWEST = '9999'
/**
 * The newest migration of a version before. The API's own code of now still runs on it, as far as an evening here asks for:
 * the older, the more is proven, and once it does not the test says so.
 */
const VERSION_BEFORE = '0022'
/** undefined_column, undefined_table and undefined_function. */
const LACKING = ['42703', '42P01', '42883']
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

/** A database of its own, whose owner is not the program; and a folder for the migrations that are to be run. */
async function twoRoles({ onTestFinished }: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wasd-upgrade-'))
  const postgres = await startPostgres({ folder: join(folder, 'postgres') })
  const [ownerUrl, programUrl] = [postgres.ownerUrl('wasd_api'), postgres.url('wasd_api')]
  const owner = connect(ownerUrl, { max: 2, applicationName: 'test' })
  const program = connect(programUrl, { max: 2, applicationName: 'test' })
  const superuser = connect(postgres.superuserUrl('wasd_api'), { max: 1, applicationName: 'test' })
  onTestFinished(async () => {
    await Promise.all([owner.end(), program.end(), superuser.end()])
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { owner, program, superuser, ownerUrl, programUrl, directory: join(folder, 'migrations') }
}

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
    for (const outcome of ['Held', 'Kept']) {
      const said = await program`SELECT outcome, convert_from(kept_body, 'UTF8') AS kept FROM session_start_once(
        ${playerId}, 'evening', ${hashOf('evening')}, ${Buffer.from(sessionId)}, ${`sign-in-${number}`}, ${sessionId},
        ${playerId}, 'quake', 'standard', '{centralindia}', 3600, 300, 60, 300, ${at})`
      expect(said).toEqual([{ outcome, kept: outcome === 'Kept' ? sessionId : null }])
    }
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

/** An evening under way, played by the API's own code: paid, signed in, started once, metered, and disputed. */
async function played(database: Database, dispute: string) {
  const { id: playerId } = await newPlayer(database)
  const paymentId = await paid(database, { playerId, amountPaise: 50_000n })
  const signIn = await inTransaction(database, transaction =>
    createSignIn(transaction, { playerId, method: 'MiniApp', now: noon }),
  )
  const commands = { database, catalogue, holdBlockSeconds: 900, defaultRegions: ['centralindia'] }
  const { signInId } = signIn
  const once = { owner: playerId, key: 'evening', hash: hashOf('evening'), signInId }
  const start = () =>
    startOnce(
      commands,
      { playerId, game: 'quake', tier: 'standard', now: noon },
      {
        ...once,
        answer: ({ session: { id } }) => ({ reply: id, sealed: Buffer.from(id) }),
      },
    )
  const started = await start()
  if (started.outcome !== 'Started') throw new Error(started.outcome)
  const sessionId = started.reply
  // What an operator would have said: five minutes are played, and it goes on.
  await database`UPDATE sessions SET seen_ready_at = ${noon}, seen_seconds = 300, seen_since = ${later(310)} WHERE id = ${sessionId}`
  const settings = { namespace: 'games', holdBlockSeconds: 900, ttlSeconds: 3600, ...sessionTerms }
  await meterOnce({ database, log: silent, settings, clock: { ...systemClock, now: () => later(780) } })
  const told = async (state: 'Open' | 'Won') => {
    const seen = { id: dispute, paymentId, disputed: { currency: 'INR', units: 10_000n }, state }
    return await bringIn(database, { rail: 'Razorpay', movements: [{ is: 'Dispute', dispute: seen }], now: noon })
  }
  expect(await told('Open')).toEqual(['DisputeOpened'])
  expect(await holdOf(database, sessionId)).toMatchObject({ chargedPaise: 750n, paidSeconds: 4500n })
  return { playerId, sessionId, ...signIn, start, told }
}

/** Of an evening on the schema of the version before: code of now that asks for more than that had says what to do. */
function tooOld(error: unknown): never {
  if (!LACKING.includes(sqlStateOf(error) ?? '')) throw error
  const remedy = 'Set VERSION_BEFORE to the migration that brought it.'
  throw new Error(`The API's code of now does not run on migration ${VERSION_BEFORE} any more. ${remedy}`, {
    cause: error,
  })
}

function later(seconds: number): Date {
  return new Date(noon.getTime() + seconds * 1000)
}

test.concurrent('I4, I5: an evening that the API has played on the schema of the version before goes on under this one, and is settled', async context => {
  const { owner, program: database, ownerUrl, programUrl, directory } = await twoRoles(context)
  const role = new URL(programUrl).username
  const names = readdirSync(migrations).sort()
  const [old, fresh] = [
    names.filter(name => name.slice(0, 4) <= VERSION_BEFORE),
    names.filter(name => name.slice(0, 4) > VERSION_BEFORE),
  ]
  expect(fresh.length).toBeGreaterThan(0)
  for (const name of old) cpSync(join(migrations, name), join(directory, name))
  await migrate({ url: ownerUrl, directory, log: silent })
  await owner`SELECT grant_program(${role})`
  const before = await played(database, 'disp_before').catch(tooOld)

  for (const name of fresh) cpSync(join(migrations, name), join(directory, name))
  await migrate({ url: ownerUrl, directory, log: silent })
  const during = await played(database, 'disp_during') // With the rights of before.
  await migrateApi({ ownerUrl, programUrl, log: silent })
  expect(await brokenInvariants(database, [])).toEqual([])
  await widen(owner) // What comes after this version: its connections hold statements prepared before.

  for (const { playerId, sessionId, signInId, refreshToken, start, told } of [before, during]) {
    expect(await start()).toMatchObject({ outcome: 'Kept', sealedBody: Buffer.from(sessionId) })
    const next = await inTransaction(database, transaction => rotate(transaction, { refreshToken, now: later(900) }))
    expect(next).toMatchObject({ signInId, playerId })
    expect(await told('Won')).toEqual(['DisputeWon'])
    await inTransaction(database, async transaction => {
      const session = await lockedSession(transaction, sessionId)
      if (!session) throw new Error('It was started.')
      const { tax } = sessionTerms
      const settlement = { playedSeconds: 800n, endReason: 'PlayerEnded', interruptions: [], tax, now: later(900) }
      await settle(transaction, session, settlement)
    })
    expect(await holdOf(database, sessionId)).toMatchObject({ chargedPaise: 2000n, isReleased: true })
    expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 48_000n, heldPaise: 0n, owedPaise: 0n })
  }
  expect(await brokenInvariants(database, [])).toEqual([])
})

/** As migrations to come may: each table has one column more. */
async function widen(owner: Database): Promise<void> {
  const tables = await owner<{ name: string }[]>`
    SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`
  expect(tables.length).toBeGreaterThan(15)
  for (const { name } of tables) await owner`ALTER TABLE ${owner(name)} ADD COLUMN of_a_later_version text`
}

test.concurrent('I4: statements that were prepared before a migration do not fail the transactions after it, on any connection', async context => {
  const { owner, program, ownerUrl, programUrl } = await twoRoles(context)
  await migrateApi({ ownerUrl, programUrl, log: silent })
  const { id: playerId } = await newPlayer(program)
  const connections = new Set<number>()
  /** Two at once, so that each has a connection of its own; each reads whole rows, in transactions within one another. */
  const both = async () => {
    let waiting = 2
    let meet = () => {}
    const met = new Promise<void>(resolve => {
      meet = resolve
    })
    const one = async () =>
      await inTransaction(program, async transaction => {
        const [row] = await transaction<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
        connections.add(row?.pid ?? 0)
        waiting -= 1
        if (waiting === 0) meet()
        await met
        await transaction`UPDATE players SET first_name = first_name || '+' WHERE id = ${playerId}`
        await inTransaction(transaction, async inner => await inner`SELECT * FROM wallet_balances`)
        return await transaction`SELECT * FROM players WHERE id = ${playerId}`
      })
    return await Promise.all([one(), one()])
  }
  await both()
  expect(connections.size).toBe(2)
  await widen(owner)
  for (const [row] of await both()) expect(row).toHaveProperty('of_a_later_version', null)
  const [row] = await program`SELECT first_name FROM players WHERE id = ${playerId}`
  expect(row?.first_name).toMatch(/[^+]\+{4}$/) // What was rolled back was done once.
  // Outside of a transaction the driver sees to it.
  for (let time = 0; time < 2; time += 1) {
    expect(await program`SELECT * FROM sign_ins`).toHaveLength(0)
    await owner`ALTER TABLE sign_ins ADD COLUMN ${owner(`later_${time}`)} text`
  }
  expect(await program`SELECT * FROM sign_ins`).toHaveLength(0)
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
