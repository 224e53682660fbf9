// Postgres and Redis of a run: walled off from each other, and back after a crash.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Postgres, startPostgres } from '../../demo/stack/postgres.ts'
import { type Redis, startRedis } from '../../demo/stack/redis.ts'
import { processesIn } from './left-behind.ts'

const folder = mkdtempSync(join(tmpdir(), 'wasd-stores-'))
let database: Postgres
let redis: Redis

beforeAll(async () => {
  database = await startPostgres({ folder: join(folder, 'postgres') })
  redis = await startRedis({ folder: join(folder, 'redis') })
})

afterAll(async () => {
  await redis?.stop()
  await database?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function query(url: string, text: string): Promise<postgres.Row[]> {
  const sql = postgres(url, { max: 1 })
  try {
    return [...(await sql.unsafe(text))]
  } finally {
    await sql.end()
  }
}

test('it is Postgres 18, and not run by root', async () => {
  const [row] = await query(database.superuserUrl('postgres'), 'SHOW server_version')
  expect(row?.server_version).toMatch(/^18\./)
})

test('each database is owned by its own role, and the API is not the owner of its books', async () => {
  await query(database.url('wasd_operator'), 'CREATE TABLE mine (id int)')
  await query(database.ownerUrl('wasd_api'), 'CREATE TABLE mine (id int)')
  expect(await query(database.url('wasd_api'), 'SELECT current_user AS who')).toEqual([{ who: 'wasd_api' }])
  await expect(query(database.url('wasd_api'), 'CREATE TABLE other (id int)')).rejects.toThrow(/permission denied/)
  await expect(query(database.url('wasd_api'), 'TABLE mine')).rejects.toThrow(/permission denied/)
})

test("neither role reaches the other's database", async () => {
  const foreign = new URL(database.url('wasd_api'))
  foreign.pathname = '/wasd_operator'
  await expect(query(foreign.href, 'SELECT 1')).rejects.toThrow(/permission denied for database/)
})

test('a wrong password is refused', async () => {
  const wrong = new URL(database.url('wasd_api'))
  wrong.password = 'guessed'
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/)
})

test('what was committed survives a crash of the server', async () => {
  await query(database.url('wasd_operator'), 'CREATE TABLE kept AS SELECT 7 AS seven')
  database.server.kill('SIGKILL')
  await database.server.ended()
  await database.server.start()
  expect(await query(database.url('wasd_operator'), 'SELECT seven FROM kept')).toEqual([{ seven: 7 }])
})

test('Redis is empty after a crash, on the same port', async () => {
  const { url } = redis
  redis.server.kill('SIGKILL')
  await redis.server.ended()
  await redis.server.start()
  expect(redis.url).toBe(url)
  expect(redis.server.isRunning()).toBe(true)
})

test('after stop() no process is left', async () => {
  await redis.stop()
  await database.stop()
  expect(processesIn(folder)).toEqual([])
})
