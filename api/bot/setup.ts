// Introduces the bot at start: who it is, where Telegram is to bring its updates, what its menu shows. Telegram being
// away holds up nothing else: payments on the web go on, and this goes on trying.
import { Api } from 'grammy'
import type { UserFromGetMe } from 'grammy/types'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { shown, telegramFailure } from './refusals.ts'
import { COMMANDS } from './words.ts'
import { english } from './words-english.ts'

/** Seconds between attempts: the first, doubling up to the last. */
const RETRY_SECONDS = { first: 1, last: 60 }

/** Kinds of updates that the bot understands; all others are never sent. */
const ALLOWED_UPDATES = ['message', 'callback_query', 'pre_checkout_query'] as const

export interface SetupOptions {
  token: string
  apiRoot: string
  /** https://…/webhooks/telegram */
  webhookUrl: string
  webhookSecret: string
  clock: Clock
  log: Logger
}

/** Resolves with what getMe says, once all is set; rejects only with the signal's reason. Repeating it changes nothing. */
export async function introduce(options: SetupOptions, signal: AbortSignal): Promise<UserFromGetMe> {
  const { token, apiRoot, webhookUrl, webhookSecret, clock, log } = options
  const api = new Api(token, { apiRoot, timeoutSeconds: 15 })

  for (let waitSeconds = RETRY_SECONDS.first; ; waitSeconds = Math.min(waitSeconds * 2, RETRY_SECONDS.last)) {
    try {
      const me = await api.getMe()
      await api.setMyCommands(COMMANDS.map(command => ({ command, description: english.command[command] })))
      await api.setWebhook(webhookUrl, { secret_token: webhookSecret, allowed_updates: [...ALLOWED_UPDATES] })
      log.info({ username: me.username, webhookUrl }, 'Telegram knows where to bring updates')
      return me
    } catch (error) {
      signal.throwIfAborted()
      const failure = telegramFailure(error)
      if (!failure) throw error
      const retryAfterSeconds = failure.kind === 'Later' ? (failure.retryAfterSeconds ?? waitSeconds) : waitSeconds
      log.error(
        { ...shown(error), retryAfterSeconds },
        'The bot cannot introduce itself to Telegram; check token and PUBLIC_URL',
      )
      await clock.sleep(retryAfterSeconds * 1000, signal)
    }
  }
}
