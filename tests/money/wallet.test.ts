import { afterAll, expect, onTestFinished, test } from 'vitest'
import { migrateApi } from '../../api/migrate.ts'
import { lowerCaseUlid } from '../../api/players/ids.ts'
import { findOrCreateByTelegram, playerById } from '../../api/players/players.ts'
import { charge, growHold, holdOf, release } from '../../api/wallet/holds.ts'
import { statement } from '../../api/wallet/statement.ts'
import { balanceOf, credit, walletOf } from '../../api/wallet/wallet.ts'
import { connect, type Database, inTransaction } from '../../lib/database/pool.ts'
import { type Books, byCommandsAlone, fundedPlayer, newPlayer, noon, silent } from './books.ts'
import { onBooks } from './on-books.ts'
import { openHold } from './open-hold.ts'

let books: Books
let database: Database

onBooks(opened => {
  books = opened
  database = opened.database
}, byCommandsAlone)

/** ₹90 an hour: 2.5 paise a second. */
const ratePaisePerHour = 9000n

/** A session's row, which a hold needs; each is over at once, so that a player may have many. */
async function newSession(playerId: string): Promise<string> {
  const id = lowerCaseUlid(noon)
  await database`
    INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at, ended_at, end_reason)
    VALUES (${id}, ${playerId}, 'quake', 'standard', ${['centralindia']}, ${noon}, ${noon}, ${noon}, 'PlayerEnded')`
  return id
}

async function held(playerId: string, blockSeconds = 900n) {
  const sessionId = await newSession(playerId)
  const hold = await inTransaction(database, transaction =>
    openHold(transaction, { sessionId, playerId, ratePaisePerHour, blockSeconds, minimumSeconds: 60n, now: noon }),
  )
  onTestEnd.push({ sessionId, playerId })
  return hold
}

/** Their sessions are over already; so must their holds be in the end. */
const onTestEnd: { sessionId: string; playerId: string }[] = []
afterAll(async () => {
  for (const hold of onTestEnd) {
    await inTransaction(database, transaction => release(transaction, { ...hold, now: noon }))
  }
})

test('I5: two hundred deliveries of one payment at once are one credit', async () => {
  const { id: playerId } = await newPlayer(database)
  const deliver = () =>
    inTransaction(database, transaction =>
      credit(transaction, {
        playerId,
        amountPaise: 50_000n,
        source: 'razorpay',
        reference: 'pay_A',
        idempotencyKey: `razorpay:payment:${playerId}`,
        now: noon,
      }),
    )
  const outcomes = await Promise.all(Array.from({ length: 200 }, deliver))
  expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1)
  expect((await balanceOf(database, playerId)).postedPaise).toBe(50_000n)
})

test('A key that stands for another credit is refused, and changes nothing', async () => {
  const { id: playerId } = await newPlayer(database)
  const order = {
    playerId,
    source: 'stars',
    reference: 'charge',
    idempotencyKey: `stars:${playerId}`,
    now: noon,
  } as const
  const deliver = (amountPaise: bigint) =>
    inTransaction(database, transaction => credit(transaction, { ...order, amountPaise }))
  await deliver(100n)
  await expect(deliver(200n)).rejects.toMatchObject({ code: 'IdempotencyConflict' })
  await expect(deliver(0n)).rejects.toMatchObject({ code: 'InvalidAmount' })
  await expect(deliver(-5n)).rejects.toMatchObject({ code: 'InvalidAmount' })
  expect((await balanceOf(database, playerId)).postedPaise).toBe(100n)
})

test('I4: sixty holds of ₹50 at once on ₹500 are exactly ten', async () => {
  const { id: playerId } = await fundedPlayer(database, 50_000n)
  const order = { ratePaisePerHour: 5000n, blockSeconds: 3600n, minimumSeconds: 3600n, now: noon }
  const sessionIds = await Promise.all(Array.from({ length: 60 }, () => newSession(playerId)))
  const outcomes = await Promise.allSettled(
    sessionIds.map(sessionId =>
      inTransaction(database, transaction => openHold(transaction, { sessionId, playerId, ...order })),
    ),
  )
  const made = sessionIds.filter((_, index) => outcomes[index]?.status === 'fulfilled')
  expect(made).toHaveLength(10)
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'InsufficientFunds', funds: { neededPaise: 5000n } },
  })
  expect(await balanceOf(database, playerId)).toMatchObject({ heldPaise: 50_000n, availablePaise: 0n })
  onTestEnd.push(...made.map(sessionId => ({ sessionId, playerId })))
})

