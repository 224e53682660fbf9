// The two topics of the queue that the bot works off: what people wrote, and what they are to be told. Each item ends in
// one of three ways: done, again later (thrown, with Telegram's own delay where it names one), or given up for a reason
// that no repetition mends.
import { type Bot, BotError } from 'grammy'
import type { Update } from 'grammy/types'
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { Notification } from '../queue/notifications.ts'
import { notificationScreen } from './notification.ts'
import { shown, telegramFailure } from './refusals.ts'
import { wordsFor } from './words.ts'

/** Thrown for an item to be tried again; `retryAfterSeconds` is Telegram's word on flood control. */
export class TryLater extends Error {
  readonly code = 'TelegramLater'
  readonly retryAfterSeconds: number | undefined

  constructor(cause: unknown, retryAfterSeconds: number | undefined) {
    super('Telegram did not take the call now.', { cause })
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export async function workOffUpdate(bot: Bot, update: Update, log: Logger): Promise<void> {
  try {
    await bot.handleUpdate(update)
  } catch (error) {
    settle(error instanceof BotError ? error.error : error, log.child({ updateId: update.update_id }))
  }
}

export interface Recipient {
  chatId: number
  languageCode: string | undefined
}

export async function workOffNotification(
  bot: Bot,
  message: { recipient: Recipient; notification: Notification; catalogue: Catalogue },
  log: Logger,
): Promise<void> {
  const { recipient, notification, catalogue } = message
  const { text, buttons } = notificationScreen(notification, wordsFor(recipient.languageCode), catalogue)
  try {
    await bot.api.sendMessage(recipient.chatId, text.text, {
      parse_mode: 'HTML',
      link_preview_options: { is_disabled: true },
      reply_markup: { inline_keyboard: buttons },
    })
  } catch (error) {
    settle(error, log.child({ notification: notification.type }))
  }
}

function settle(error: unknown, log: Logger): void {
  const failure = telegramFailure(error)
  switch (failure?.kind) {
    case 'Later':
      throw new TryLater(error, failure.retryAfterSeconds)
    case 'Blocked':
      log.info(shown(error), 'The player has blocked the bot; the message is given up')
      return
    case 'Harmless':
      return
    case 'Refused':
      log.error(shown(error), 'Telegram refuses the call, and would again; it is given up')
      return
    case undefined:
      throw error
    default:
      failure satisfies never
  }
}
