// What goes back, what is owed, what expires, and who may touch the books.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { lowerCaseUlid } from '../../api/players/ids.ts'
import { charge, release, repaidAtRelease } from '../../api/wallet/holds.ts'
import { completeRefund, debit, failRefund, refundablePaise, startRefund } from '../../api/wallet/refunds.ts'
import { statement } from '../../api/wallet/statement.ts'
import { adjust, balanceOf, credit, creditBack, creditFault, creditPromotion } from '../../api/wallet/wallet.ts'
import type { Database } from '../../lib/database/pool.ts'
import { byCommandsAlone, newPlayer, noon } from './books.ts'
import { onBooks } from './on-books.ts'
import { openHold } from './open-hold.ts'

let database: Database

onBooks(opened => {
  database = opened.database
}, byCommandsAlone)

const DAY = 86_400_000
const at = (days: number) => new Date(noon.getTime() + days * DAY)
/** ₹36 an hour: a paisa a second. */
const ratePaisePerHour = 3600n

async function pay(playerId: string, amountPaise: bigint, now = noon): Promise<string> {
  const reference = `pay_${randomUUID()}`
  const idempotencyKey = `razorpay:payment:${reference}`
  await credit(database, { playerId, amountPaise, source: 'razorpay', reference, idempotencyKey, now })
  return reference
}

async function gift(playerId: string, amountPaise: bigint, expiresAt: Date | undefined): Promise<void> {
  const idempotencyKey = `gift:${randomUUID()}`
  await creditPromotion(database, { playerId, amountPaise, reason: 'Welcome.', idempotencyKey, expiresAt, now: noon })
}

async function takenBack(playerId: string, paymentId: string, amountPaise: bigint) {
  const reference = `rfnd_${randomUUID()}`
  const order = { kind: 'ExternalRefund', playerId, amountPaise, source: 'razorpay', paymentId, reference } as const
  return await debit(database, { ...order, idempotencyKey: `razorpay:refund:${reference}`, now: noon })
}

/** A session that is live, with `seconds` held. */
async function playing(playerId: string, seconds: bigint): Promise<string> {
  const id = lowerCaseUlid(noon)
  await database`
    INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at)
    VALUES (${id}, ${playerId}, 'quake', 'standard', ${['centralindia']}, ${noon}, ${noon})`
  const order = { sessionId: id, playerId, ratePaisePerHour, blockSeconds: seconds, minimumSeconds: seconds, now: noon }
  await openHold(database, order)
  return id
}

async function over(sessionId: string, order: { playerId: string; playedSeconds: bigint; now?: Date }): Promise<void> {
  const { playerId, playedSeconds, now = noon } = order
  await charge(database, { sessionId, playerId, playedSeconds, now })
  await release(database, { sessionId, playerId, now })
  await database`UPDATE sessions SET ended_at = ${now}, end_reason = 'PlayerEnded' WHERE id = ${sessionId}`
}

async function lotsOf(playerId: string) {
  const rows = await database<{ source: string; remainder_paise: bigint }[]>`
    SELECT source, remainder_paise FROM wallet_lots WHERE account_id = ${`wallet:${playerId}`} ORDER BY id`
  return rows.map(({ source, remainder_paise }) => [source, remainder_paise])
}

test('I4: the role that runs the program can read the books and neither change, empty, alter nor unlock them', async () => {
  const { id } = await newPlayer(database)
  await pay(id, 100n)
  const denied = /permission denied|must be owner/
  for (const table of [
    'wallet_entries',
    'wallet_transactions',
    'wallet_lots',
    'wallet_lot_moves',
    'wallet_balances',
    'wallet_holds',
    'wallet_refunds',
    'receipts',
    'receipt_series',
    'wallet_accounts',
    'schema_migrations',
  ]) {
    const attempts = [
      `INSERT INTO ${table} DEFAULT VALUES`,
      `DELETE FROM ${table}`,
      `TRUNCATE ${table} CASCADE`,
      `ALTER TABLE ${table} DISABLE TRIGGER ALL`,
      `DROP TABLE ${table} CASCADE`,
      `CREATE TRIGGER mine BEFORE INSERT ON ${table} EXECUTE FUNCTION wallet_refuse_change()`,
      `GRANT ALL ON ${table} TO CURRENT_USER`,
    ]
    for (const attempt of attempts) {
      const outcome = await database.unsafe(attempt).catch((error: unknown) => error)
      // A grant of what one does not have is no error, and grants nothing.
      if (attempt.startsWith('GRANT')) continue
      expect(String(outcome), attempt).toMatch(denied)
    }
  }
  await expect(database`UPDATE wallet_entries SET amount_paise = 1`).rejects.toThrow(denied)
  await expect(database`UPDATE wallet_balances SET posted_paise = 1`).rejects.toThrow(denied)
  await expect(database`SET ROLE wasd_api_owner`).rejects.toThrow(/permission denied/)
  await expect(database`SET session_replication_role = replica`).rejects.toThrow(/permission denied/)
  await expect(database`CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1`).rejects.toThrow(/permission denied/)
  expect((await database`SELECT FROM wallet_entries`).length).toBeGreaterThan(0)
})

