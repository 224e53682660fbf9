// What the pool of connections promises whoever asks: nobody waits behind another while a third is done, no more connections
// than are needed, in the order of their coming, and nothing is sent of what nobody wants any more.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { cancelledBy } from '../../lib/database/cancel.ts'
import { connect, type Database, inTransaction } from '../../lib/database/pool.ts'
import { patientFor } from '../until.ts'
import { type Books, openBooks } from './books.ts'

const until = patientFor(30)

let books: Books
/** Holds the locks that statements wait for. */
let holder: Database
let database: Database

beforeAll(async () => {
  books = await openBooks()
})
beforeEach(() => {
  holder = connect(books.superuserUrl, { max: 1, applicationName: 'holder' })
  database = connect(books.superuserUrl, { max: 2, applicationName: 'asked' })
})
afterEach(async () => {
  await holder.end({ timeout: 5 })
  await database.end({ timeout: 5 })
})
afterAll(async () => await books.stop())

const blocked = (lock: number) => database`SELECT pg_advisory_lock(${lock}), pg_advisory_unlock(${lock})`.execute()
const hold = async (lock: number) => await holder`SELECT pg_advisory_lock(${lock})`
const letGo = async (lock: number) => await holder`SELECT pg_advisory_unlock(${lock})`
const isBlocked = async (lock: number) =>
  await until(`somebody waits for ${lock}`, async () => {
    const rows = await holder`SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${lock} AND NOT granted`
    return rows.length > 0
  })

test('a statement is answered as soon as one of the connections is free, however long the other one takes', async () => {
  await Promise.all([blocked(1), blocked(2)]) // What is prepared needs no look before it is sent after another.
  await hold(1)
  await hold(2)
  const long = blocked(1)
  await isBlocked(1)
  const short = blocked(2)
  await isBlocked(2)
  const asked = ['first', 'second', 'third'].map(name => database`SELECT ${name}::text AS name`.execute())
  await nextTurn() // All stand in line.
  await letGo(2)
  await short
  expect((await Promise.all(asked)).flat()).toEqual([{ name: 'first' }, { name: 'second' }, { name: 'third' }])
  await letGo(1)
  await long
})

test('a transaction has its turn among statements, and what was begun first is done first', async () => {
  await hold(1)
  await hold(2)
  const both = [blocked(1), blocked(2)]
  await Promise.all([isBlocked(1), isBlocked(2)])
  const done: string[] = []
  const first = database`SELECT 1`.execute().then(() => done.push('first'))
  await nextTurn()
  const second = inTransaction(database, async transaction => {
    await transaction`SELECT 2`
    done.push('second')
  })
  await nextTurn()
  const third = database`SELECT 3`.execute().then(() => done.push('third'))
  await nextTurn()
  await letGo(2)
  await Promise.all([first, second, third])
  expect(done).toEqual(['first', 'second', 'third'])
  await letGo(1)
  await Promise.all(both)
})

test('who asks for one thing after another needs one connection', async () => {
  const pids = new Set<number>()
  for (let round = 0; round < 10; round += 1) {
    const [row] = await database<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
    pids.add(row?.pid ?? 0)
    await inTransaction(database, async transaction => {
      const [inner] = await transaction<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
      pids.add(inner?.pid ?? 0)
    })
  }
  expect(pids.size).toBe(1)
})

test('what is given up while it waits for a connection is never sent, and takes none', async () => {
  await holder`CREATE TABLE wanted (name text)`
  await hold(1)
  await hold(2)
  const both = [blocked(1), blocked(2)]
  await Promise.all([isBlocked(1), isBlocked(2)])
  const deadline = new AbortController()
  const given = cancelledBy(database, deadline.signal)
  const unwanted = given`INSERT INTO wanted VALUES ('unwanted')`.execute()
  const wanted = database`INSERT INTO wanted VALUES ('wanted')`.execute()
  deadline.abort(new Error('Too late.'))
  await expect(unwanted).rejects.toThrow('Too late.')
  await letGo(1)
  await letGo(2)
  await Promise.all([...both, wanted])
  expect(await database`SELECT name FROM wanted`).toEqual([{ name: 'wanted' }])
})

test('after its connections are lost in the middle of statements all of it serves again, and no more than it', async () => {
  const lost = [database`SELECT pg_sleep(60)`.execute(), database`SELECT pg_sleep(60)`.execute()]
  const outcomes = Promise.allSettled(lost)
  const asked = () =>
    holder<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE application_name = 'asked' AND query = 'SELECT pg_sleep(60)'`
  await until('both are at it', async () => (await asked()).length === 2)
  for (const { pid } of await asked()) await holder`SELECT pg_terminate_backend(${pid}, 10000)`
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await hold(1)
  await hold(2)
  const both = [blocked(1), blocked(2)]
  await Promise.all([isBlocked(1), isBlocked(2)])
  const third = database`SELECT 3 AS three`.execute()
  const [row] = await holder`SELECT count(*)::int AS connected FROM pg_stat_activity WHERE application_name = 'asked'`
  expect(row).toEqual({ connected: 2 })
  await letGo(1)
  expect(await third).toEqual([{ three: 3 }])
  await letGo(2)
  await Promise.all(both)
})

test('when it ends, what is under way is done, and what comes after is told that it has ended', async () => {
  await hold(1)
  const long = blocked(1)
  await isBlocked(1)
  const ended = database.end({ timeout: 5 })
  await letGo(1)
  await long
  await ended
  await expect(database`SELECT 1`).rejects.toMatchObject({ code: 'CONNECTION_ENDED' })
  await expect(inTransaction(database, async () => 1)).rejects.toMatchObject({ code: 'CONNECTION_ENDED' })
})
