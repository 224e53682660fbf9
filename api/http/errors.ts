// What the HTTP edge itself refuses. Other rooms' codes get their status in `problem.ts`.
export const httpSentences = {
  NotFound: 'There is nothing at this address. The routes are listed at /openapi.json.',
  InvalidRequest: 'The request does not fit the schema. `faults` says where, and what is permitted.',
  MalformedBody: 'The body cannot be read as JSON. Send one JSON object, with Content-Type: application/json.',
  BodyTooLarge: 'The body is larger than this route takes. Send less than 256 KiB; under /v1, less than 16 KiB.',
  MediaTypeUnsupported: 'The body is not declared as JSON. Send it with Content-Type: application/json.',
  IdempotencyKeyMissing:
    'Every POST needs the header Idempotency-Key: 16 to 255 of A-Z, a-z, 0-9, _ and -, such as a UUID. Send the same ' +
    'one when you repeat a request, and a new one with every new request.',
  IdempotencyKeyReused: 'This Idempotency-Key was used for another request. Nothing was changed. Use a new one.',
  IdempotencyInFlight:
    'A request with this Idempotency-Key is at work. Ask again in a second, with the same key, for its reply.',
  SessionUnknown: 'There is no such session. /v1/sessions lists yours.',
  SessionOver: 'This session is over, which is final. Start a new one.',
  ReceiptUnknown:
    'This session has no receipt: it is not over yet, or nothing was charged for it. Look at its state and costPaise.',
  TooManyStreams: 'Four streams of events are open for this player already. Close one of them.',
  GuestTokenInvalid:
    'The guest token is missing, expired, or not signed by the operator for this machine. Read the newest one from the ' +
    'machine’s bootstrap secret.',
  MachineOver:
    'The machine that this token was signed for is gone, or another one stands in its place. Stop reporting.',
  TelegramSecretInvalid:
    'The header X-Telegram-Bot-Api-Secret-Token is missing or wrong. Only Telegram calls this address; ' +
    'if this is Telegram, set the webhook again with the present secret.',
  TooManyRequests:
    'Too many requests came from you or your address. Wait for the seconds in Retry-After, then try again.',
  Unavailable:
    'The service cannot reach what it stands on at the moment. Try again in a few seconds; a POST with the same ' +
    'Idempotency-Key, so that nothing is done twice.',
  TimedOut:
    'The answer took too long, and the work was broken off. Try again in a few seconds; a POST with the same ' +
    'Idempotency-Key, so that nothing is done twice.',
  ClientGone: 'The connection was closed before the answer was there. The work was broken off.',
  Internal: 'Something broke on our side. Try again; if it stays so, tell us the requestId.',
} as const

export type HttpErrorCode = keyof typeof httpSentences

/** One fault of a request that does not fit its schema. */
export interface Fault {
  /** Where: the path of the field, such as `limit` or `regions.0`; `body` for the whole of it. */
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
