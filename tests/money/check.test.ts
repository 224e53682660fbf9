// Each invariant of the ledger broken on purpose, by one whom no rule binds, and named by the proof: that check and no
// other. Then the same at the shell.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { settleDispute } from '../../api/payments/disputes.ts'
import { askRefund } from '../../api/payments/refunds.ts'
import { lowerCaseUlid } from '../../api/players/ids.ts'
import { type CheckName, checkBooks, checkNames, checks } from '../../api/wallet/check.ts'
import { ledgerCommand } from '../../api/wallet/command.ts'
import { charge, release } from '../../api/wallet/holds.ts'
import { expireOnce, keepBooks } from '../../api/wallet/keeping.ts'
import { balanceOf, creditPromotion } from '../../api/wallet/wallet.ts'
import { connect, type Database, inTransaction } from '../../lib/database/pool.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { type Books, newPlayer, noon, openBooks, silent } from './books.ts'
import { openHold } from './open-hold.ts'
import { paid } from './paid.ts'

const program = fileURLToPath(new URL('../../api/main.ts', import.meta.url))

let books: Books
let database: Database
/** Replays rows as a replica does: no trigger and no foreign key looks. */
let unbound: Database
/** What there is to be broken: two wallets, each with a live session, one that is over, and its receipt; a refund under way. */
let there: Awaited<ReturnType<typeof furnished>>

beforeAll(async () => {
  books = await openBooks()
  database = books.database
  unbound = connect(books.superuserUrl, { max: 1, applicationName: 'test' })
  await unbound`SET session_replication_role = replica`
  there = await furnished()
})
afterAll(async () => {
  await unbound?.end()
  await books?.stop()
})

async function session(playerId: string, ended: { seconds: bigint } | undefined): Promise<string> {
  const id = lowerCaseUlid(noon)
  await database`
    INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at)
    VALUES (${id}, ${playerId}, 'quake', 'standard', ${['centralindia']}, ${noon}, ${noon})`
  const order = { sessionId: id, playerId, now: noon }
  await openHold(database, { ...order, ratePaisePerHour: 3600n, blockSeconds: 600n, minimumSeconds: 60n })
  if (!ended) return id
  await charge(database, { ...order, playedSeconds: ended.seconds })
  await release(database, order)
  await database`
    UPDATE sessions SET ended_at = ${noon}, end_reason = 'PlayerEnded', seen_seconds = ${ended.seconds} WHERE id = ${id}`
  const lines = [{ paise: Number(ended.seconds) }]
  await database`SELECT receipt_issue(${id}, ${playerId}, '26-27', 'GST', 1800, ${database.json(lines)}, ${noon})`
  return id
}

async function playing() {
  const { id: playerId } = await newPlayer(database)
  const paymentId = await paid(database, { playerId, amountPaise: 10_000n })
  const ended = await session(playerId, { seconds: 300n })
  const live = await session(playerId, undefined)
  return { playerId, paymentId, ended, live }
}

async function furnished() {
  const [one, other] = [await playing(), await playing()]
  const { paymentId } = one
  const order = { rail: 'Razorpay', paymentId, amountPaise: 1000n, by: { askedBy: 'Player' }, now: noon } as const
  const { id: refund } = await askRefund(database, order)
  const dispute = { id: 'disp_1', paymentId, disputed: { currency: 'INR', units: 100n }, state: 'Open' } as const
  await inTransaction(database, transaction => settleDispute(transaction, { rail: 'Razorpay', dispute, now: noon }))
  return { ...one, refund, other }
}

async function faults() {
  const checked = await checkBooks(database, { ifBusy: 'CheckAnyway' })
  return checked?.faults ?? []
}

