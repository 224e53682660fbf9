// What the HTTP edge itself refuses. Other rooms' codes get their status in `problem.ts`.
export const httpSentences = {
  NotFound: 'There is nothing at this address. The routes are listed at /openapi.json.',
  InvalidRequest: 'The request does not fit the schema. `faults` says where, and what is permitted.',
  MalformedBody: 'The body cannot be read as JSON. Send one JSON object, with Content-Type: application/json.',
  BodyTooLarge: 'The body is larger than this route takes. Send less than 256 KiB.',
  TelegramSecretInvalid:
    'The header X-Telegram-Bot-Api-Secret-Token is missing or wrong. Only Telegram calls this address; ' +
    'if this is Telegram, set the webhook again with the present secret.',
  TooManyRequests: 'Too many requests came from this address. Wait for the seconds in Retry-After, then try again.',
  Unavailable: 'The service cannot reach its database at the moment. Nothing was changed. Try again in a few seconds.',
  Internal: 'Something broke on our side. Try again; if it stays so, tell us the requestId.',
} as const

export type HttpErrorCode = keyof typeof httpSentences

/** One fault of a request that does not fit its schema. */
export interface Fault {
  /** Where: a path such as `query.limit`. */
  at: string
  message: string
}

export class HttpError extends Error {
  readonly code: HttpErrorCode
  readonly faults: readonly Fault[] | undefined
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: HttpErrorCode,
    options: { cause?: unknown; faults?: readonly Fault[]; retryAfterSeconds?: number } = {},
  ) {
    super(httpSentences[code], { cause: options.cause })
    this.code = code
    this.faults = options.faults
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
