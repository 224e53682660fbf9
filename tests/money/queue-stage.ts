// A queue in a real Postgres, empty before each test, and workers that end with it.
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { TopicName } from '../../api/queue/topics.ts'
import { type Handlers, type WorkerOptions, work } from '../../api/queue/worker.ts'
import type { Database } from '../../lib/database/pool.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { type Books, openBooks, silent } from './books.ts'

export const session = (sessionId: string) => ({ sessionId })

export function queueStage() {
  let books: Books
  let database: Database
  let stops: (() => Promise<void>)[] = []

  beforeAll(async () => {
    books = await openBooks()
    database = books.database
  })
  afterAll(async () => await books.stop())
  beforeEach(async () => {
    await database`DELETE FROM queue_items`
    await database`DELETE FROM queue_seen`
  })
  afterEach(async () => {
    await Promise.all(stops.map(stop => stop()))
    stops = []
  })

  /** Works until the test is over, or until it is stopped. */
  function worker(handlers: Handlers, options: Partial<WorkerOptions> = {}) {
    const stopping = new AbortController()
    const outcomes: { topic: TopicName; outcome: string }[] = []
    let heard = () => {}
    const running = work(
      {
        database,
        clock: systemClock,
        random: Math.random,
        log: silent,
        handlers,
        backoff: { initialSeconds: 0.05, maximumSeconds: 0.2 },
        pollSeconds: 0.2,
        onOutcome: outcome => {
          outcomes.push(outcome)
          heard()
        },
        ...options,
      },
      stopping.signal,
    )
    const stop = async () => {
      stopping.abort()
      await running
    }
    stops.push(stop)
    return {
      stop,
      outcomes,
      /** Resolves after so many items were done or dead. */
      async until(count: number) {
        while (outcomes.filter(({ outcome }) => outcome !== 'Retried').length < count) {
          await new Promise<void>(resolve => {
            heard = resolve
          })
        }
      },
    }
  }

  return {
    get books() {
      return books
    },
    get database() {
      return database
    },
    worker,
    isEmpty: async () => (await database`SELECT FROM queue_items`).length === 0,
  }
}