/** What breaks each invariant, what mends it, and whose name the proof has to tell. */
const blows: Record<CheckName, { wrong: string; right: string; id: () => string; besides?: CheckName[] }> = {
  TransactionUnbalanced: {
    wrong: `UPDATE wallet_entries SET amount_paise = amount_paise + 1 WHERE account_id = 'refunds:razorpay'`,
    right: `UPDATE wallet_entries SET amount_paise = amount_paise - 1 WHERE account_id = 'refunds:razorpay'`,
    id: () => '',
    besides: ['RefundsDiffer', 'RefundUnbooked'],
  },
  BalanceDiffers: {
    wrong: 'UPDATE wallet_balances SET posted_paise = posted_paise + 1',
    right: 'UPDATE wallet_balances SET posted_paise = posted_paise - 1',
    id: () => `wallet:${there.playerId}`,
    besides: ['LotsDiffer'],
  },
  OwedDiffers: {
    wrong: 'UPDATE wallet_balances SET owed_paise = 7',
    right: 'UPDATE wallet_balances SET owed_paise = 0',
    id: () => `wallet:${there.playerId}`,
  },
  BelowZero: {
    wrong: `ALTER TABLE wallet_balances DROP CONSTRAINT wallet_covers_holds; UPDATE wallet_balances SET held_paise = held_paise + 100000`,
    right: `UPDATE wallet_balances SET held_paise = held_paise - 100000; ALTER TABLE wallet_balances ADD CONSTRAINT wallet_covers_holds CHECK (held_paise <= posted_paise)`,
    id: () => `wallet:${there.playerId}`,
    besides: ['HeldDiffers'],
  },
  OwedBesideFree: {
    wrong: `UPDATE wallet_balances SET owed_paise = 7, held_paise = 0`,
    right: `UPDATE wallet_balances SET owed_paise = 0, held_paise = 600`,
    id: () => `wallet:${there.playerId}`,
    besides: ['OwedDiffers', 'HeldDiffers'],
  },
  LotsDiffer: {
    wrong: 'UPDATE wallet_lots SET remainder_paise = remainder_paise - 5',
    right: 'UPDATE wallet_lots SET remainder_paise = remainder_paise + 5',
    id: () => `wallet:${there.playerId}`,
    besides: ['LotDiffers'],
  },
  LotDiffers: {
    wrong: 'UPDATE wallet_lot_moves SET amount_paise = amount_paise - 5 WHERE amount_paise > 0',
    right: 'UPDATE wallet_lot_moves SET amount_paise = amount_paise + 5 WHERE amount_paise > 0',
    id: () => '1',
    besides: ['MovesDiffer'],
  },
  MovesDiffer: {
    wrong: 'UPDATE wallet_lot_moves SET transaction_id = transaction_id + 1000 WHERE amount_paise > 0',
    right: 'UPDATE wallet_lot_moves SET transaction_id = transaction_id - 1000 WHERE amount_paise > 0',
    id: () => '1001',
  },
  HeldDiffers: {
    wrong: 'UPDATE wallet_balances SET held_paise = held_paise - 1',
    right: 'UPDATE wallet_balances SET held_paise = held_paise + 1',
    id: () => `wallet:${there.playerId}`,
  },
  HoldOfEndedSession: {
    wrong: `UPDATE sessions SET ended_at = now(), end_reason = 'X' WHERE ended_at IS NULL`,
    right: `UPDATE sessions SET ended_at = NULL, end_reason = NULL WHERE end_reason = 'X'`,
    id: () => there.live,
  },
  SessionWithoutHold: {
    wrong: `UPDATE wallet_holds SET released_at = '2000-01-01' WHERE released_at IS NULL`,
    right: `UPDATE wallet_holds SET released_at = NULL WHERE released_at = '2000-01-01'`,
    id: () => there.live,
    besides: ['HeldDiffers'],
  },
  ChargeDiffers: {
    wrong: 'UPDATE wallet_holds SET charged_paise = charged_paise - 1 WHERE released_at IS NOT NULL',
    right: 'UPDATE wallet_holds SET charged_paise = charged_paise + 1 WHERE released_at IS NOT NULL',
    id: () => there.ended,
    besides: ['PriceDiffers', 'ReceiptDiffers'],
  },
  PriceDiffers: {
    wrong: 'UPDATE sessions SET seen_seconds = seen_seconds + 1 WHERE ended_at IS NOT NULL',
    right: 'UPDATE sessions SET seen_seconds = seen_seconds - 1 WHERE ended_at IS NOT NULL',
    id: () => there.ended,
  },
  PaymentDiffers: {
    wrong: 'UPDATE payments SET amount_paise = amount_paise + 1',
    right: 'UPDATE payments SET amount_paise = amount_paise - 1',
    id: () => `Razorpay ${there.paymentId}`,
  },
  // What is told of another is so of both: done once more, it is right again.
  PaymentOfAnother: {
    wrong: 'UPDATE payments SET top_up_id = (SELECT id FROM top_ups other WHERE other.id <> top_up_id)',
    right: 'UPDATE payments SET top_up_id = (SELECT id FROM top_ups other WHERE other.id <> top_up_id)',
    id: () => `Razorpay ${there.paymentId}`,
  },
  HoldOfAnother: {
    wrong: `UPDATE wallet_holds hold SET account_id = other.account_id FROM wallet_balances other
      WHERE other.account_id <> hold.account_id AND released_at IS NOT NULL`,
    right: `UPDATE wallet_holds hold SET account_id = other.account_id FROM wallet_balances other
      WHERE other.account_id <> hold.account_id AND released_at IS NOT NULL`,
    id: () => there.ended,
  },
  ReceiptOfAnother: {
    wrong: 'UPDATE receipts SET player_id = (SELECT id FROM players other WHERE other.id <> player_id)',
    right: 'UPDATE receipts SET player_id = (SELECT id FROM players other WHERE other.id <> player_id)',
    id: () => '26-27/2',
  },
  ReceiptMissing: {
    wrong: `UPDATE receipts SET session_id = 'none' WHERE number = 2`,
    right: `UPDATE receipts SET session_id = (
      SELECT id FROM sessions WHERE ended_at IS NOT NULL AND sessions.player_id = receipts.player_id) WHERE number = 2`,
    id: () => there.other.ended,
    besides: ['ReceiptDiffers'], // It is a document over nothing.
  },
  CreditWithoutPayment: {
    wrong: 'UPDATE payments SET transaction_id = transaction_id + 1000',
    right: 'UPDATE payments SET transaction_id = transaction_id - 1000',
    id: () => '1',
    besides: ['PaymentDiffers'],
  },
  RefundsDiffer: {
    wrong: `UPDATE wallet_refunds SET amount_paise = 1`,
    right: `UPDATE wallet_refunds SET amount_paise = 1000`,
    id: () => 'refunds:razorpay',
  },
  RefundUnbooked: {
    wrong: `UPDATE refunds SET state = 'Failed', ended_at = asked_at`,
    right: `UPDATE refunds SET state = 'Pending', ended_at = NULL`,
    id: () => `Razorpay ${there.refund}`,
  },
  DisputeUnbooked: {
    wrong: `UPDATE disputes SET state = 'Won', ended_at = opened_at`,
    right: `UPDATE disputes SET state = 'Open', ended_at = NULL`,
    id: () => 'Razorpay disp_1',
  },
  ReceiptDiffers: {
    wrong: `UPDATE receipts SET lines = '[{"paise": 1}]'`,
    right: `UPDATE receipts SET lines = '[{"paise": 300}]'`,
    id: () => '26-27/1',
  },
  ReceiptNumberMissing: {
    wrong: 'UPDATE receipt_series SET last_number = 3',
    right: 'UPDATE receipt_series SET last_number = 2',
    id: () => '26-27',
  },
}

