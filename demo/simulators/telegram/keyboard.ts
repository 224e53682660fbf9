// Checks `reply_markup`: inline keyboards under messages, and the reply keyboard in place of the person's own.
// core.telegram.org/bots/api#inlinekeyboardbutton
import { badRequest, refuse } from './errors.ts'
import { isObject } from './parameters.ts'

export interface Button {
  text: string
  url?: string
  callback_data?: string
  pay?: true
  web_app?: { url: string }
  copy_text?: { text: string }
}

export interface ReplyMarkup {
  /** Rows under the message; empty without any. */
  inline: Button[][]
  /** Rows of a reply keyboard; `undefined` leaves the person's keyboard alone. */
  keyboard?: string[][] | 'removed'
}

/** Bytes of UTF-8. */
const CALLBACK_DATA_LIMIT = 64
const BUTTON_LIMIT = 100

export function parseReplyMarkup(value: unknown): ReplyMarkup {
  if (value === undefined) return { inline: [] }
  if (!isObject(value)) throw badRequest('object expected as reply markup')
  if (value.inline_keyboard !== undefined)
    return { inline: rows(value.inline_keyboard, 'inline keyboard', inlineButton) }
  if (value.keyboard !== undefined) return { inline: [], keyboard: rows(value.keyboard, 'keyboard', replyButton) }
  if (value.remove_keyboard === true) return { inline: [], keyboard: 'removed' }
  return { inline: [] }
}

function rows<Cell>(value: unknown, name: string, cell: (value: unknown) => Cell): Cell[][] {
  if (!Array.isArray(value)) throw badRequest(`field "${name.replace(' ', '_')}" must be of type Array`)
  const parsed = value.map((row: unknown) => {
    if (!Array.isArray(row)) throw badRequest(`can't parse ${name}: button row must be of type Array`)
    return row.map(cell)
  })
  if (parsed.flat().length > BUTTON_LIMIT) throw badRequest('REPLY_MARKUP_TOO_LONG')
  return parsed.filter(row => row.length > 0)
}

function replyButton(value: unknown): string {
  const text = isObject(value) ? value.text : value
  if (typeof text !== 'string' || text === '') throw badRequest("can't parse keyboard button: text is empty")
  return text
}

function inlineButton(value: unknown): Button {
  if (!isObject(value)) throw badRequest("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
  if (typeof value.text !== 'string' || value.text.trim() === '') {
    throw badRequest('can\'t parse inline keyboard button: Field "text" must be a non-empty String')
  }
  const { text } = value
  if (typeof value.url === 'string') return { text, url: checkedUrl(value.url) }
  if (typeof value.callback_data === 'string') {
    const bytes = Buffer.byteLength(value.callback_data)
    if (bytes === 0 || bytes > CALLBACK_DATA_LIMIT) throw refuse('ButtonDataInvalid')
    return { text, callback_data: value.callback_data }
  }
  if (value.pay === true) return { text, pay: true }
  if (isObject(value.web_app) && typeof value.web_app.url === 'string') {
    return { text, web_app: { url: checkedWebApp(value.web_app.url) } }
  }
  if (isObject(value.copy_text) && typeof value.copy_text.text === 'string') {
    return { text, copy_text: { text: value.copy_text.text } }
  }
  throw badRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
}

/** TDLib's LinkManager takes http(s) and tg only, and a host without a dot for none (so `localhost` is refused). */
function checkedUrl(url: string): string {
  if (!URL.canParse(url)) throw badRequest(`inline keyboard button URL '${url}' is invalid: Wrong HTTP URL`)
  const { protocol, hostname } = new URL(url)
  if (protocol === 'tg:') return url
  if (!/^https?:$/.test(protocol)) {
    throw badRequest(`inline keyboard button URL '${url}' is invalid: Unsupported URL protocol`)
  }
  if (!hostname.includes('.') && !hostname.startsWith('[')) {
    throw badRequest(`inline keyboard button URL '${url}' is invalid: Wrong HTTP URL`)
  }
  return url
}

function checkedWebApp(url: string): string {
  if (!url.startsWith('https://')) {
    throw badRequest(`inline keyboard button Web App URL '${url}' is invalid: Only HTTPS links are allowed`)
  }
  return checkedUrl(url)
}
