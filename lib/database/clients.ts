// A pool of the driver's clients, each with one connection. The driver's own pool (3.4.9) does not last: it keeps its open and
// its busy connections in arrays that are cut only when the last one is taken out, so that each statement makes one of them
// longer, and it looks through the whole of it at each: after some 200,000, one cost twice as much. With one connection every
// taking is of the last. It also sends a statement after another on a busy connection, however long that one takes, when a
// third would be free sooner.
import type postgres from 'postgres'
import { isLast } from './away.ts'

/** What we use of the driver. Nothing of COPY nor of cursors, whose queries are not over when they are settled. */
export type Pool<Types extends Record<string, unknown>> = postgres.ISql<Types> &
  Pick<postgres.Sql<Types>, 'begin' | 'listen' | 'end'>

/** The driver's query, as far as it is not in its types. */
interface Query extends Promise<unknown> {
  /** Sends it, on whatever connection is its client's. */
  handler: (query: Query) => unknown
}

interface Client<Types extends Record<string, unknown>> {
  sql: postgres.Sql<Types>
  handler: Query['handler']
}

/** `open` makes a client of one connection, which connects when it is first asked. */
export function poolOf<Types extends Record<string, unknown>>(
  max: number,
  open: () => postgres.Sql<Types>,
): Pool<Types> {
  type Use = (client: Client<Types>) => boolean
  const opened = (): Client<Types> => {
    const sql = open()
    return { sql, handler: queryIn(sql``).handler }
  }
  const clients = new Set(Array.from({ length: max }, opened))
  /** The one that was used last is used next, so that no more are connected than are needed. */
  const free = [...clients]
  /** In the order in which they came. Each takes the client that it is offered, or has no need of it any more. */
  const waiting: Use[] = []
  let isEnding = false

  function lend(use: Use): void {
    waiting.push(use)
    serve()
  }

  function giveBack(client: Client<Types>, error?: unknown): void {
    free.push(isLast(error) ? renewed(client) : client)
    serve()
  }

  function serve(): void {
    while (free.length > 0 && waiting.length > 0) {
      const [client, use] = [free.pop(), waiting.shift()]
      if (client && use && !use(client)) free.push(client)
    }
  }

  /** What is asked of a client between its connection's error and its close is never answered. */
  function renewed(client: Client<Types>): Client<Types> {
    if (isEnding) return client
    void client.sql.end({ timeout: 0 })
    clients.delete(client)
    const other = opened()
    clients.add(other)
    return other
  }

  function ask(query: Query): void {
    let client: Client<Types> | undefined
    let isOver = false
    const over = (error?: unknown) => {
      isOver = true
      if (client) giveBack(client, error)
    }
    query.then(() => over(), over)
    lend(lent => {
      if (isOver) return false // Whoever asked has given up.
      client = lent
      client.handler(query)
      return true
    })
  }

  function asked(made: unknown): unknown {
    if (made instanceof Promise) queryIn(made).handler = ask
    return made
  }

  function begin(...args: unknown[]): Promise<unknown> {
    return new Promise(resolve => {
      lend(client => {
        const run: Promise<unknown> = Reflect.apply(client.sql.begin, client.sql, args)
        resolve(run)
        run.then(
          () => giveBack(client),
          (error: unknown) => giveBack(client, error),
        )
        return true
      })
    })
  }

  async function end(options?: { timeout?: number }): Promise<void> {
    isEnding = true
    await Promise.all([maker.end(options), ...[...clients].map(({ sql }) => sql.end(options))])
  }

  /** It makes queries, and listens on a connection apart. */
  const maker = open()
  const { types, typed, array, json, file, notify, listen } = maker
  const sql = (...args: unknown[]) => asked(Reflect.apply(maker, undefined, args))
  const unsafe = (...args: unknown[]) => asked(Reflect.apply(maker.unsafe, maker, args))
  const all = { types, typed, array, json, file, notify, listen, unsafe, begin, end }
  return Object.assign(sql, all) as unknown as Pool<Types>
}

function queryIn(made: unknown): Query {
  return made as Query
}