test('I4: books that are in order have no faults', async () => {
  expect(await faults()).toEqual([])
})

test.each(checkNames)('I4: %s is found, by name and id, and nothing that is right is', async check => {
  const { wrong, right, id, besides = [] } = blows[check]
  await unbound.unsafe(wrong)
  try {
    const found = await faults()
    expect(found.filter(fault => fault.check === check).map(fault => fault.id)).toContainEqual(
      id() === '' ? expect.any(String) : id(),
    )
    expect([...new Set(found.map(fault => fault.check))].sort()).toEqual([check, ...besides].sort())
  } finally {
    await unbound.unsafe(right)
  }
  expect(await faults()).toEqual([])
})

test.each([
  [
    'credited to another, though as much',
    `UPDATE wallet_entries entry SET account_id = other.account_id FROM wallet_balances other, wallet_transactions booked
      WHERE booked.id = entry.transaction_id AND kind = 'TopUp' AND entry.account_id LIKE 'wallet:%'
        AND other.account_id <> entry.account_id`,
    undefined,
  ],
  [
    'booked under another id',
    `UPDATE wallet_transactions SET reference = 'not ' || reference WHERE kind = 'TopUp'`,
    `UPDATE wallet_transactions SET reference = substr(reference, 5) WHERE kind = 'TopUp'`,
  ],
  [
    'of another gateway',
    `UPDATE wallet_entries SET account_id = 'gateway:stars' WHERE account_id = 'gateway:razorpay' AND amount_paise < 0`,
    `UPDATE wallet_entries SET account_id = 'gateway:razorpay' WHERE account_id = 'gateway:stars'`,
  ],
  [
    'made for a top-up by another rail',
    `UPDATE top_ups SET rail = 'Stars', stars = amount_paise, paise_per_star = 1`,
    `UPDATE top_ups SET rail = 'Razorpay', stars = NULL, paise_per_star = NULL`,
  ],
])('I5: a payment that is %s is one of another, by its id', async (_, wrong, right = wrong) => {
  await unbound.unsafe(wrong)
  try {
    const ids = [there, there.other].map(({ paymentId }) => `Razorpay ${paymentId}`)
    const found = (await faults()).filter(({ check }) => check === 'PaymentOfAnother').map(({ id }) => id)
    expect(found.toSorted()).toEqual(ids.toSorted())
  } finally {
    await unbound.unsafe(right)
  }
  expect(await faults()).toEqual([])
})

