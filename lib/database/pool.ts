// One pool of connections to one logical database. 64-bit integers come as bigint: money is never a float.
import postgres from 'postgres'
import { isoTime } from '../process/iso-time.ts'
import { isLast } from './away.ts'
import { type Pool, poolOf } from './clients.ts'
import { whileConnected } from './connected.ts'

/** What columns come as, of the types that are not, or not wholly, the driver's own. */
type Types = { bigint: bigint; date: Date }

export type Database = Pool<Types>
export type Transaction = postgres.TransactionSql<Types>
/** Either of both: for reads that stand alone as well as inside a transaction. */
export type Queries = Database | Transaction

/** Seconds that a statement may take before the server cancels it. Long work is done in pages. */
const STATEMENT_SECONDS = 15
/** Seconds that a transaction may lie idle: its locks would hold up everybody else. */
const IDLE_IN_TRANSACTION_SECONDS = 15
const CONNECT_SECONDS = 5
/** Seconds between attempts to connect again, at most. The driver's own twenty would prolong every outage by as much. */
const RECONNECT_SECONDS = 0.5
/** How often a transaction is tried that the server itself broke off for another's sake. */
const ATTEMPTS = 5

export interface ConnectOptions {
  /** Connections at most. */
  max: number
  /** What `pg_stat_activity` shows. */
  applicationName: string
}

/** As the driver's own, but that it writes a moment in less time: nearly each statement says when it is. */
const date = {
  to: 1184,
  from: [1082, 1114, 1184],
  serialize: (value: Date | string | number) => isoTime(new Date(value).getTime()),
  parse: (text: string) => new Date(text),
}

/** Connects lazily: the first query may throw with `ECONNREFUSED` or PostgreSQL's code, and so may every later one. */
export function connect(url: string, { max, applicationName }: ConnectOptions): Database {
  const client = () =>
    postgres(url, {
      max: 1,
      connect_timeout: CONNECT_SECONDS,
      backoff: attempt => Math.min(0.01 * 2 ** attempt, RECONNECT_SECONDS),
      types: { bigint: postgres.BigInt, date },
      onnotice: () => {}, // "already exists, skipping" and the like, printed to standard output otherwise.
      connection: {
        application_name: applicationName,
        statement_timeout: STATEMENT_SECONDS * 1000,
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_SECONDS * 1000,
      },
    })
  return poolOf(max, client)
}

/**
 * Runs `body` in one transaction and commits it; a throw rolls it back and is rethrown. `body` runs again from its
 * start when the server broke the transaction off (deadlock, serialization), so it must have no effect outside. Within a
 * transaction it is a savepoint of that one.
 */
export async function inTransaction<Result>(
  queries: Queries,
  body: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inOneTransaction(queries, body)
    } catch (error) {
      if (attempt >= ATTEMPTS || !isBrokenOff(error)) throw error
    }
  }
}

/**
 * As `inTransaction`, but `body` runs once, whatever happens. `mode` is PostgreSQL's of a transaction, such as
 * `ISOLATION LEVEL REPEATABLE READ`. Rejects with `CONNECTION_CLOSED`, or PostgreSQL's code, when the connection is lost;
 * what was done is then rolled back, unless it was lost during the commit.
 */
export async function inOneTransaction<Result>(
  queries: Queries,
  body: (transaction: Transaction) => Promise<Result>,
  mode = '',
): Promise<Result> {
  let isBegun = false
  // The box keeps the driver from resolving an array of results element by element.
  let result: { value: Result } | undefined
  const boxed = async (transaction: Transaction) => {
    isBegun = true
    result = { value: await body(transaction) }
  }
  if ('savepoint' in queries) await queries.savepoint(boxed)
  else {
    const begin = () =>
      whileConnected<Transaction, void>(
        inner => (mode === '' ? queries.begin(inner) : queries.begin(mode, inner)),
        boxed,
      )
    // The driver (3.4.9) answers the first question on a new connection with what ended the one before.
    await begin().catch((error: unknown) => {
      if (isBegun || !isLast(error)) throw error
      return begin()
    })
  }
  if (!result) throw new Error('A transaction was committed before its body was done.')
  return result.value
}

/** PostgreSQL's five characters for what went wrong: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof postgres.PostgresError ? error.code : undefined
}

/** serialization_failure and deadlock_detected. */
function isBrokenOff(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlStateOf(error) ?? '')
}
