// The half of the API that faces people and machines: HTTP, pages and the bot, over the books in Postgres. What it wants of
// Kubernetes it leaves in the queue; only a guest's report goes there at once.
import type { Bot } from 'grammy'
import type { Registry } from 'prom-client'
import type { Catalogue } from '../crds/catalogue.ts'
import type { Database } from '../lib/database/pool.ts'
import type { KubeClient } from '../lib/kube/client.ts'
import type { Clock } from '../lib/process/clock.ts'
import type { Health } from '../lib/process/health.ts'
import type { Logger } from '../lib/telemetry/log.ts'
import { createBot } from './bot/bot.ts'
import { botOutside } from './bot/rooms.ts'
import { introduce } from './bot/setup.ts'
import { workOffNotification, workOffUpdate } from './bot/worker.ts'
import { type Application, createApplication } from './http/application.ts'
import { REQUEST_SECONDS } from './http/deadline.ts'
import { HttpError } from './http/errors.ts'
import { guestTokens } from './http/guest-tokens.ts'
import { operatorHints } from './http/operator-hints.ts'
import type { RateLimits } from './http/rate-limits.ts'
import { HEARTBEAT_SECONDS } from './http/session-events.ts'
import { streamHub } from './http/session-stream.ts'
import { isPaymentError } from './payments/errors.ts'
import type { PaymentMetrics } from './payments/metrics.ts'
import type { HostedRail, PaymentRail } from './payments/rail.ts'
import { razorpayInbox } from './payments/razorpay-inbox.ts'
import { razorpayWebhooks } from './payments/razorpay-webhook.ts'
import { takeInRefunds } from './payments/reconciliation.ts'
import { workOffRefund } from './payments/refunds.ts'
import { accessTokens } from './players/access-tokens.ts'
import { openId } from './players/open-id.ts'
import { playerById } from './players/players.ts'
import { enqueue } from './queue/queue.ts'
import type { Handlers } from './queue/worker.ts'
import type { CommandOutside } from './sessions/commands.ts'
import type { ServeSettings } from './settings.ts'
import { topUpPages } from './web/pages.ts'
import { pagesOutside } from './web/rooms.ts'

export interface FrontOutside {
  settings: Pick<
    ServeSettings,
    'publicUrl' | 'telegram' | 'razorpay' | 'tokens' | 'openId' | 'guestKeysFile' | 'operatorUrl' | 'corsOrigins'
  >
  database: Database
  /** For what guests report alone: all else goes over the queue. */
  kube: KubeClient
  clock: Clock
  log: Logger
  metrics: Registry
  health: Health
  limits: RateLimits
  catalogue: () => Catalogue
  rails: { Razorpay: HostedRail; Stars: PaymentRail }
  paymentMetrics: PaymentMetrics
  sessions: CommandOutside
  /** For tests, which do not wait. */
  requestSeconds?: number
  heartbeatSeconds?: number
}

export interface Front {
  application: Application
  /** Keeps the streams of events awake, and ends them when the signal is aborted. */
  stream(signal: AbortSignal): Promise<void>
  /** What needs no bot. */
  paymentHandlers: Handlers
  /** Introduces the bot to Telegram, however long that takes. Rejects only with the signal's reason. */
  botHandlers(signal: AbortSignal): Promise<Handlers>
}

/** Items of different chats at work at once. Telegram takes about thirty messages a second in all. */
const CHATS_AT_ONCE = 16
/** With the queue's backoff about twenty minutes; then a person looks at it. */
const TELEGRAM_ATTEMPTS = 12
/** They share their statements, which are most of what one costs while they come fast. */
const WEBHOOKS_AT_ONCE = 50
const REFUNDS_AT_ONCE = 2
/** About half a day. Then a person can see it; what webhooks tell, and refunds under way, reconciliation sees to in any case. */
const GATEWAY_ATTEMPTS = 150