test('I4: charged sessions without a receipt are found where no receipt is left at all, but for those of the first version', async () => {
  const series = {
    wrong: 'UPDATE receipt_series SET last_number = 0',
    right: 'UPDATE receipt_series SET last_number = 2',
  }
  const missing = async () => (await faults()).map(({ check, id }) => `${check} ${id}`).toSorted()
  const ended = [there.ended, there.other.ended].map(id => `ReceiptMissing ${id}`).toSorted()
  await unbound.unsafe(`ALTER TABLE receipt_series DROP CONSTRAINT receipt_series_last_number_check;
    CREATE TABLE lost AS SELECT * FROM receipts; DELETE FROM receipts; ${series.wrong}`)
  try {
    expect(await missing()).toEqual(ended)
    await unbound`INSERT INTO sessions_before_receipts VALUES (${there.ended})`
    expect(await missing()).toEqual([`ReceiptMissing ${there.other.ended}`])
  } finally {
    await unbound.unsafe(`DELETE FROM sessions_before_receipts; ${series.right};
      INSERT INTO receipts (series, number, session_id, player_id, issued_at, total_paise, tax_name, tax_basis_points, tax_paise, lines)
        SELECT series, number, session_id, player_id, issued_at, total_paise, tax_name, tax_basis_points, tax_paise, lines FROM lost;
      DROP TABLE lost; ALTER TABLE receipt_series ADD CONSTRAINT receipt_series_last_number_check CHECK (last_number > 0)`)
  }
  expect(await faults()).toEqual([])
})

test('I4: what was played on the wallet of another is found by its session', async () => {
  const charged = `UPDATE wallet_entries entry SET account_id = other.account_id
    FROM wallet_balances other, wallet_transactions booked
    WHERE booked.id = entry.transaction_id AND kind = 'Play' AND entry.account_id LIKE 'wallet:%'
      AND other.account_id <> entry.account_id`
  await unbound.unsafe(charged)
  const found = await faults()
  await unbound.unsafe(charged)
  const { ended: id } = there
  expect(found).toContainEqual({ check: 'HoldOfAnother', id, detail: expect.stringContaining(there.other.playerId) })
  expect(await faults()).toEqual([])
})

test('I4: every amount is a whole number of paise, and what moves money is told the time', async () => {
  const amounts = await database<{ type: string }[]>`
    SELECT DISTINCT data_type AS type FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name LIKE '%paise%'`
  expect(amounts).toEqual([{ type: 'bigint' }])
  const clocks =
    '\\m(now|clock_timestamp|transaction_timestamp|statement_timestamp)\\(|\\m(current_timestamp|localtimestamp)\\M'
  const commands = await database<{ name: string; looks: boolean }[]>`
    SELECT proname AS name, prosrc ~* ${clocks} AS looks FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND (proname LIKE 'wallet\_%' OR proname LIKE 'session_start%' OR proname = 'receipt_issue')`
  expect(commands.map(({ name }) => name)).toContain('wallet_charge')
  expect(commands.filter(({ looks }) => looks)).toEqual([])
})

test('At the shell the proof ends with 0, or with 1 and every name', async () => {
  expect(await ledgerCommand(['check'], database, noon)).toContain('The books are in order')
  const { wrong, right } = blows.PaymentDiffers
  await unbound.unsafe(wrong)
  const env = { PATH: process.env.PATH, DATABASE_URL: books.url }
  const told = await promisify(execFile)(process.execPath, [program, 'ledger', 'check'], { env }).catch(
    (error: unknown) => error,
  )
  await unbound.unsafe(right)
  expect(told).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`Razorpay ${there.paymentId}: 10001 paise were paid, 10000 credited`),
  })
})

