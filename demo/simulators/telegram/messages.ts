// Messages: sent, edited, deleted, pressed; and how the Bot API writes them.
import { unixSeconds } from '../clock.ts'
import { ControlError } from '../control-api.ts'
import { nextSeq } from '../history.ts'
import { badRequest, refuse } from './errors.ts'
import { type FormattedText, parseHtml, trimmed } from './html.ts'
import type { Button, ReplyMarkup } from './keyboard.ts'
import type { Chat, Message, Person, Update, World } from './state.ts'
import { enqueue } from './updates.ts'

/** UTF-16 units after entities are parsed. core.telegram.org/bots/api#sendmessage */
const TEXT_LIMIT = 4096
/** A bot may delete its messages for this long. core.telegram.org/bots/api#deletemessage */
const DELETABLE_SECONDS = 48 * 3600

/** The chat that the bot names, if the bot may write to it. */
export function writableChat(world: World, chatId: string | undefined): Chat {
  if (chatId === undefined || chatId === '') throw refuse('ChatIdEmpty')
  const chat = world.state.chats.get(Number(chatId))
  if (chat === undefined || !chat.started) throw refuse('ChatNotFound')
  if (chat.blocked) throw refuse('BlockedByUser')
  return chat
}

function parseText(text: string | undefined, parseMode: string | undefined): FormattedText {
  const formatted = formattedBy(parseMode, text ?? '')
  if (formatted.text === '') throw refuse('TextEmpty')
  if (formatted.text.length > TEXT_LIMIT) throw refuse('TextTooLong')
  return formatted
}

function formattedBy(parseMode: string | undefined, text: string): FormattedText {
  const mode = (parseMode ?? '').toLowerCase()
  if (mode === 'html') return parseHtml(text)
  if (mode === '') return trimmed({ text, entities: [] })
  throw badRequest('unsupported parse_mode (the simulator models HTML)')
}

type Content = Partial<
  Pick<
    Message,
    'text' | 'html' | 'entities' | 'buttons' | 'keyboard' | 'invoice' | 'successful_payment' | 'refunded_payment'
  >
>

/** Adds a message to the chat. */
export function post(world: World, given: { chat: Chat; from: Message['from']; content: Content }): Message {
  const { chat, from, content } = given
  const message: Message = {
    seq: nextSeq(world.state),
    message_id: chat.nextMessageId,
    from,
    date: unixSeconds(world.clock),
    edit_date: null,
    deleted: false,
    text: '',
    html: '',
    entities: [],
    buttons: [],
    keyboard: null,
    invoice: null,
    successful_payment: null,
    refunded_payment: null,
    ...content,
  }
  chat.nextMessageId += 1
  chat.messages.push(message)
  world.watch.notify()
  return message
}

export function sendText(
  world: World,
  given: { chat: Chat; text: string | undefined; parseMode: string | undefined; markup: ReplyMarkup },
): Message {
  const formatted = parseText(given.text, given.parseMode)
  if (given.markup.inline.flat().some(button => button.pay)) throw badRequest('BUTTON_TYPE_INVALID')
  const { inline, keyboard } = given.markup
  const content = { ...formatted, html: given.text ?? '', buttons: inline, keyboard: keyboard ?? null }
  return post(world, { chat: given.chat, from: 'bot', content })
}

export function editText(
  world: World,
  given: {
    chat: Chat
    messageId: number | undefined
    text: string | undefined
    parseMode: string | undefined
    markup: ReplyMarkup
  },
): Message {
  const message = editable(given.chat, given.messageId)
  if (message.invoice || message.text === '') throw badRequest('there is no text in the message to edit')
  const formatted = parseText(given.text, given.parseMode)
  const before = JSON.stringify([message.text, message.entities, message.buttons])
  if (before === JSON.stringify([formatted.text, formatted.entities, given.markup.inline]))
    throw refuse('MessageNotModified')
  return change(world, message, { ...formatted, html: given.text ?? '', buttons: given.markup.inline })
}

export function editMarkup(
  world: World,
  given: { chat: Chat; messageId: number | undefined; markup: ReplyMarkup },
): Message {
  const message = editable(given.chat, given.messageId)
  if (JSON.stringify(message.buttons) === JSON.stringify(given.markup.inline)) throw refuse('MessageNotModified')
  return change(world, message, { buttons: given.markup.inline })
}