test('A refund leaves the wallet before the gateway is asked, and is paid out once', async () => {
  const { id: playerId } = await newPlayer(database)
  const paymentId = await pay(playerId, 1000n)
  const order = { refundId: `r1:${playerId}`, playerId, amountPaise: 400n, source: 'razorpay', paymentId } as const
  const started = await Promise.all(Array.from({ length: 10 }, () => startRefund(database, { ...order, now: noon })))
  expect(started.filter(({ isNew }) => isNew)).toHaveLength(1)
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 600n })
  const end = { refundId: order.refundId, reference: 'rfnd_1', now: noon }
  const ended = await Promise.all(Array.from({ length: 10 }, () => completeRefund(database, end)))
  expect(ended.filter(({ isNew }) => isNew)).toEqual([{ isNew: true, playerId, amountPaise: 400n, repaidPaise: 0n }])
  await expect(failRefund(database, end)).rejects.toMatchObject({ code: 'RefundEnded' })
  expect(await startRefund(database, { ...order, now: noon })).toEqual({ isNew: false, state: 'Completed' })
  await expect(startRefund(database, { ...order, amountPaise: 401n, now: noon })).rejects.toMatchObject({
    code: 'IdempotencyConflict',
  })
  expect(await lotsOf(playerId)).toEqual([['gateway:razorpay', 600n]])
})

test('A refund that fails returns to the lot that it came from', async () => {
  const { id: playerId } = await newPlayer(database)
  const first = await pay(playerId, 1000n)
  await pay(playerId, 1000n)
  const refundId = `r2:${playerId}`
  const order = { refundId, playerId, amountPaise: 1000n, source: 'razorpay', paymentId: first, now: noon } as const
  await startRefund(database, order)
  expect(await lotsOf(playerId)).toEqual([
    ['gateway:razorpay', 0n],
    ['gateway:razorpay', 1000n],
  ])
  for (let time = 0; time < 2; time += 1) await failRefund(database, { refundId, now: noon })
  expect(await lotsOf(playerId)).toEqual([
    ['gateway:razorpay', 1000n],
    ['gateway:razorpay', 1000n],
  ])
  await expect(completeRefund(database, { refundId, reference: 'late', now: noon })).rejects.toMatchObject({
    code: 'RefundEnded',
  })
  await expect(completeRefund(database, { refundId: 'none', reference: '-', now: noon })).rejects.toMatchObject({
    code: 'RefundUnknown',
  })
})

test('A refund is at most what is left of its payment, leaves a live hold alone, and goes nowhere else', async () => {
  const { id: playerId } = await newPlayer(database)
  const paymentId = await pay(playerId, 1000n)
  const sessionId = await playing(playerId, 300n)
  const order = { refundId: `r3:${playerId}`, playerId, source: 'razorpay', paymentId, now: noon } as const
  await expect(startRefund(database, { ...order, amountPaise: 701n })).rejects.toMatchObject({
    code: 'RefundTooLarge',
    funds: { neededPaise: 701n, availablePaise: 700n },
  })
  await over(sessionId, { playerId, playedSeconds: 250n })
  expect(await refundablePaise(database, { playerId, source: 'razorpay', paymentId })).toBe(750n)
  await gift(playerId, 500n, undefined)
  expect(await refundablePaise(database, { playerId, source: 'razorpay', paymentId })).toBe(750n)
  await expect(startRefund(database, { ...order, amountPaise: 1n, source: 'stars' })).rejects.toMatchObject({
    code: 'PaymentUnknown',
  })
  const other = await newPlayer(database)
  await pay(other.id, 1000n)
  await expect(startRefund(database, { ...order, playerId: other.id, amountPaise: 1n })).rejects.toMatchObject({
    code: 'PaymentUnknown',
  })
  await expect(startRefund(database, { ...order, amountPaise: 0n })).rejects.toMatchObject({ code: 'InvalidAmount' })
})

