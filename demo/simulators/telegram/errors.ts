// Refusals in Telegram's own words (tdlib/telegram-bot-api, td/telegram/MessageEntity.cpp, core.telegram.org/bots/api).

/** Answered as `{ok: false, error_code, description, parameters?}`. */
export class BotApiError extends Error {
  readonly status: number
  /** Seconds, for 429 only. */
  readonly retryAfter: number | undefined

  constructor(status: number, description: string, retryAfter?: number) {
    super(description)
    this.status = status
    this.retryAfter = retryAfter
  }
}

const refusals = {
  Unauthorized: [401, 'Unauthorized'],
  UnknownMethod: [404, 'Not Found: method not found'],
  ChatNotFound: [400, 'Bad Request: chat not found'],
  ChatIdEmpty: [400, 'Bad Request: chat_id is empty'],
  BlockedByUser: [403, 'Forbidden: bot was blocked by the user'],
  TextEmpty: [400, 'Bad Request: message text is empty'],
  TextTooLong: [400, 'Bad Request: message is too long'],
  MessageIdMissing: [400, 'Bad Request: message identifier is not specified'],
  MessageToEditNotFound: [400, 'Bad Request: message to edit not found'],
  MessageNotEditable: [400, "Bad Request: message can't be edited"],
  MessageToDeleteNotFound: [400, 'Bad Request: message to delete not found'],
  MessageNotModified: [
    400,
    'Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a ' +
      'current content and reply markup of the message',
  ],
  QueryTooOld: [400, 'Bad Request: query is too old and response timeout expired or query ID is invalid'],
  CallbackAnswerTooLong: [400, 'Bad Request: MESSAGE_TOO_LONG'],
  ButtonDataInvalid: [400, 'Bad Request: BUTTON_DATA_INVALID'],
  WebhookActive: [
    409,
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
  ],
  OtherGetUpdates: [
    409,
    'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
  ],
  SecretTokenInvalid: [400, 'Bad Request: secret token contains unallowed characters'],
  SecretTokenTooLong: [400, 'Bad Request: secret token is too long'],
  CommandInvalid: [400, 'Bad Request: BOT_COMMAND_INVALID'],
  CommandDescriptionInvalid: [400, 'Bad Request: BOT_COMMAND_DESCRIPTION_INVALID'],
  TooManyCommands: [400, 'Bad Request: BOT_COMMANDS_TOO_MUCH'],
  ActionInvalid: [400, 'Bad Request: wrong parameter action in request'],
  InvoicePayloadInvalid: [400, 'Bad Request: INVOICE_PAYLOAD_INVALID'],
  InvoiceTitleInvalid: [400, 'Bad Request: TITLE_INVALID'],
  InvoiceDescriptionInvalid: [400, 'Bad Request: DESCRIPTION_INVALID'],
  CurrencyInvalid: [400, 'Bad Request: CURRENCY_INVALID'],
  AmountInvalid: [400, 'Bad Request: CURRENCY_TOTAL_AMOUNT_INVALID'],
  StarsInvoiceInvalid: [400, 'Bad Request: STARS_INVOICE_INVALID'],
  ProviderInvalid: [400, 'Bad Request: PAYMENT_PROVIDER_INVALID'],
  ChargeNotFound: [400, 'Bad Request: CHARGE_NOT_FOUND'],
  ChargeAlreadyRefunded: [400, 'Bad Request: CHARGE_ALREADY_REFUNDED'],
  BalanceTooLow: [400, 'Bad Request: BALANCE_TOO_LOW'],
  UserNotFound: [400, 'Bad Request: USER_ID_INVALID'],
  ErrorMessageRequired: [400, 'Bad Request: error message is empty'],
} as const satisfies Record<string, readonly [number, string]>

export function refuse(code: keyof typeof refusals): BotApiError {
  const [status, description] = refusals[code]
  return new BotApiError(status, description)
}

export function badRequest(detail: string): BotApiError {
  return new BotApiError(400, `Bad Request: ${detail}`)
}

export function tooManyRequests(retryAfter: number): BotApiError {
  return new BotApiError(429, `Too Many Requests: retry after ${retryAfter}`, retryAfter)
}