function editable(chat: Chat, messageId: number | undefined): Message {
  if (messageId === undefined) throw refuse('MessageIdMissing')
  const message = chat.messages.find(({ message_id, deleted }) => message_id === messageId && !deleted)
  if (message === undefined) throw refuse('MessageToEditNotFound')
  if (message.from !== 'bot') throw refuse('MessageNotEditable')
  return message
}

export function change(world: World, message: Message, content: Content): Message {
  Object.assign(message, content, { seq: nextSeq(world.state), edit_date: unixSeconds(world.clock) })
  world.watch.notify()
  return message
}

export function remove(world: World, given: { chat: Chat; messageId: number | undefined }): void {
  if (given.messageId === undefined) throw refuse('MessageIdMissing')
  const message = given.chat.messages.find(({ message_id, deleted }) => message_id === given.messageId && !deleted)
  if (message === undefined) throw refuse('MessageToDeleteNotFound')
  if (unixSeconds(world.clock) - message.date > DELETABLE_SECONDS)
    throw badRequest("message can't be deleted for everyone")
  Object.assign(message, { deleted: true, text: '', html: '', entities: [], buttons: [], seq: nextSeq(world.state) })
  world.watch.notify()
}

/** The person writes; commands get their entity, as Telegram's clients make them. */
export function personWrites(
  world: World,
  given: { chat: Chat; text: string },
): { message: Message; update: Update | undefined } {
  const { chat } = given
  const text = given.text.trim()
  if (text === '' || text.length > TEXT_LIMIT) {
    throw new ControlError(400, `text has ${text.length} characters; 1 to ${TEXT_LIMIT} can be written`)
  }
  const entities = [...text.matchAll(/(?<=^|\s)\/[a-z0-9_]{1,32}(?:@[a-z0-9_]+)?/gi)].map(match => ({
    type: 'bot_command',
    offset: match.index,
    length: match[0].length,
  }))
  chat.started = true
  chat.blocked = false
  const message = post(world, { chat, from: 'user', content: { text, html: text, entities } })
  const update = enqueue(world, { chatId: chat.id, kind: 'message', payload: messageBody(world, chat, message) })
  return { message, update }
}

/** The newest message that carries the button, by its text or callback data; `messageId` narrows it to one. */
export function findButton(
  chat: Chat,
  given: { button: string; messageId: number | undefined },
): { message: Message; button: Button } | { keyboardText: string } {
  const visible = chat.messages.filter(({ deleted, from }) => from === 'bot' && !deleted).toReversed()
  for (const message of visible) {
    if (given.messageId !== undefined && message.message_id !== given.messageId) continue
    const button = message.buttons
      .flat()
      .find(each => each.text === given.button || each.callback_data === given.button)
    if (button) return { message, button }
  }
  const keyboard = visible.find(message => message.keyboard !== null)?.keyboard ?? null
  if (Array.isArray(keyboard) && keyboard.flat().includes(given.button)) return { keyboardText: given.button }

  const onScreen = visible.slice(0, 5).flatMap(message => message.buttons.flat().map(({ text }) => `'${text}'`))
  throw new ControlError(404, `no button '${given.button}'; the newest messages carry ${onScreen.join(', ') || 'none'}`)
}

export function chatBody(chat: Chat): Record<string, unknown> {
  const { first_name, last_name, username } = chat.person
  return { id: chat.id, type: 'private', first_name, ...(last_name && { last_name }), ...(username && { username }) }
}

/** The Bot API's Message. */
export function messageBody(world: World, chat: Chat, message: Message): Record<string, unknown> {
  const from: Person = message.from === 'bot' ? world.state.bot.person : chat.person
  const { message_id, date, edit_date, text, entities, buttons, invoice, successful_payment, refunded_payment } =
    message
  return {
    message_id,
    from,
    chat: chatBody(chat),
    date,
    ...(edit_date !== null && { edit_date }),
    ...(text !== '' && { text }),
    ...(entities.length > 0 && { entities }),
    ...(buttons.length > 0 && { reply_markup: { inline_keyboard: buttons } }),
    ...(invoice && {
      invoice: {
        title: invoice.title,
        description: invoice.description,
        start_parameter: '',
        currency: invoice.currency,
        total_amount: invoice.total_amount,
      },
    }),
    ...(successful_payment && { successful_payment }),
    ...(refunded_payment && { refunded_payment }),
  }
}
