// Payments that are brought in together: each comes to what it would have come to by itself.
import { expect, test } from 'vitest'
import { bringInPayments } from '../../api/payments/movements.ts'
import type { PaymentSeen } from '../../api/payments/rail.ts'
import { createTopUp } from '../../api/payments/top-ups.ts'
import { deletePlayer } from '../../api/players/deletion.ts'
import type { Player } from '../../api/players/players.ts'
import { start } from '../../api/sessions/starting.ts'
import { holdOf } from '../../api/wallet/holds.ts'
import { balanceOf, credit } from '../../api/wallet/wallet.ts'
import { connect, type Database } from '../../lib/database/pool.ts'
import { type Books, fundedPlayer, newPlayer, noon } from './books.ts'
import { onBooks } from './on-books.ts'
import { catalogue } from './one-game.ts'

const AMOUNT = 50_000n
const rail = 'Razorpay'
let books: Books
let database: Database

onBooks(opened => {
  books = opened
  database = opened.database
})

/** A payment that is captured for a top-up of the player's. */
async function paymentOf({ id: playerId }: Player, change: Partial<PaymentSeen> = {}): Promise<PaymentSeen> {
  const topUp = await createTopUp(database, { playerId, amountPaise: AMOUNT, payBy: { rail }, now: noon })
  const paid = { currency: 'INR', units: AMOUNT }
  return { id: `pay_${topUp.id}`, topUpId: topUp.id, paid, hasRefunds: false, ...change }
}

const bringIn = async (payments: readonly PaymentSeen[], by = database) =>
  (await bringInPayments(by, { rail, payments, now: noon })).map(outcome =>
    typeof outcome === 'string' ? outcome : codeOf(outcome.error),
  )

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

const balances = async (players: readonly Player[]) =>
  await Promise.all(players.map(async ({ id }) => (await balanceOf(database, id)).postedPaise))

test('I5: among payments that the books cannot take, the others are credited, and each fails for its own reason', async () => {
  const players = await Promise.all(Array.from({ length: 5 }, () => newPlayer(database)))
  const [asha, ben, chloe, dev, eve] = players
  if (!asha || !ben || !chloe || !dev || !eve) throw new Error('There are five.')
  const [first, second, known, wrong, taken, left] = [
    await paymentOf(asha),
    await paymentOf(asha),
    await paymentOf(ben),
    await paymentOf(chloe, { paid: { currency: 'INR', units: AMOUNT - 1n } }),
    await paymentOf(dev),
    await paymentOf(eve),
  ]
  expect(await bringIn([known])).toEqual(['Credited'])
  // Booked for another, under the key of this payment.
  await credit(database, {
    ...{ playerId: chloe.id, amountPaise: 100n, source: 'razorpay', reference: taken.id, now: noon },
    idempotencyKey: `razorpay:payment:${taken.id}`,
  })
  await deletePlayer(database, { playerId: eve.id, forfeitMoney: false, now: noon })
  const unknown = { ...first, id: 'pay_unknown', topUpId: 'none' }
  const foreign = { ...first, id: 'pay_foreign', topUpId: undefined }

  for (const isRepeated of [false, true]) {
    const outcomes = await bringIn([first, wrong, second, unknown, foreign, taken, known, left])
    const credited = isRepeated ? 'AlreadyCredited' : 'Credited'
    expect(outcomes).toEqual([
      ...[credited, 'PaymentMismatch', credited, 'TopUpUnknown', 'NotOurs'],
      ...['IdempotencyConflict', 'AlreadyCredited', credited],
    ])
    expect(await balances([asha, ben, chloe, dev])).toEqual([2n * AMOUNT, AMOUNT, 100n, 0n])
  }
  // Whoever had left gets it back.
  const refunds = await database`SELECT payment_id, amount_paise AS paise FROM refunds WHERE payment_id = ${left.id}`
  expect(refunds).toEqual([{ payment_id: left.id, paise: AMOUNT }])
  const told = await database<{ key: string; told: number }[]>`
    SELECT key, count(*)::int AS told FROM queue_items WHERE topic = 'telegram.notification'
      AND key = ANY(${[asha, ben, chloe, dev].map(({ id }) => id)}) GROUP BY key ORDER BY told DESC`
  expect(told).toEqual([
    { key: asha.id, told: 2 },
    { key: ben.id, told: 1 },
  ])
})

test('I5: one that is told twice among them is credited once, and given back once to who has left', async () => {
  const [stays, leaves] = [await newPlayer(database), await newPlayer(database)]
  const [one, other] = [await paymentOf(stays), await paymentOf(leaves)]
  await deletePlayer(database, { playerId: leaves.id, forfeitMoney: false, now: noon })
  const outcomes = await bringIn([one, other, one, other, { ...one }])
  expect(outcomes).toEqual(['Credited', 'Credited', ...Array.from({ length: 3 }, () => 'AlreadyCredited')])
  expect(await balances([stays])).toEqual([AMOUNT])
  expect(await database`SELECT FROM refunds WHERE payment_id = ${other.id}`).toHaveLength(1)
})

test('I5: a wallet that is held for long holds up no other’s payment', async () => {
  const [held, free] = [await fundedPlayer(database, AMOUNT), await newPlayer(database)]
  const payments = [await paymentOf(held), await paymentOf(free)]
  const superuser = connect(books.superuserUrl, { max: 1, applicationName: 'holder' })
  let letGo = () => {}
  let isHeld = () => {}
  const holds = new Promise<void>(resolve => {
    isHeld = resolve
  })
  const holding = superuser.begin(async transaction => {
    await transaction`SELECT FROM wallet_balances WHERE account_id = ${`wallet:${held.id}`} FOR UPDATE`
    isHeld()
    await new Promise<void>(resolve => {
      letGo = resolve
    })
  })
  await holds
  const bringing = bringIn(payments)
  await expect.poll(() => balances([held, free]), { timeout: 10_000 }).toEqual([AMOUNT, AMOUNT])
  letGo()
  await holding
  expect(await bringing).toEqual(['Credited', 'Credited'])
  expect(await balances([held, free])).toEqual([2n * AMOUNT, AMOUNT])
  await superuser.end()
})

test('I4, I5: replicas that bring in the same payments in other orders credit each once, and grow the holds of who plays', async () => {
  const players = await Promise.all(Array.from({ length: 12 }, () => fundedPlayer(database, 1000n)))
  const commands = { database, catalogue, holdBlockSeconds: 300, defaultRegions: ['centralindia'] }
  const sessions = await Promise.all(
    players.map(({ id: playerId }) => start(commands, { playerId, game: 'quake', tier: 'standard', now: noon })),
  )
  const payments = await Promise.all(players.flatMap(player => [paymentOf(player), paymentOf(player)]))
  const orders = [payments, [...payments, ...payments].toReversed(), [...payments.slice(9), ...payments.slice(0, 9)]]
  const outcomes = (await Promise.all(orders.map(order => bringIn(order)))).flat()
  expect(outcomes.filter(outcome => outcome === 'Credited')).toHaveLength(payments.length)
  expect(outcomes.filter(outcome => outcome === 'AlreadyCredited')).toHaveLength(3 * payments.length)
  expect(new Set(await balances(players))).toEqual(new Set([1000n + 2n * AMOUNT]))
  for (const { id } of sessions) expect(await holdOf(database, id)).toMatchObject({ paidSeconds: 900n })
})
