// Stars that the bot was never told of: found in Telegram's own list of the bot's transactions.
import { Api } from 'grammy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { reconcileOnce } from '../../api/payments/reconciliation.ts'
import { workOffRefund } from '../../api/payments/refunds.ts'
import { checkStars, createStarsInvoice } from '../../api/payments/stars.ts'
import { starsRail } from '../../api/payments/stars-rail.ts'
import { deletePlayer } from '../../api/players/deletion.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { startTelegram, type Telegram } from '../api/telegram.ts'
import { type Books, brokenInvariants, newPlayer, openBooks, silent } from './books.ts'

let books: Books
let telegram: Telegram
let api: Api

beforeAll(async () => {
  ;[books, telegram] = await Promise.all([openBooks(), startTelegram()])
  api = new Api(telegram.token, { apiRoot: telegram.apiRoot })
})
afterAll(async () => {
  expect(await brokenInvariants(books.database)).toEqual([])
  await Promise.all([telegram.stop(), books.stop()])
})

/** One pass of asking, so many minutes from now. Razorpay is away. */
async function ask(minutes: number): Promise<string[]> {
  const clock = { ...systemClock, now: () => new Date(Date.now() + minutes * 60_000) }
  return await reconcileOnce({ database: books.database, rails: rails(), clock, log: silent })
}

function rails() {
  const razorpay = razorpayRail({ keyId: 'none', keySecret: 'none', baseUrl: 'http://127.0.0.1:9' })
  return { Razorpay: razorpay, Stars: starsRail(telegram) }
}

/** Of the first update that was not looked at yet. */
let offset = 0

/** Says yes to the next pre-checkout query; all other updates are lost. */
async function agree(): Promise<void> {
  const [update] = await api.getUpdates({ offset, timeout: 5, limit: 1 })
  if (!update) return await agree()
  offset = update.update_id + 1
  if (update.pre_checkout_query) await api.answerPreCheckoutQuery(update.pre_checkout_query.id, true)
  else await agree()
}

/** Somebody pays an invoice of this player's, and the bot hears nothing of it. Who paid, and what it is worth. */
async function pays(playerId: string): Promise<{ chatId: number; amountPaise: bigint }> {
  const order = { playerId, amountPaise: 50_000n, paisePerStar: 130, now: new Date() }
  const { payload, stars, amountPaise } = await createStarsInvoice(books.database, order)
  const { chatId } = await telegram.person('Asha')
  const link = await api.createInvoiceLink('Top up', 'Puts money in.', payload, '', 'XTR', [
    { label: 'Top up', amount: stars },
  ])
  const paying = telegram.control('POST', `/chats/${chatId}/pay`, { invoice_link: link })
  await agree()
  await paying
  return { chatId, amountPaise }
}

test('I5: a payment in Stars whose update was lost is credited once, and a refund made elsewhere is debited once', async () => {
  const { database } = books
  const { id: playerId } = await newPlayer(database)
  const { chatId, amountPaise } = await pays(playerId)
  expect(await ask(0)).toEqual(['Credited'])
  expect(await ask(2)).toEqual([])
  expect((await balanceOf(database, playerId)).postedPaise).toBe(amountPaise)

  const [payment] = await database<{ id: string }[]>`SELECT id FROM payments WHERE rail = 'Stars'`
  await api.refundStarPayment(chatId, payment?.id ?? '')
  expect(await ask(4)).toEqual(['RefundProcessed'])
  expect(await ask(6)).toEqual([])
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 0n, owedPaise: 0n })
})

test('I5: Stars that are paid for an account that was deleted go back in full to whoever paid them', async () => {
  const { database } = books
  const { id: playerId } = await newPlayer(database)
  await pays(playerId)
  await deletePlayer(database, { playerId, forfeitMoney: false, now: new Date() })
  expect(await ask(8)).toEqual(['Credited'])
  const [{ payload } = { payload: { refundId: '' } }] = await database<{ payload: { refundId: string } }[]>`
    DELETE FROM queue_items WHERE topic = 'payment.refund' RETURNING payload`
  const worked = await workOffRefund({ database, rails: rails() }, { ...payload, now: new Date() })
  expect(worked).toEqual({ rail: 'Stars', outcome: 'RefundProcessed' })
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 0n, owedPaise: 0n })
  expect(await ask(10)).toEqual([]) // Telegram's list has it too, and it is the same one.
  const [kept] = await database`SELECT state, payer_id FROM refunds WHERE id = ${payload.refundId}`
  expect(kept).toEqual({ state: 'Processed', payer_id: null })
})

test('An invoice of an account that was deleted is turned down before anything is paid', async () => {
  const { database } = books
  const { id: playerId } = await newPlayer(database)
  const order = { playerId, amountPaise: 50_000n, paisePerStar: 130, now: new Date() }
  const { payload, stars } = await createStarsInvoice(database, order)
  const checkout = { payload, stars, currency: 'XTR', now: new Date() }
  expect(await checkStars(database, checkout)).toBe('Accepted')
  await deletePlayer(database, { playerId, forfeitMoney: false, now: new Date() })
  expect(await checkStars(database, { ...checkout, now: new Date() })).toBe('UnknownInvoice')
})