test('What is taken back after it was spent is owed, repaid by the next top-up, and never by a gift', async () => {
  const { id: playerId } = await newPlayer(database)
  const paymentId = await pay(playerId, 1000n)
  await over(await playing(playerId, 800n), { playerId, playedSeconds: 800n })
  await gift(playerId, 50n, undefined)
  const live = await playing(playerId, 100n) // Stands on the gift, and on half of what is left of the payment.
  expect(await takenBack(playerId, paymentId, 1000n)).toMatchObject({
    debitedPaise: 150n,
    balance: { owedPaise: 850n },
  })
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 100n, heldPaise: 100n, owedPaise: 850n })
  await gift(playerId, 10n, undefined)
  expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 10n, owedPaise: 850n })
  await pay(playerId, 300n)
  expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 10n, owedPaise: 550n })
  await pay(playerId, 600n)
  expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 60n, owedPaise: 0n })
  await over(live, { playerId, playedSeconds: 100n })
})

test('What the end of a hold sets free beside a debt repays it: nobody plays on it, and a gift stays a gift', async () => {
  const { id: playerId } = await newPlayer(database)
  const paymentId = await pay(playerId, 1000n)
  await gift(playerId, 100n, undefined)
  const live = await playing(playerId, 900n)
  expect(await takenBack(playerId, paymentId, 1000n)).toMatchObject({
    debitedPaise: 200n,
    balance: { owedPaise: 800n },
  })
  await charge(database, { sessionId: live, playerId, playedSeconds: 300n, now: noon })
  expect(await balanceOf(database, playerId)).toMatchObject({ heldPaise: 600n, owedPaise: 800n }) // Left alone while it lives.
  await gift(playerId, 50n, undefined)
  const charged = await charge(database, { sessionId: live, playerId, playedSeconds: 300n, now: noon })
  const released = await release(database, { sessionId: live, playerId, now: noon })
  expect(released).toMatchObject({ availablePaise: 50n })
  expect(repaidAtRelease({ charged, released })).toBe(600n)
  expect(await release(database, { sessionId: live, playerId, now: noon })).toMatchObject({ availablePaise: 50n })
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 50n, heldPaise: 0n, owedPaise: 200n })
  expect((await statement(database, { playerId, limit: 1 })).at(0)).toMatchObject({
    ...{ kind: 'Repayment', amountPaise: -600n, repaidPaise: 600n, balancePaise: 50n },
  })
  await database`UPDATE sessions SET ended_at = ${noon}, end_reason = 'PlayerEnded', seen_seconds = 300 WHERE id = ${live}`
})

test('Who owes gets no more back than is theirs: neither of what a hold set free, nor of what a gift frees while one lives', async () => {
  const { id: playerId } = await newPlayer(database)
  const [first, second] = [await pay(playerId, 1000n), await pay(playerId, 1000n)]
  const live = await playing(playerId, 1800n)
  expect(await takenBack(playerId, first, 1000n)).toMatchObject({ debitedPaise: 200n, balance: { owedPaise: 800n } })
  await gift(playerId, 900n, undefined) // Spent first: so much of what was paid is not needed for the hold any more.
  expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 900n, owedPaise: 800n })

  const refundable = async (paymentId: string) =>
    await refundablePaise(database, { playerId, source: 'razorpay', paymentId })
  const refund = async (paymentId: string, amountPaise: bigint) => {
    const order = { refundId: randomUUID(), playerId, source: 'razorpay', paymentId, amountPaise, now: noon } as const
    return await startRefund(database, order)
  }
  for (const paymentId of [first, second]) {
    expect(await refundable(paymentId)).toBe(100n)
    await expect(refund(paymentId, 101n)).rejects.toMatchObject({ funds: { availablePaise: 100n } })
  }
  await over(live, { playerId, playedSeconds: 0n })
  expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 1900n, owedPaise: 0n })
  expect([await refundable(first), await refundable(second)]).toEqual([0n, 1000n])
  await expect(refund(first, 1n)).rejects.toMatchObject({ code: 'RefundTooLarge' })
  await refund(second, 1000n)
})

test('A dispute debits once, and gives back once when it is won', async () => {
  const { id: playerId } = await newPlayer(database)
  const paymentId = await pay(playerId, 1000n)
  const order = { playerId, amountPaise: 1000n, source: 'razorpay', now: noon } as const
  const dispute = {
    ...order,
    kind: 'Dispute',
    paymentId,
    reference: 'disp_1',
    idempotencyKey: `d:${playerId}`,
  } as const
  const all = await Promise.all(Array.from({ length: 20 }, () => debit(database, dispute)))
  expect(all.filter(({ isNew }) => isNew)).toHaveLength(1)
  expect(all.every(({ debitedPaise }) => debitedPaise === 1000n)).toBe(true)
  await expect(debit(database, { ...dispute, amountPaise: 1n })).rejects.toMatchObject({ code: 'IdempotencyConflict' })
  const won = { ...order, reference: paymentId, idempotencyKey: `w:${playerId}` }
  for (let time = 0; time < 2; time += 1) await creditBack(database, won)
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 1000n, owedPaise: 0n })
  expect(await refundablePaise(database, { playerId, source: 'razorpay', paymentId })).toBe(1000n)
})

