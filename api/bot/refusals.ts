// Which errors the bot answers in words of its own, and which of Telegram's can be lived with.
import { GrammyError, HttpError } from 'grammy'

/** The stable code of an error of ours, or of a driver's. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/**
 * What a failed call to Telegram means.
 * `Blocked`: the person does not want to hear from us, or is gone. Final.
 * `Later`: flood control or Telegram's own trouble; `retryAfterSeconds` where it says so.
 * `Harmless`: what was to be done is done, or can no longer be: an edit without a change, an answer that is too late.
 * `Refused`: Telegram does not take it, and never will: our bug.
 * `undefined`: not Telegram's error.
 */
export type TelegramFailure =
  | { kind: 'Blocked' }
  | { kind: 'Later'; retryAfterSeconds: number | undefined }
  | { kind: 'Harmless' }
  | { kind: 'Refused' }

/** Telegram has no codes finer than the status; these are the beginnings of its sentences (tdlib/telegram-bot-api). */
const HARMLESS = [
  'Bad Request: message is not modified',
  'Bad Request: query is too old',
  'Bad Request: message to edit not found',
  "Bad Request: message can't be edited",
]
const GONE = ['Bad Request: chat not found', 'Bad Request: user not found', 'Bad Request: PEER_ID_INVALID']

export function telegramFailure(error: unknown): TelegramFailure | undefined {
  if (error instanceof HttpError) return { kind: 'Later', retryAfterSeconds: undefined } // No answer came.
  if (!(error instanceof GrammyError)) return undefined
  const says = (beginnings: readonly string[]) => beginnings.some(words => error.description.startsWith(words))
  if (error.error_code === 403 || says(GONE)) return { kind: 'Blocked' }
  if (error.error_code === 429 || error.error_code >= 500) {
    return { kind: 'Later', retryAfterSeconds: error.parameters.retry_after }
  }
  return says(HARMLESS) ? { kind: 'Harmless' } : { kind: 'Refused' }
}

/** What a log line may show of an error: grammY's own carry the whole call, and with it secrets and people's messages. */
export function shown(error: unknown): Record<string, unknown> {
  if (error instanceof GrammyError) {
    const { method, error_code: status, description } = error
    return { method, status, description }
  }
  if (error instanceof HttpError) return { description: error.message }
  return { error }
}