test('The first block is held whole, else what the wallet buys, else nothing', async () => {
  const rich = await fundedPlayer(database, 100_000n)
  expect(await held(rich.id)).toMatchObject({ paidSeconds: 900n, heldPaise: 2250n })
  const poor = await fundedPlayer(database, 1000n)
  expect(await held(poor.id)).toMatchObject({ paidSeconds: 400n, heldPaise: 1000n })
  const broke = await fundedPlayer(database, 149n)
  await expect(held(broke.id)).rejects.toMatchObject({
    code: 'InsufficientFunds',
    funds: { neededPaise: 150n, availablePaise: 149n },
  })
  expect((await balanceOf(database, broke.id)).heldPaise).toBe(0n)
})

test('I4: charges are cumulative: asked again, late or in disorder, the sum is the price of the seconds', async () => {
  const { id: playerId } = await fundedPlayer(database, 100_000n)
  const { sessionId } = await held(playerId)
  const chargeFor = (playedSeconds: bigint) =>
    inTransaction(database, transaction => charge(transaction, { sessionId, playerId, playedSeconds, now: noon }))

  for (const seconds of [1n, 1n, 7n, 3n, 100n, 99n, 100n]) await chargeFor(seconds)
  expect(await holdOf(database, sessionId)).toMatchObject({ chargedPaise: 250n, heldPaise: 2000n })
  await Promise.all(Array.from({ length: 20 }, () => chargeFor(400n)))
  expect(await holdOf(database, sessionId)).toMatchObject({ chargedPaise: 1000n, heldPaise: 1250n })
  // Grace is free: what goes beyond the paid seconds is not charged.
  await chargeFor(1020n)
  expect(await holdOf(database, sessionId)).toMatchObject({ chargedPaise: 2250n, heldPaise: 0n })
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 97_750n, heldPaise: 0n })
})

test('A hold grows as far as the wallet reaches, and never shrinks', async () => {
  const { id: playerId } = await fundedPlayer(database, 3000n)
  const { sessionId } = await held(playerId)
  const growTo = (paidSeconds: bigint) =>
    inTransaction(database, transaction => growHold(transaction, { sessionId, playerId, paidSeconds, now: noon }))

  expect(await growTo(1800n)).toMatchObject({ hasGrown: true, hold: { paidSeconds: 1200n, heldPaise: 3000n } })
  expect(await growTo(1800n)).toMatchObject({ hasGrown: false, hold: { paidSeconds: 1200n } })
  expect(await growTo(600n)).toMatchObject({ hasGrown: false, hold: { paidSeconds: 1200n } })
})

test('A release gives back what is left, once, and ends all charging', async () => {
  const { id: playerId } = await fundedPlayer(database, 10_000n)
  const { sessionId } = await held(playerId)
  const order = { sessionId, playerId, now: noon }
  await inTransaction(database, transaction => charge(transaction, { ...order, playedSeconds: 10n }))
  for (let time = 0; time < 3; time += 1) await inTransaction(database, transaction => release(transaction, order))
  expect(await balanceOf(database, playerId)).toMatchObject({
    postedPaise: 9975n,
    heldPaise: 0n,
    availablePaise: 9975n,
  })
  // The same total again is no charge; a higher one is refused.
  await inTransaction(database, transaction => charge(transaction, { ...order, playedSeconds: 10n }))
  const more = inTransaction(database, transaction => charge(transaction, { ...order, playedSeconds: 11n }))
  await expect(more).rejects.toMatchObject({ code: 'HoldReleased' })
})

test('A statement tells what came and what went, the newest first', async () => {
  const { id: playerId } = await fundedPlayer(database, 10_000n)
  const { sessionId } = await held(playerId)
  await inTransaction(database, transaction =>
    charge(transaction, { sessionId, playerId, playedSeconds: 60n, now: noon }),
  )
  const none = { source: undefined, sessionId: undefined, game: undefined, reason: undefined }
  const nothing = { id: expect.any(BigInt), at: noon, repaidPaise: 0n, ...none }
  const [newest] = await statement(database, { playerId, limit: 1 })
  expect(await statement(database, { playerId, limit: 10, ...(newest && { before: newest.id }) })).toHaveLength(1)
  expect(await statement(database, { playerId, limit: 10 })).toEqual([
    { ...nothing, kind: 'Play', amountPaise: -150n, balancePaise: 9850n, sessionId, game: 'quake' },
    { ...nothing, kind: 'TopUp', amountPaise: 10_000n, balancePaise: 10_000n, source: 'razorpay' },
  ])
})

