// When the database cannot be heard, by the words of the driver, the operating system and PostgreSQL. The one list of them.
import postgres from 'postgres'

/** A connection was there, and says nothing more. */
const LOST = ['CONNECTION_CLOSED', 'CONNECTION_DESTROYED', 'CONNECTION_ENDED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']
/** None came to be. */
const UNREACHED = ['CONNECT_TIMEOUT', 'ECONNREFUSED', 'ENOTFOUND']
/**
 * too_many_connections, admin_shutdown, crash_shutdown, cannot_connect_now:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const REFUSED = ['53300', '57P01', '57P02', '57P03']

const AWAY: ReadonlySet<string> = new Set([...LOST, ...UNREACHED, ...REFUSED])

/** Nothing was wrong with what was asked: asked again, once the database is back, it may be answered. */
export function isAway(error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && AWAY.has(code)
}

/** Whether it is the last that was heard of its connection: PostgreSQL ends that with whatever is FATAL. */
export function isLast(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) return error.severity === 'FATAL' || error.severity === 'PANIC'
  return LOST.includes(codeOf(error) ?? '')
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
