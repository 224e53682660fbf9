// Keeps a transaction whose connection is gone from being written to. The driver (3.4.9) rolls back, and sends whatever
// the body asks next, on the closed socket: an error that nobody can catch, and the end of the process.
import { isLast } from './away.ts'
import type { Queries } from './pool.ts'

/** `aborted` when the connection is lost, by the error that said so. */
type Connection = AbortController

/**
 * What `run` (the driver's `begin`) makes of `body` while the connection lives. When it is lost, whatever `body` then asks
 * throws, the driver hears no more of it, and the promise rejects with the error that said so.
 */
export async function whileConnected<Inner extends Queries, Result>(
  run: (body: (queries: Inner) => Promise<Result>) => Promise<unknown>,
  body: (queries: Inner) => Promise<Result>,
): Promise<unknown> {
  const connection = new AbortController()
  const running = run(heardWhileConnected(connection, body))
  // A connection that closes while nothing is asked is told of by this alone.
  note(running, connection)
  return await Promise.race([running, loss(connection)])
}

function note(asked: Promise<unknown>, connection: Connection): void {
  // Not by `catch`, which the driver's queries take as the word to begin.
  void Promise.prototype.then.call(asked, undefined, (error: unknown) => {
    if (isLast(error)) connection.abort(error)
  })
}

function loss({ signal }: Connection): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** `body` as the driver may hear of it: settled while the connection lives, and never afterwards. */
function heardWhileConnected<Inner extends Queries, Result>(
  connection: Connection,
  body: (queries: Inner) => Promise<Result>,
): (queries: Inner) => Promise<Result> {
  return async queries => {
    try {
      const result = await body(guarded(queries, connection))
      if (!connection.signal.aborted) return result
    } catch (error) {
      if (!connection.signal.aborted) throw error
    }
    return await new Promise<never>(() => undefined)
  }
}

function guarded<Inner extends Queries>(queries: Inner, connection: Connection): Inner {
  const ask = (call: () => unknown) => {
    connection.signal.throwIfAborted()
    const asked = call()
    if (asked instanceof Promise) note(asked, connection)
    return asked
  }
  return new Proxy(queries, {
    apply: (target, itself, args) => ask(() => Reflect.apply(target, itself, args)),
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name === 'unsafe') return (...args: unknown[]) => ask(() => Reflect.apply(value, target, args))
      if (name !== 'savepoint') return value
      return async (body: (inner: Queries) => Promise<unknown>) => {
        connection.signal.throwIfAborted()
        const run: Promise<unknown> = Reflect.apply(value, target, [heardWhileConnected(connection, body)])
        return await Promise.race([run, loss(connection)])
      }
    },
  })
}