test('I4: the database itself refuses what must never be, even to the owner of the books', async () => {
  const owner = connect(books.ownerUrl, { max: 2, applicationName: 'test' })
  onTestFinished(() => owner.end())
  const { id: playerId } = await fundedPlayer(database, 10_000n)
  const { sessionId } = await held(playerId)
  const wallet = walletOf(playerId)
  const booking = (transaction: Parameters<Parameters<typeof inTransaction>[1]>[0], key: string) =>
    transaction<{ id: bigint }[]>`
      INSERT INTO wallet_transactions (idempotency_key, input_hash, kind, at)
      VALUES (${`${key}:${playerId}`}, '\\x00', 'TopUp', ${noon}) RETURNING id`

  const unbalanced = inTransaction(owner, async transaction => {
    const [booked] = await booking(transaction, 'unbalanced')
    await transaction`INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES
      (${booked?.id ?? 0n}, ${wallet}, 100), (${booked?.id ?? 0n}, 'gateway:razorpay', -99)`
  })
  await expect(unbalanced).rejects.toThrow(/sum to 1 paise, not to zero/)
  const empty = inTransaction(owner, transaction => booking(transaction, 'empty'))
  await expect(empty).rejects.toThrow(/0 entries/)
  const overdrawn = inTransaction(owner, async transaction => {
    const [booked] = await booking(transaction, 'overdrawn')
    await transaction`INSERT INTO wallet_entries (transaction_id, account_id, amount_paise) VALUES
      (${booked?.id ?? 0n}, ${wallet}, -10001), (${booked?.id ?? 0n}, 'revenue', 10001)`
  })
  await expect(overdrawn).rejects.toThrow(/wallet_not_below_zero|wallet_covers_holds/)

  await expect(owner`UPDATE wallet_entries SET amount_paise = 1 WHERE account_id = ${wallet}`).rejects.toThrow(
    /append-only/,
  )
  await expect(owner`DELETE FROM wallet_entries WHERE account_id = ${wallet}`).rejects.toThrow(/append-only/)
  await expect(owner`TRUNCATE wallet_entries`).rejects.toThrow(/append-only/)
  await expect(owner`UPDATE wallet_transactions SET at = now() WHERE kind = 'TopUp'`).rejects.toThrow(/append-only/)
  await expect(owner`UPDATE wallet_balances SET posted_paise = 1 WHERE account_id = ${wallet}`).rejects.toThrow(
    /never written by hand/,
  )
  await expect(owner`UPDATE wallet_holds SET paid_seconds = 1 WHERE session_id = ${sessionId}`).rejects.toThrow(
    /only grows/,
  )
  await expect(owner`UPDATE wallet_holds SET paid_seconds = 31536000 WHERE session_id = ${sessionId}`).rejects.toThrow(
    /wallet_covers_holds/,
  )
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 10_000n, heldPaise: 2250n })
})

test('Migrations run once, however many programs start at once', async () => {
  const [most, ...others] = books.migrated.toSorted((left, right) => right.length - left.length)
  expect(most).toContain('0001_players')
  expect(others).toEqual([[], []])
  expect(await migrateApi({ ownerUrl: books.ownerUrl, programUrl: books.url, log: silent })).toEqual([])
})

test('A player is made once, however many first messages come at once, and follows their name', async () => {
  const person = { telegramUserId: 42n, telegramChatId: 42n, firstName: 'Asha', languageCode: 'en', now: noon }
  const found = await Promise.all(Array.from({ length: 20 }, () => findOrCreateByTelegram(database, person)))
  expect(new Set(found.map(({ id }) => id)).size).toBe(1)
  const renamed = await findOrCreateByTelegram(database, { ...person, firstName: 'Asha R', languageCode: undefined })
  expect(renamed).toMatchObject({ id: found[0]?.id, firstName: 'Asha R', languageCode: undefined })
  expect(await playerById(database, renamed.id)).toEqual(renamed)
})