test('I8: at the shell an operator adjusts once per key; what is wrong with the words is said, and nothing is booked', async () => {
  const { id: playerId } = await newPlayer(database)
  const words = ['adjust', '--player', playerId, '--author', 'asha', '--reason', 'Lost an evening', '--key']
  const ledger = (...args: string[]) => ledgerCommand(args, database, noon)
  expect(await ledger(...words, 'ticket-7', '--paise=5000')).toContain('₹50.00 for Asha')
  expect(await ledger(...words, 'ticket-7', '--paise=5000')).toContain('Nothing new')
  for (const paise of ['50.5', '0', '1e3', '₹5']) {
    await expect(ledger(...words, 'ticket-8', `--paise=${paise}`)).rejects.toThrow('whole number of paise')
  }
  await expect(ledger('adjust', '--paise=1')).rejects.toThrow('Missing: --player, --author, --reason, --key')
  await expect(ledger('adjust', ...words.slice(3), 'k', '--paise=1', '--player', 'nobody')).rejects.toThrow(
    'no player nobody',
  )
  await expect(ledger('burn')).rejects.toThrow('Say check, contradictions')
  await expect(ledger(...words, 'ticket-7', '--paise=-6000')).rejects.toMatchObject({ code: 'IdempotencyConflict' })
  await expect(ledger(...words, 'ticket-8', '--paise=-6000')).rejects.toMatchObject({ code: 'InsufficientFunds' })
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 5000n })
})

interface Plan {
  'Node Type': string
  'Parent Relationship'?: string
  'Relation Name'?: string
  Plans?: Plan[]
}

/** The tables that are read whole for each row of something else. */
function readAgain(plan: Plan, isRepeated: boolean): string[] {
  const { Plans: parts = [], 'Node Type': node, 'Relation Name': table = '' } = plan
  if (isRepeated && node === 'Seq Scan') return [table]
  return parts.flatMap(part => {
    const relationship = part['Parent Relationship']
    return readAgain(
      part,
      isRepeated || relationship === 'SubPlan' || (node === 'Nested Loop' && relationship === 'Inner'),
    )
  })
}

test.for(checkNames)('%s reads no table again for each row of another, however large the books become', async name => {
  const planned = await inTransaction(database, async transaction => {
    // Of tables as small as these the server reads the whole even where it has an index for a part.
    await transaction`SET LOCAL enable_seqscan = off`
    return await transaction.unsafe<{ 'QUERY PLAN': { Plan: Plan }[] }[]>(`EXPLAIN (FORMAT JSON) ${checks[name]}`)
  })
  const plans = planned.flatMap(row => row['QUERY PLAN'].map(each => each.Plan))
  expect(plans).toHaveLength(1)
  expect(plans.flatMap(plan => readAgain(plan, false))).toEqual([])
})

test('On a timer, one at a time: what is wrong is a metric, and what has expired is booked', async () => {
  const { id: playerId } = await newPlayer(database)
  const expiresAt = new Date(noon.getTime() + 1000)
  const gift = { playerId, amountPaise: 500n, reason: 'Welcome.', idempotencyKey: 'gift', expiresAt, now: noon }
  await creditPromotion(database, gift)
  expect(await expireOnce(database, noon)).toBe(0n)

  const registry = new Registry()
  const stopping = new AbortController()
  const outside = { database, clock: systemClock, log: silent, registry, checkSeconds: 600 }
  await unbound.unsafe(blows.PaymentDiffers.wrong)
  const keeping = keepBooks(outside, stopping.signal)
  const told = () => registry.getSingleMetricAsString('wasd_api_ledger_faults')
  await expect.poll(told).toContain('wasd_api_ledger_faults{check="PaymentDiffers"} 2')
  expect(await told()).toContain('wasd_api_ledger_faults{check="BalanceDiffers"} 0')
  stopping.abort()
  await keeping
  await unbound.unsafe(blows.PaymentDiffers.right)
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 0n })

  // Somebody else is at it: left to them.
  const other = connect(books.url, { max: 1, applicationName: 'test' })
  await other.begin(async transaction => {
    await transaction`SELECT pg_advisory_xact_lock(7243801)`
    expect(await checkBooks(database, { ifBusy: 'Leave' })).toBeUndefined()
  })
  expect(await checkBooks(database, { ifBusy: 'Leave' })).toMatchObject({ faults: [] })
  await other.end()
})
