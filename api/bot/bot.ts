// The bot: what Telegram brings is turned into a press, the press into an answer, the answer into one message.
import { Bot, type Context } from 'grammy'
import type { UserFromGetMe } from 'grammy/types'
import type { StarsInvoice } from '../payments/stars.ts'
import { type Answer, amountOutOfRange, answer } from './answer.ts'
import { type Press, readPress } from './buttons.ts'
import type { BotOutside } from './outside.ts'
import { addPayments } from './payments.ts'
import { codeOf, shown, telegramFailure } from './refusals.ts'
import * as screens from './screens.ts'
import { type Visitor, visitorOf, wordsOf } from './visitor.ts'

export interface BotOptions {
  token: string
  apiRoot: string
  /** What getMe said, so that no update has to wait for it. */
  botInfo: UserFromGetMe
}

/** Seconds that a call to Telegram may take. */
const CALL_SECONDS = 15

/** What each command comes to. /start and /help, and those with an argument, are below. */
const presses: Record<string, Press> = {
  play: { do: 'Games', offset: 0 },
  balance: { do: 'Balance' },
  refund: { do: 'Refunds' },
  status: { do: 'Status' },
  stop: { do: 'Stop' },
}

export function createBot(options: BotOptions, outside: BotOutside): Bot {
  const { token, apiRoot, botInfo } = options
  const bot = new Bot(token, { client: { apiRoot, timeoutSeconds: CALL_SECONDS, sensitiveLogs: false }, botInfo })
  addPayments(bot, outside)

  const people = bot.filter(context => context.chat?.type === 'private' && context.from !== undefined)
  people.on('callback_query:data', context => onPress(context, context.callbackQuery.data, outside))
  people.on('message:text', context => onText(context, context.message.text, outside))
  // Stickers, photos and the like; service messages such as a pinned one are nothing to answer.
  people.on(['message:media', 'message:sticker', 'message:voice', 'message:location', 'message:contact'], context =>
    send(context, { show: screens.menu(wordsOf(context), wordsOf(context).notACommand()) }),
  )
  bot.on('message:text').filter(
    context => context.chat.type !== 'private' && isForUs(context.message.text, botInfo.username),
    context => send(context, { show: { text: wordsOf(context).privateChatsOnly(), buttons: [] } }),
  )
  return bot
}

async function onText(context: Context, text: string, outside: BotOutside): Promise<void> {
  const visitor = await visitorOf(context, outside)
  const { words } = visitor
  const command = /^\/(\w{1,32})(?:@\w+)?(?:\s+([\s\S]*))?$/.exec(text)
  if (!command) return send(context, { show: screens.menu(words, words.notACommand()) })

  const [, name = '', argument = ''] = command
  const press = presses[name.toLowerCase()]
  if (press) return reply(context, press, visitor, outside)
  switch (name.toLowerCase()) {
    case 'start':
      return reply(context, { do: 'Home' }, visitor, outside)
    case 'help':
      return send(context, { show: screens.help(words) })
    case 'statement':
      return reply(context, { do: 'Statement', before: undefined }, visitor, outside)
    case 'topup':
      return topUp(context, argument.trim(), visitor, outside)
    default:
      return send(context, { show: screens.unknownCommand(words, `/${name}`) })
  }
}

/** /topup alone offers amounts; /topup 750 takes one, in rupees. */
async function topUp(context: Context, argument: string, visitor: Visitor, outside: BotOutside): Promise<void> {
  if (argument === '') return reply(context, { do: 'TopUp' }, visitor, outside)
  const amount = /^₹?\s*(\d{1,7})$/.exec(argument)
  if (!amount) return send(context, { show: amountOutOfRange(visitor.words, outside) })
  return reply(context, { do: 'TopUpAmount', amountPaise: BigInt(amount[1] ?? 0) * 100n }, visitor, outside)
}

async function onPress(context: Context, data: string, outside: BotOutside): Promise<void> {
  const visitor = await visitorOf(context, outside)
  const { games, tiers } = outside.catalogue()
  const press = readPress(data, { games: Object.keys(games), tiers: Object.keys(tiers) })
  // First of all the little clock on the button goes away. Late is harmless: the answer below comes all the same.
  const note = press ? {} : { text: visitor.words.staleButton() }
  await context.answerCallbackQuery(note).catch(liveWith('Harmless'))
  return reply(context, press ?? { do: 'Home' }, visitor, outside)
}

async function reply(context: Context, press: Press, visitor: Visitor, outside: BotOutside): Promise<void> {
  return send(context, await answer(press, visitor, outside).catch(failed(visitor, outside)))
}

/** Whatever broke, the person is told so: silence would leave them pressing. A press again is the retry. */
function failed({ words, playerId }: Visitor, { log }: BotOutside) {
  return (error: unknown): Answer => {
    log.error({ ...shown(error), playerId, code: codeOf(error) }, 'The bot could not answer')
    return { show: screens.menu(words, words.failure()) }
  }
}

/** A press changes the message that carries the button, so that a chat stays short; everything else is a new message. */
async function send(context: Context, what: Answer): Promise<void> {
  if ('invoice' in what) return sendInvoice(context, what.invoice)
  const { text, buttons } = what.show
  const other = {
    parse_mode: 'HTML',
    link_preview_options: { is_disabled: true },
    reply_markup: { inline_keyboard: buttons },
  } as const

  const pressed = context.callbackQuery?.message
  if (pressed && pressed.date !== 0 && 'text' in pressed) {
    try {
      await context.editMessageText(text.text, other)
      return
    } catch (error) {
      const failure = telegramFailure(error)
      if (failure?.kind !== 'Harmless') throw error
      // The same screen again needs no second message; one that cannot be edited any more does.
      if (error instanceof Error && error.message.includes('message is not modified')) return
    }
  }
  await context.reply(text.text, other)
}

async function sendInvoice(context: Context, invoice: StarsInvoice): Promise<void> {
  const { title, description } = wordsOf(context).invoice
  const { amountPaise, payload, stars } = invoice
  // One price and an empty provider token: Stars. https://core.telegram.org/bots/payments-stars
  const prices = [{ label: title(amountPaise), amount: stars }]
  await context.replyWithInvoice(title(amountPaise), description(amountPaise), payload, 'XTR', prices, {
    provider_token: '',
  })
}

export function liveWith(kind: 'Harmless' | 'Blocked') {
  return (error: unknown): undefined => {
    if (telegramFailure(error)?.kind !== kind) throw error
  }
}

function isForUs(text: string, username: string): boolean {
  return text.startsWith('/') && text.toLowerCase().includes(`@${username.toLowerCase()}`)
}
