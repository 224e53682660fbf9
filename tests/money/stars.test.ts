// Stars that the bot was never told of: found in Telegram's own list of the bot's transactions.
import { Api } from 'grammy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { reconcileOnce } from '../../api/payments/reconciliation.ts'
import { createStarsInvoice } from '../../api/payments/stars.ts'
import { starsRail } from '../../api/payments/stars-rail.ts'
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
  const razorpay = razorpayRail({ keyId: 'none', keySecret: 'none', baseUrl: 'http://127.0.0.1:9' })
  const rails = { Razorpay: razorpay, Stars: starsRail(telegram) }
  return await reconcileOnce({ database: books.database, rails, clock, log: silent })
}

/** Says yes to the next pre-checkout query; all other updates are lost. */
async function agree(offset = 0): Promise<void> {
  const updates = await api.getUpdates({ offset, timeout: 5 })
  const query = updates.find(({ pre_checkout_query: asked }) => asked)?.pre_checkout_query
  if (query) await api.answerPreCheckoutQuery(query.id, true)
  else await agree((updates.at(-1)?.update_id ?? offset - 1) + 1)
}

test('I5: a payment in Stars whose update was lost is credited once, and a refund made elsewhere is debited once', async () => {
  const { database } = books
  const { id: playerId } = await newPlayer(database)
  const order = { playerId, amountPaise: 50_000n, paisePerStar: 130, now: new Date() }
  const { payload, stars, amountPaise } = await createStarsInvoice(database, order)
  const { chatId } = await telegram.person('Asha')
  const link = await api.createInvoiceLink('Top up', 'Puts money in.', payload, '', 'XTR', [
    { label: 'Top up', amount: stars },
  ])
  const paying = telegram.control('POST', `/chats/${chatId}/pay`, { invoice_link: link })
  await agree()
  await paying

  expect(await ask(0)).toEqual(['Credited'])
  expect(await ask(2)).toEqual([])
  expect((await balanceOf(database, playerId)).postedPaise).toBe(amountPaise)

  const [payment] = await database<{ id: string }[]>`SELECT id FROM payments WHERE rail = 'Stars'`
  await api.refundStarPayment(chatId, payment?.id ?? '')
  expect(await ask(4)).toEqual(['RefundProcessed'])
  expect(await ask(6)).toEqual([])
  expect(await balanceOf(database, playerId)).toMatchObject({ postedPaise: 0n, owedPaise: 0n })
})