test('Lots are spent promotional before paid, by expiry, then the oldest', async () => {
  const { id: playerId } = await newPlayer(database)
  await pay(playerId, 100n)
  await gift(playerId, 100n, undefined)
  await gift(playerId, 100n, at(20))
  await gift(playerId, 100n, at(10))
  await pay(playerId, 100n)
  const sessionId = await playing(playerId, 500n)
  const left: bigint[][] = []
  for (const playedSeconds of [50n, 150n, 250n, 350n, 450n]) {
    await charge(database, { sessionId, playerId, playedSeconds, now: noon })
    left.push((await lotsOf(playerId)).map(([, remainder]) => BigInt(remainder ?? 0n)))
  }
  expect(left).toEqual([
    [100n, 100n, 100n, 50n, 100n],
    [100n, 100n, 50n, 0n, 100n],
    [100n, 50n, 0n, 0n, 100n],
    [50n, 0n, 0n, 0n, 100n],
    [0n, 0n, 0n, 0n, 50n],
  ])
  await over(sessionId, { playerId, playedSeconds: 450n })
})

test('What is not held expires at its time; held value does not, and is played', async () => {
  const { id: playerId } = await newPlayer(database)
  await gift(playerId, 100n, at(1))
  await pay(playerId, 100n)
  const sessionId = await playing(playerId, 60n)
  // The clock is the caller's: two days on, in no time.
  const { hold, availablePaise } = await charge(database, { sessionId, playerId, playedSeconds: 10n, now: at(2) })
  expect({ held: hold.heldPaise, availablePaise }).toEqual({ held: 50n, availablePaise: 100n })
  expect(await lotsOf(playerId)).toEqual([
    ['promotions', 50n],
    ['gateway:razorpay', 100n],
  ])
  await over(sessionId, { playerId, playedSeconds: 40n, now: at(2) })
  expect(await lotsOf(playerId)).toEqual([
    ['promotions', 20n],
    ['gateway:razorpay', 100n],
  ])
  await adjust(database, {
    playerId,
    amountPaise: 1n,
    author: 'asha',
    reason: 'Rounding.',
    idempotencyKey: `x:${playerId}`,
    now: at(3),
  })
  expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 101n })
})

test('A fault is paid for once per session and occurrence, whatever is configured later', async () => {
  const { id: playerId } = await newPlayer(database)
  await pay(playerId, 100n)
  const sessionId = await playing(playerId, 60n)
  const order = { playerId, sessionId, fault: 'RecoverySlow', reason: 'It took long.', now: noon } as const
  const paid = (occurrence: string, amountPaise: bigint) =>
    creditFault(database, { ...order, occurrence, amountPaise, expiresAt: at(30) })
  const first = await Promise.all(Array.from({ length: 10 }, () => paid('12:00', 500n)))
  expect(first.filter(({ isNew }) => isNew)).toHaveLength(1)
  expect((await paid('12:00', 700n)).isNew).toBe(false)
  expect((await paid('12:30', 500n)).isNew).toBe(true)
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 1100n })
  await over(sessionId, { playerId, playedSeconds: 0n })
})

test('An operator adjusts with name and reason, up and down, but not below what is free', async () => {
  const { id: playerId } = await newPlayer(database)
  await pay(playerId, 100n)
  const by = { playerId, author: 'asha', reason: 'Charged by mistake.', now: noon }
  await adjust(database, { ...by, amountPaise: 50n, idempotencyKey: `up:${playerId}` })
  const down = { ...by, amountPaise: -150n, idempotencyKey: `down:${playerId}` }
  for (let time = 0; time < 2; time += 1) await adjust(database, down)
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 0n })
  await expect(adjust(database, { ...down, idempotencyKey: `more:${playerId}` })).rejects.toMatchObject({
    code: 'InsufficientFunds',
    funds: { neededPaise: 150n, availablePaise: 0n },
  })
  await expect(adjust(database, { ...by, amountPaise: 0n, idempotencyKey: 'z' })).rejects.toMatchObject({
    code: 'InvalidAmount',
  })
  const [booked] = await database`
    SELECT author, reason FROM wallet_transactions WHERE idempotency_key = ${`down:${playerId}`}`
  expect(booked).toEqual({ author: 'asha', reason: 'Charged by mistake.' })
})
