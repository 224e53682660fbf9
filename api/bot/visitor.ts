// Who writes to the bot, and in which language to answer.
import type { Context } from 'grammy'
import type { BotOutside } from './outside.ts'
import { type Words, wordsFor } from './words.ts'

export interface Visitor {
  playerId: string
  firstName: string
  words: Words
}

export function wordsOf(context: Context): Words {
  return wordsFor(context.from?.language_code)
}

/** The player behind an update, made on first sight. Throws for an update without sender and chat. */
export async function visitorOf(context: Context, outside: BotOutside): Promise<Visitor> {
  const { from, chat } = context
  if (!from || !chat) throw new TypeError('An update without a sender or a chat has no visitor.')
  const person = {
    telegramUserId: from.id,
    chatId: chat.id,
    firstName: from.first_name,
    languageCode: from.language_code,
  }
  const player = await outside.player(person)
  return { playerId: player.id, firstName: from.first_name, words: wordsOf(context) }
}
