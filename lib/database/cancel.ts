// Lets a signal reach the database: what runs when it is aborted is cancelled at the server, what would come after it is
// not begun, and a transaction is rolled back by that.
import type { Queries } from './pool.ts'

/**
 * `queries`, until `signal` is aborted. What ran then rejects with PostgreSQL's 57014 (query_canceled), what is asked
 * afterwards throws the signal's reason. For work of a bounded number of statements: each is remembered until the end.
 */
export function cancelledBy<Kind extends Queries>(queries: Kind, signal: AbortSignal): Kind {
  const begun = new Set<Cancellable>()
  signal.addEventListener('abort', () => {
    // A fragment of another statement is never sent by itself, and one that has ended is `active` no longer.
    for (const query of begun) if (query.executed) query.cancel()
    begun.clear()
  })
  return followed(queries, signal, begun)
}

interface Cancellable {
  executed: boolean
  cancel(): void
}

function followed<Kind extends Queries>(queries: Kind, signal: AbortSignal, begun: Set<Cancellable>): Kind {
  return new Proxy(queries, {
    apply(target, itself, args) {
      signal.throwIfAborted()
      const made: unknown = Reflect.apply(target, itself, args)
      if (isCancellable(made)) begun.add(made)
      return made
    },
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if ((name !== 'begin' && name !== 'savepoint') || typeof value !== 'function') return value
      return (body: (transaction: Queries) => unknown) => {
        signal.throwIfAborted()
        return Reflect.apply(value, target, [(inner: Queries) => body(followed(inner, signal, begun))])
      }
    },
  })
}

function isCancellable(made: unknown): made is Cancellable {
  return made instanceof Promise && 'executed' in made && 'cancel' in made && typeof made.cancel === 'function'
}
