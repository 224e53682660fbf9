// Structured logs: one line of JSON per event, a constant message plus fields, and no secret ever.
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdSerializers } from 'pino'
import { isoTime } from '../process/iso-time.ts'

export type Logger = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  child(fields: Record<string, unknown>): Logger
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Field names whose values never reach a log line, wherever a caller's object carries them. */
const SECRET_FIELDS = new Set([
  'token',
  'secret',
  'password',
  'authorization',
  'keySecret',
  'key_secret',
  'webhookSecret',
])
/** Lines are written together: when they are so long, or after so long. Each write costs more than its line. */
const LINES_CHARACTERS = 8192
const LINES_MILLISECONDS = 100
/** How deep such fields are looked for. */
const LEVELS = 3

/**
 * A logger that writes JSON lines to standard output. `program` names the process in every line. The last lines go out at
 * the process's end, whatever its cause but SIGKILL.
 */
export function createLogger(options: { program: string; level: LogLevel }): Logger {
  const logger = pino(
    {
      level: options.level,
      base: { program: options.program },
      timestamp: () => `,"time":"${isoTime(Date.now())}"`,
      formatters: {
        level: label => ({ level: label }),
        log: fields => redacted(fields, LEVELS),
      },
      messageKey: 'message',
      errorKey: 'error',
      serializers: {
        error: (error: unknown) => (error instanceof Error ? redacted(stdSerializers.err(error), LEVELS - 1) : error),
      },
    },
    standardOutput(),
  )
  const { child } = logger
  // A child's fields pass none of the formatters above.
  return Object.assign(logger, {
    child(this: Logger, fields: Record<string, unknown>): Logger {
      return Reflect.apply(child, this, [redacted(fields, LEVELS)])
    },
  })
}

/**
 * The destination's own ways to gather lines look at all that it has gathered with each of them, and write ten times a second
 * for as long as the process lives, though there be nothing to write.
 */
function standardOutput(): DestinationStream {
  const output = destination({ dest: 1, sync: false })
  const write = output.write.bind(output)
  const flushSync = output.flushSync.bind(output)
  let lines = ''
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const gathered = lines
    lines = ''
    if (gathered !== '') write(gathered)
  }
  return Object.assign(output, {
    write(line: string) {
      lines += line
      if (lines.length >= LINES_CHARACTERS) flush()
      else timer ??= setTimeout(flush, LINES_MILLISECONDS).unref()
    },
    /** At the end of the process. */
    flushSync() {
      flush()
      flushSync()
    },
  })
}

/** `fields` itself when it holds no secret, as nearly all do: pino's own redaction copies each line to look at it. */
export function redacted<Fields extends object>(fields: Fields, levels: number): Fields {
  let clean: Fields | undefined
  for (const name in fields) {
    const value = fields[name]
    const shown = SECRET_FIELDS.has(name)
      ? '[redacted]'
      : levels > 1 && isObject(value)
        ? redacted(value, levels - 1)
        : value
    if (shown === value) continue
    clean ??= Array.isArray(fields) ? Object.assign([], fields) : { ...fields }
    Object.assign(clean, { [name]: shown })
  }
  return clean ?? fields
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof Error)
}
