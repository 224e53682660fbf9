// Lets a signal reach the database: what runs when it is aborted is cancelled at the server, what would come after it is
// not begun, and a transaction is rolled back by that.
import { setTimeout as delay } from 'node:timers/promises'
import type { Queries } from './pool.ts'

/**
 * `queries`, until `signal` is aborted. What ran then rejects with PostgreSQL's 57014 (query_canceled), what is asked
 * afterwards throws the signal's reason. For work of a bounded number of statements: each is remembered until the end.
 */
export function cancelledBy<Kind extends Queries>(queries: Kind, signal: AbortSignal): Kind {
  const begun = new Set<Query>()
  signal.addEventListener('abort', () => {
    // A fragment of another statement is never sent by itself.
    for (const query of begun) if (query.executed) void cancel(query, signal)
    begun.clear()
  })
  return followed(queries, signal, begun)
}

/** The driver's query, as far as it is not in its types. */
interface Query extends Promise<unknown> {
  /** Asked for. */
  executed: boolean
  /** `null` while it waits for a connection. */
  state: unknown
  /** The server works on this very one; not on another that was sent before it. */
  active: boolean
  cancel(): void
  reject(reason: unknown): void
}

const LOOK_MILLISECONDS = 10

/**
 * Only what the server works on: a query that is cancelled while it waits behind another makes the driver (3.4.9) take the
 * one's reply for the next one's.
 */
async function cancel(query: Query, signal: AbortSignal): Promise<void> {
  if (query.state === null) return query.reject(signal.reason)
  let isOver = false
  const over = () => {
    isOver = true
  }
  query.then(over, over)
  await Promise.resolve()
  while (!isOver && !query.active) await delay(LOOK_MILLISECONDS)
  if (!isOver) query.cancel()
}

function followed<Kind extends Queries>(queries: Kind, signal: AbortSignal, begun: Set<Query>): Kind {
  return new Proxy(queries, {
    apply(target, itself, args) {
      signal.throwIfAborted()
      const made: unknown = Reflect.apply(target, itself, args)
      if (isQuery(made)) begun.add(made)
      return made
    },
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if ((name !== 'begin' && name !== 'savepoint') || typeof value !== 'function') return value
      return async (body: (transaction: Queries) => unknown) => {
        signal.throwIfAborted()
        const run: Promise<unknown> = Reflect.apply(value, target, [
          (inner: Queries) => {
            signal.throwIfAborted()
            unfollow()
            return body(followed(inner, signal, begun))
          },
        ])
        // Nobody waits for a connection longer than that; the transaction that then begins ends at once.
        let unfollow = () => {}
        const aborted = new Promise<never>((_resolve, reject) => {
          const abort = () => reject(signal.reason)
          signal.addEventListener('abort', abort)
          unfollow = () => signal.removeEventListener('abort', abort)
        })
        return await Promise.race([run, aborted])
      }
    },
  })
}

function isQuery(made: unknown): made is Query {
  return made instanceof Promise && ['executed', 'state', 'active', 'cancel', 'reject'].every(name => name in made)
}
