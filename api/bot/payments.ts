// Telegram Stars: the check before the payment, answered at once, and the payment itself, credited once per charge.
import type { Bot } from 'grammy'
import type { BotOutside } from './outside.ts'
import { shown } from './refusals.ts'
import { visitorOf, wordsOf } from './visitor.ts'

export function addPayments(bot: Bot, outside: BotOutside): void {
  bot.on('pre_checkout_query', async context => {
    const { invoice_payload: payload, total_amount: stars, currency } = context.preCheckoutQuery
    const { unknownInvoice, amountChanged, later } = wordsOf(context).paymentRefused
    const sentences = { UnknownInvoice: unknownInvoice, AmountChanged: amountChanged }
    try {
      const checked = await outside.checkStars({ payload, stars, currency })
      if (checked === 'Accepted') await context.answerPreCheckoutQuery(true)
      else await context.answerPreCheckoutQuery(false, sentences[checked])
    } catch (error) {
      outside.log.error(shown(error), 'A Stars payment could not be checked, and is turned down')
      await context.answerPreCheckoutQuery(false, later)
    }
  })

  // Money has moved: whatever fails here rises, and the queue brings the update again until it is credited, or kept for a
  // person where it cannot be.
  bot.on('message:successful_payment', async context => {
    const { successful_payment: payment } = context.message
    const { playerId, words } = await visitorOf(context, outside)
    const came = await outside.creditStars({
      playerId,
      payload: payment.invoice_payload,
      stars: payment.total_amount,
      currency: payment.currency,
      chargeId: payment.telegram_payment_charge_id,
      payerId: context.from.id,
    })
    if (came === 'InBooks') return // The books have told the player.
    const { text } = words.paymentUnplaced({
      stars: payment.total_amount,
      chargeId: payment.telegram_payment_charge_id,
    })
    await context.reply(text, { parse_mode: 'HTML' })
  })

  bot.on('message:refunded_payment', async context => {
    const { total_amount: stars, currency, telegram_payment_charge_id: chargeId } = context.message.refunded_payment
    await outside.takeInStarsRefund({ stars, currency, chargeId })
  })
}
