// The bot's outside, made of the API's other rooms.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { checkStars, createStarsInvoice, creditStars } from '../payments/stars.ts'
import { createTopUp, MAXIMUM_PAISE, MINIMUM_PAISE } from '../payments/top-ups.ts'
import { findOrCreateByTelegram } from '../players/players.ts'
import { active, type CommandOutside, start, stop } from '../sessions/commands.ts'
import { minimumPaise } from '../sessions/quote.ts'
import { affordableSeconds } from '../wallet/price.ts'
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
}

export function botOutside(rooms: BotRooms): BotOutside {
  const { database, clock, log, catalogue, publicUrl, paisePerStar, sessions } = rooms
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
    async creditStars(payment) {
      const crediting = await creditStars(database, { ...payment, now: clock.now() })
      log.info({ charge: payment.chargeId, crediting }, 'Worked a Stars payment off')
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
