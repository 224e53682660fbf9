// A transaction whose connection is lost at any moment fails by itself: the process lives, nothing of it is booked, and the
// pool goes on. What an error that nobody can catch would do, vitest tells: it fails the run.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Database, inTransaction, type Queries } from '../../lib/database/pool.ts'
import { type Books, openBooks } from './books.ts'

let books: Books
let superuser: Database
let database: Database

beforeAll(async () => {
  books = await openBooks()
  database = connect(books.url, { max: 1, applicationName: 'victim' })
  superuser = connect(books.superuserUrl, { max: 2, applicationName: 'killer' })
  await superuser`CREATE TABLE marks (mark text)`
  await superuser`GRANT ALL ON marks TO PUBLIC`
})
afterAll(async () => {
  await Promise.all([database.end({ timeout: 5 }), superuser.end({ timeout: 5 })])
  await books.stop()
})

async function pidOf(queries: Queries): Promise<number> {
  const [row] = await queries<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
  return row?.pid ?? 0
}

/** Returns when the backend is gone, so that the socket is closed or about to be. */
async function kill(pid: number): Promise<void> {
  await superuser`SELECT pg_terminate_backend(${pid}, 10000)`
}

const moments: Record<string, (transaction: Queries, pid: number) => Promise<unknown>> = {
  'while a statement runs': (transaction, pid) => Promise.all([transaction`SELECT pg_sleep(60)`, kill(pid)]),
  async 'between two statements'(transaction, pid) {
    await kill(pid)
    return await transaction`INSERT INTO marks VALUES ('after')`
  },
  async 'in a savepoint'(transaction, pid) {
    return await inTransaction(transaction, async inner => {
      await Promise.all([inner`SELECT pg_sleep(60)`, kill(pid)])
    })
  },
  async 'and the body goes on after what failed'(transaction, pid) {
    await Promise.allSettled([transaction`SELECT pg_sleep(60)`, kill(pid)])
    return await transaction`INSERT INTO marks VALUES ('after')`
  },
  'before the body throws for a reason of its own': async (_transaction, pid) => {
    await kill(pid)
    throw new Error('Of its own.')
  },
  'before the commit': (_transaction, pid) => kill(pid),
}

test.each(Object.keys(moments))('I8: a backend that dies %s fails that transaction, and nothing else', async moment => {
  let first = 0
  const failed = inTransaction(database, async transaction => {
    first = await pidOf(transaction)
    await transaction`INSERT INTO marks VALUES (${moment})`
    await moments[moment]?.(transaction, first)
  })
  await expect(failed).rejects.toThrow(/connection|CONNECTION_CLOSED|ECONNRESET|Of its own/)
  // The one connection of the pool is made anew, and a transaction on it is whole.
  const second = await inTransaction(database, async transaction => {
    await transaction`INSERT INTO marks VALUES ('next')`
    return await pidOf(transaction)
  })
  expect(second).not.toBe(first)
  expect(await superuser`DELETE FROM marks RETURNING mark`).toEqual([{ mark: 'next' }])
})
