// The operator's history on a real Postgres, as the local stack starts it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Postgres, startPostgres } from '../../demo/stack/postgres.ts'
import { connect } from '../../lib/database/pool.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import type { CapacityEvent } from '../../operator/history/history.ts'
import { postgresHistory } from '../../operator/history/postgres.ts'

const log = createLogger({ program: 'test', level: 'silent' })
let folder: string
let postgres: Postgres
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'history-test-'))
  postgres = await startPostgres({ folder })
})
afterAll(async () => {
  await postgres?.stop()
  await rm(folder, { recursive: true, force: true })
})

const asked: CapacityEvent = {
  kind: 'Asked',
  at: new Date('2026-11-24T18:00:00Z'),
  region: 'centralindia',
  size: 'Standard_A',
  priority: 'Spot',
  gpuVmUid: 'uid-machine',
}

test('two operators that start at once make one schema, and what they note is there', async () => {
  const url = postgres.url('wasd_operator')
  const stores = [postgresHistory({ url, log }), postgresHistory({ url, log })]
  await Promise.all(stores.map(store => store.prepare()))
  await stores[0]?.append([asked, { ...asked, kind: 'Refused', code: 'SkuNotAvailable', hourlyPriceUsd: 0.18256 }])
  await stores[1]?.prepare()
  await Promise.all(stores.map(store => store.close()))

  const database = connect(url, { max: 1, applicationName: 'test' })
  const rows =
    await database`select kind, region, code, hourly_price_usd::text as price from capacity_events order by id`
  await database.end()
  expect(rows.map(row => ({ ...row }))).toEqual([
    { kind: 'Asked', region: 'centralindia', code: null, price: null },
    { kind: 'Refused', region: 'centralindia', code: 'SkuNotAvailable', price: '0.18256' },
  ])
})

test('a database that is away throws, for the caller to try again', async () => {
  const store = postgresHistory({ url: 'postgres://nobody@127.0.0.1:1/nothing', log })
  await expect(store.prepare()).rejects.toThrow()
  await expect(store.append([asked])).rejects.toThrow()
  await store.close()
})
