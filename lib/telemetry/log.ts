// Structured logs: one line of JSON per event, a constant message plus fields, and no secret ever.
import { type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino'

export type Logger = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  child(fields: Record<string, unknown>): Logger
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Field names whose values never reach a log line, wherever a caller's object carries them. */
const SECRET_FIELDS = ['token', 'secret', 'password', 'authorization', 'keySecret', 'key_secret', 'webhookSecret']

/** A logger that writes JSON lines to standard output. `program` names the process in every line. */
export function createLogger(options: { program: string; level: LogLevel }): Logger {
  return pino({
    level: options.level,
    base: { program: options.program },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
    messageKey: 'message',
    errorKey: 'error',
    redact: { paths: SECRET_FIELDS.flatMap(field => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
  })
}
