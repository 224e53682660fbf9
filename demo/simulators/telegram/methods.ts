// The Bot API's methods, one line each over the files that hold the ideas. Names are found whatever their case.
import type { Delivery } from './delivery.ts'
import { refuse } from './errors.ts'
import type { FloodControl } from './faults.ts'
import { parseReplyMarkup } from './keyboard.ts'
import { chatBody, editMarkup, editText, messageBody, remove, sendText, writableChat } from './messages.ts'
import { booleanOf, integerOf, type Parameters, structureOf, textOf } from './parameters.ts'
import {
  commandsOf,
  deleteCommands,
  menuButtonOf,
  setCommands,
  setMenuButton,
  setTextPerLanguage,
  textPerLanguage,
} from './profile.ts'
import { answerPreCheckout, parseInvoice, refund, sendInvoice, transactionsBody } from './stars.ts'
import { starBalance, type World } from './state.ts'
import type { LongPolling } from './updates.ts'
import { deleteWebhook, setWebhook, subscribe, webhookInfo } from './webhook.ts'

export interface Services {
  world: World
  delivery: Delivery
  polling: LongPolling
  flood: FloodControl
}

type Method = (services: Services, parameters: Parameters) => unknown

/** Seconds for which a callback query may be answered. */
const CALLBACK_SECONDS = 15 * 60
const ACTIONS = [
  'typing',
  'upload_photo',
  'record_video',
  'upload_video',
  'record_voice',
  'upload_voice',
  'upload_document',
  'choose_sticker',
  'find_location',
  'record_video_note',
  'upload_video_note',
]

const methods: Record<string, Method> = {
  getMe: ({ world }) => ({
    ...world.state.bot.person,
    can_join_groups: false,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
  }),
  getChat: ({ world }, parameters) => chatBody(writableChat(world, textOf(parameters, 'chat_id'))),

  setWebhook: ({ world, delivery }, parameters) => setWebhook(world, delivery, parameters),
  deleteWebhook: ({ world, delivery }, parameters) => deleteWebhook(world, delivery, parameters),
  getWebhookInfo: ({ world }) => webhookInfo(world.state),
  getUpdates: ({ world, polling }, parameters) => {
    subscribe(world.state, structureOf(parameters, 'allowed_updates'))
    const offset = integerOf(parameters, 'offset') ?? 0
    const limit = integerOf(parameters, 'limit') ?? 0
    const timeoutSeconds = Math.min(integerOf(parameters, 'timeout') ?? 0, 50)
    return polling.getUpdates({ offset, limit, timeoutSeconds })
  },

  setMyCommands: ({ world }, parameters) => setCommands(world.state.bot, parameters),
  getMyCommands: ({ world }, parameters) => commandsOf(world.state.bot, parameters),
  deleteMyCommands: ({ world }, parameters) => deleteCommands(world.state.bot, parameters),
  setMyName: ({ world }, parameters) =>
    setTextPerLanguage(world.state.bot.name, { parameters, name: 'name', limit: 64 }),
  getMyName: ({ world }, parameters) => textPerLanguage(world.state.bot.name, { parameters, name: 'name' }),
  setMyDescription: ({ world }, parameters) =>
    setTextPerLanguage(world.state.bot.description, { parameters, name: 'description', limit: 512 }),
  getMyDescription: ({ world }, parameters) =>
    textPerLanguage(world.state.bot.description, { parameters, name: 'description' }),
  setMyShortDescription: ({ world }, parameters) =>
    setTextPerLanguage(world.state.bot.shortDescription, { parameters, name: 'short_description', limit: 120 }),
  getMyShortDescription: ({ world }, parameters) =>
    textPerLanguage(world.state.bot.shortDescription, { parameters, name: 'short_description' }),
  setChatMenuButton: ({ world }, parameters) => setMenuButton(world.state.bot, parameters),
  getChatMenuButton: ({ world }, parameters) => menuButtonOf(world.state.bot, parameters),

  sendMessage: ({ world, flood }, parameters) => {
    const { chat, text, parseMode, markup } = textParameters(world, parameters)
    flood.pass(String(chat.id))
    return messageBody(world, chat, sendText(world, { chat, text, parseMode, markup }))
  },
  editMessageText: ({ world, flood }, parameters) => {
    const { chat, text, parseMode, markup } = textParameters(world, parameters)
    flood.pass(String(chat.id))
    const messageId = integerOf(parameters, 'message_id')
    return messageBody(world, chat, editText(world, { chat, messageId, text, parseMode, markup }))
  },
  editMessageReplyMarkup: ({ world, flood }, parameters) => {
    const { chat, markup } = textParameters(world, parameters)
    flood.pass(String(chat.id))
    const messageId = integerOf(parameters, 'message_id')
    return messageBody(world, chat, editMarkup(world, { chat, messageId, markup }))
  },
  deleteMessage: ({ world }, parameters) => {
    const chat = writableChat(world, textOf(parameters, 'chat_id'))
    remove(world, { chat, messageId: integerOf(parameters, 'message_id') })
    return true
  },
  sendChatAction: ({ world }, parameters) => {
    writableChat(world, textOf(parameters, 'chat_id'))
    if (!ACTIONS.includes(textOf(parameters, 'action') ?? '')) throw refuse('ActionInvalid')
    return true
  },
  answerCallbackQuery: ({ world }, parameters) => {
    const query = world.state.callbackQueries.get(textOf(parameters, 'callback_query_id') ?? '')
    const ageSeconds = (world.clock.now().getTime() - (query?.askedAt ?? 0)) / 1000
    if (query === undefined || query.answer !== undefined || ageSeconds > CALLBACK_SECONDS) throw refuse('QueryTooOld')
    const text = textOf(parameters, 'text') ?? ''
    if (text.length > 200) throw refuse('CallbackAnswerTooLong')
    const url = textOf(parameters, 'url')
    const show_alert = booleanOf(parameters, 'show_alert') ?? false
    query.answer = { show_alert, ...(text !== '' && { text }), ...(url !== undefined && { url }) }
    world.watch.notify()
    return true
  },

  sendInvoice: ({ world, flood }, parameters) => {
    const chat = writableChat(world, textOf(parameters, 'chat_id'))
    const invoice = parseInvoice(parameters)
    const { inline } = parseReplyMarkup(structureOf(parameters, 'reply_markup'))
    flood.pass(String(chat.id))
    return messageBody(world, chat, sendInvoice(world, { chat, invoice, buttons: inline }))
  },
  createInvoiceLink: ({ world }, parameters) => {
    const link = `https://t.me/$${world.random.word(22)}`
    world.state.invoiceLinks.set(link, parseInvoice(parameters))
    return link
  },
  answerPreCheckoutQuery: ({ world }, parameters) => {
    answerPreCheckout(world, parameters)
    return true
  },
  refundStarPayment: ({ world }, parameters) => {
    refund(world, parameters)
    return true
  },
  getStarTransactions: ({ world }, parameters) => transactionsBody(world, parameters),
  getMyStarBalance: ({ world }) => ({ amount: starBalance(world.state) }),
}

function textParameters(world: World, parameters: Parameters) {
  return {
    chat: writableChat(world, textOf(parameters, 'chat_id')),
    text: textOf(parameters, 'text'),
    parseMode: textOf(parameters, 'parse_mode'),
    markup: parseReplyMarkup(structureOf(parameters, 'reply_markup')),
  }
}

const byLowerCase = new Map(Object.entries(methods).map(([name, method]) => [name.toLowerCase(), method]))

/** Undefined: there is no such method. */
export function findMethod(name: string): Method | undefined {
  return byLowerCase.get(name.toLowerCase())
}