export function createFront(outside: FrontOutside): Front {
  const { settings, database, clock, log, catalogue, rails } = outside
  const { publicUrl, telegram, razorpay } = settings
  // The bot's id is the part of its token before the colon, so updates can be stored before Telegram has answered.
  const botId = Number(telegram.token.split(':')[0])
  let bot: Bot | undefined

  const pages = topUpPages(
    pagesOutside({
      ...{ database, clock, log, catalogue, publicUrl, razorpay },
      rail: rails.Razorpay,
      limits: outside.limits,
      botUrl: () => (bot ? `https://t.me/${bot.botInfo.username}` : 'https://t.me'),
    }),
  )
  const streams = streamHub({ database, clock, log })
  const application = createApplication({
    ...{ clock, log, catalogue, publicUrl, pages },
    metrics: outside.metrics,
    health: outside.health,
    limits: outside.limits,
    telegram: {
      secret: telegram.webhookSecret,
      async store(update) {
        await enqueue(database, 'telegram.update', { botId, update })
      },
      async answerPreCheckout(update) {
        if (!bot) throw new HttpError('Unavailable', { retryAfterSeconds: 1 })
        await bot.handleUpdate(update)
      },
    },
    razorpay: { receive: webhookDoor(outside) },
    api: {
      ...{ database, streams, kube: outside.kube },
      tokens: accessTokens(settings.tokens),
      guests: guestTokens({ file: settings.guestKeysFile, clock }),
      openId: settings.openId && openId(settings.openId),
      botToken: telegram.token,
      hints: operatorHints({ url: settings.operatorUrl, clock }),
      commands: outside.sessions,
      corsOrigins: settings.corsOrigins,
      requestSeconds: outside.requestSeconds ?? REQUEST_SECONDS,
      heartbeatSeconds: outside.heartbeatSeconds ?? HEARTBEAT_SECONDS,
    },
  })

  return {
    application,
    stream: signal => streams.run(signal),
    paymentHandlers: paymentHandlers(outside),
    async botHandlers(signal) {
      const webhookUrl = `${publicUrl}/webhooks/telegram`
      const { token, apiRoot, webhookSecret, paisePerStar } = telegram
      const botInfo = await introduce({ token, apiRoot, webhookUrl, webhookSecret, clock, log }, signal)
      const { paymentMetrics: metrics, sessions } = outside
      const rooms = { database, clock, log, catalogue, publicUrl, paisePerStar, sessions, metrics }
      const itself = createBot({ token, apiRoot, botInfo }, botOutside(rooms))
      bot = itself
      return {
        'telegram.update': {
          concurrency: CHATS_AT_ONCE,
          attempts: TELEGRAM_ATTEMPTS,
          handle: ({ update }) => workOffUpdate(itself, update, log),
        },
        'telegram.notification': {
          concurrency: CHATS_AT_ONCE,
          attempts: TELEGRAM_ATTEMPTS,
          async handle({ playerId, notification }) {
            const player = await playerById(database, playerId)
            if (!player) return // Deleted since: there is nobody to tell.
            const recipient = { chatId: Number(player.telegramChatId), languageCode: player.languageCode }
            await workOffNotification(itself, { recipient, notification, catalogue: catalogue() }, log)
          },
        },
      }
    },
  }
}

/** Where Razorpay's webhooks come in. */
function webhookDoor({ settings, database, clock, paymentMetrics }: FrontOutside) {
  const { webhookSecrets } = settings.razorpay
  const receive = razorpayInbox({ database, webhookSecrets })
  return async (delivery: { rawBody: string; signature: string; eventId: string | undefined }): Promise<void> => {
    try {
      paymentMetrics.received(await receive({ ...delivery, now: clock.now() }))
    } catch (error) {
      if (isPaymentError(error, 'SignatureInvalid')) paymentMetrics.received('Refused')
      throw error
    }
  }
}

function paymentHandlers({ settings, database, clock, log, rails, paymentMetrics }: FrontOutside): Handlers {
  const { accountId } = settings.razorpay
  const workOffWebhook = razorpayWebhooks({ database, rail: rails.Razorpay, accountId, log })
  return {
    'razorpay.webhook': {
      concurrency: WEBHOOKS_AT_ONCE,
      attempts: GATEWAY_ATTEMPTS,
      async handle({ webhookId }) {
        const outcome = await workOffWebhook({ webhookId, now: clock.now() })
        paymentMetrics.told({ rail: 'Razorpay', by: 'Webhook', outcome })
      },
    },
    'payment.refund': {
      concurrency: REFUNDS_AT_ONCE,
      attempts: GATEWAY_ATTEMPTS,
      async handle({ refundId }) {
        const { rail, outcome } = await workOffRefund({ database, rails }, { refundId, now: clock.now() })
        log.info({ refund: refundId, rail, outcome }, 'Brought a refund to the gateway')
        paymentMetrics.told({ rail, by: 'Refund', outcome })
      },
    },
    'razorpay.refunds': {
      concurrency: REFUNDS_AT_ONCE,
      attempts: GATEWAY_ATTEMPTS,
      async handle({ paymentId }) {
        const outcomes = await takeInRefunds({ database, rail: rails.Razorpay }, { paymentId, now: clock.now() })
        for (const outcome of outcomes) paymentMetrics.told({ rail: 'Razorpay', by: 'Reconciliation', outcome })
      },
    },
  }
}
