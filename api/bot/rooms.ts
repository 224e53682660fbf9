// The bot's outside, made of the API's other rooms.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { isContradiction, keepUnplaced } from '../payments/contradictions.ts'
import { PaymentError } from '../payments/errors.ts'
import type { PaymentMetrics } from '../payments/metrics.ts'
import { bringIn } from '../payments/movements.ts'
import type { Movement } from '../payments/rail.ts'
import { refundables } from '../payments/refundables.ts'
import { askRefund } from '../payments/refunds.ts'
import { checkStars, createStarsInvoice } from '../payments/stars.ts'
import { createTopUp, MAXIMUM_PAISE, MINIMUM_PAISE } from '../payments/top-ups.ts'
import { findOrCreateByTelegram } from '../players/players.ts'
import { active, type CommandOutside, stop } from '../sessions/commands.ts'
import { minimumPaise } from '../sessions/quote.ts'
import { sessionById } from '../sessions/session.ts'
import { start } from '../sessions/starting.ts'
import { holdOf } from '../wallet/holds.ts'
import { affordableSeconds } from '../wallet/price.ts'
import { receiptOf } from '../wallet/receipts.ts'
import { statement } from '../wallet/statement.ts'
import { balanceOf } from '../wallet/wallet.ts'
import type { BotOutside } from './outside.ts'
import { codeOf } from './refusals.ts'

export interface BotRooms {
  database: Database
  clock: Clock
  log: Logger
  catalogue: () => Catalogue
  publicUrl: string
  paisePerStar: number
  sessions: CommandOutside
  metrics: PaymentMetrics
}

export function botOutside(rooms: BotRooms): BotOutside {
  const { database, clock, log, catalogue, publicUrl, paisePerStar, sessions, metrics } = rooms
  const bringInStars = async (movement: Movement): Promise<'InBooks' | 'Unplaced'> => {
    const rail = 'Stars'
    try {
      const outcomes = await bringIn(database, { rail, movements: [movement], now: clock.now() })
      log.info({ movement, outcomes }, 'Worked off what Telegram told of Stars')
      for (const outcome of outcomes) metrics.told({ rail, by: 'Bot', outcome })
      return 'InBooks'
    } catch (error) {
      if (!isContradiction(error)) throw error
      await keepUnplaced({ database, clock, log }, { rail, movement, error }) // No repetition of the update mends it.
      return 'Unplaced'
    }
  }
  return {
    log,
    catalogue,
    player: ({ telegramUserId, chatId, firstName, languageCode }) =>
      findOrCreateByTelegram(database, {
        telegramUserId: BigInt(telegramUserId),
        telegramChatId: BigInt(chatId),
        firstName,
        languageCode,
        now: clock.now(),
      }),

    wallet: playerId => balanceOf(database, playerId),
    statement: order => statement(database, order),
    async receipt({ playerId, sessionId }) {
      const [document, session, hold] = await Promise.all([
        receiptOf(database, { playerId, sessionId }),
        sessionById(database, sessionId),
        holdOf(database, sessionId),
      ])
      if (!document || !session || !hold) return undefined
      return { document, game: session.game, tier: session.tier, ratePaisePerHour: hold.ratePaisePerHour }
    },
    affordableSeconds: purse => Number(affordableSeconds(purse)),
    minimumPaise,

    topUpLimits: { minimumPaise: MINIMUM_PAISE, maximumPaise: MAXIMUM_PAISE },
    async topUpUrl({ playerId, amountPaise }) {
      const payBy = { rail: 'Razorpay' } as const
      const { token } = await createTopUp(database, { playerId, amountPaise, payBy, now: clock.now() })
      return `${publicUrl}/top-up/${token}`
    },
    starsInvoice: order => createStarsInvoice(database, { ...order, paisePerStar, now: clock.now() }),
    checkStars: checkout => checkStars(database, { ...checkout, now: clock.now() }),
    async creditStars({ chargeId: id, payload: topUpId, stars, currency, payerId: payer }) {
      const paid = { currency, units: BigInt(stars) }
      const payerId = BigInt(payer)
      return await bringInStars({ is: 'Payment', payment: { id, topUpId, paid, payerId, hasRefunds: false } })
    },
    async takeInStarsRefund({ chargeId: id, stars, currency }) {
      const returned = { currency, units: BigInt(stars) }
      const refund = { id, paymentId: id, refundId: undefined, returned, state: 'Processed' } as const
      await bringInStars({ is: 'Refund', refund })
    },
    async refundables(playerId) {
      const payments = await refundables(database, playerId)
      return payments.map(({ payment: { handle, rail, amountPaise: paidPaise, creditedAt: paidAt }, leftPaise }) => ({
        payment: handle,
        ...{ rail, paidPaise, paidAt, amountPaise: leftPaise },
      }))
    },
    async refund({ playerId, payment: handle, amountPaise }) {
      const chosen = (await refundables(database, playerId)).find(({ payment }) => payment.handle === handle)
      if (!chosen) throw new PaymentError('NothingToRefund')
      const { rail, id: paymentId } = chosen.payment
      const by = { askedBy: 'Player' } as const
      await askRefund(database, { rail, paymentId, playerId, amountPaise, by, now: clock.now() })
    },

    async session(playerId) {
      const running = await active(database, { playerId, now: clock.now() })
      if (!running) return undefined
      const { session, hold, state, playedSeconds, costPaise } = running
      const { id, game, tier, seen } = session
      return {
        id,
        game,
        tier,
        state,
        host: seen.host,
        ratePaisePerHour: hold.ratePaisePerHour,
        playedSeconds,
        costPaise,
      }
    },
    async start(order) {
      await start(sessions, { ...order, now: clock.now() })
    },
    async stop(order) {
      await stop(sessions, order).catch((error: unknown) => {
        if (codeOf(error) !== 'NoSession') throw error // Over meanwhile: what was wanted.
      })
    },
  }
}
