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

test('the evictions and hours of spot machines are read back, within a window, and what is old is forgotten', async () => {
  const url = postgres.url('wasd_operator')
  const store = postgresHistory({ url, log })
  await store.prepare()
  const at = (hour: number) => new Date(Date.UTC(2026, 10, 20, hour))
  const note = (hour: number, kind: CapacityEvent['kind'], gpuVmUid: string, more: Partial<CapacityEvent> = {}) => ({
    ...asked,
    region: 'far',
    at: at(hour),
    kind,
    gpuVmUid,
    ...more,
  })
  await store.append([
    note(-200, 'Granted', 'before'), // Before the window.
    note(1, 'Asked', 'struck'),
    note(2, 'Granted', 'struck'),
    note(5, 'Evicted', 'struck'), // Three hours.
    note(6, 'Granted', 'struck', { priority: 'Regular' }), // Its rescue is no spot.
    note(2, 'Granted', 'calm'),
    note(3, 'Released', 'calm'), // One hour.
    note(8, 'Granted', 'calm'), // Resumed, and runs on: two hours.
    note(9, 'Granted', 'other', { size: 'Standard_B' }),
  ])
  expect(await store.recall({ since: at(0), until: at(10) })).toEqual([
    { region: 'far', size: 'Standard_A', evictions: 1, machineHours: 6 },
    { region: 'far', size: 'Standard_B', evictions: 0, machineHours: 1 },
  ])
  await store.forget({ events: at(6), decisions: at(6) })
  expect((await store.recall({ since: at(-300), until: at(10) }))[0]).toMatchObject({ evictions: 0, machineHours: 2 })
  await store.close()
})

test('what Azure answered is read back as it was noted, the oldest first, within a window', async () => {
  const store = postgresHistory({ url: postgres.url('wasd_operator'), log })
  await store.prepare()
  const at = (minute: number) => new Date(Date.UTC(2026, 10, 21, 9, minute))
  const common = { ...asked, region: 'answering', gpuVmUid: 'uid-answered' }
  const refused = { ...common, kind: 'Refused' as const, code: 'OperationNotAllowed', message: 'LowPriorityCores' }
  await store.append([
    { ...refused, at: at(1) },
    { ...common, kind: 'Granted', zone: '2', at: at(4) },
    { ...refused, at: at(3) }, // Another process's, which wrote it later.
    { ...common, kind: 'Asked', at: at(4) },
    { ...common, kind: 'Unfit', zone: '1', code: 'InvalidAvailabilityZone', message: '', at: at(5) },
    { ...common, kind: 'Evicted', at: at(5) },
    { ...common, kind: 'Released', zone: '2', at: at(6) },
    { ...refused, at: at(7) },
  ])
  expect(await store.answers({ since: at(2), until: at(7) })).toEqual([
    { ...refused, at: at(3) },
    { ...common, kind: 'Granted', zone: '2', at: at(4) },
    { ...common, kind: 'Unfit', zone: '1', code: 'InvalidAvailabilityZone', message: '', at: at(5) },
    { ...common, kind: 'Released', zone: '2', at: at(6) },
  ])
  await store.close()
})

test('the decisions on a machine are read back in order, those of a week', async () => {
  const store = postgresHistory({ url: postgres.url('wasd_operator'), log })
  await store.prepare()
  const decision = (hour: number, record: string, name = 'one') => ({
    at: new Date(Date.UTC(2026, 10, 20, hour)),
    namespace: 'play',
    name,
    gpuVmUid: 'uid-machine',
    record,
  })
  await store.keep([decision(1, 'first'), decision(2, 'of another', 'two'), decision(3, 'second')])
  await store.keep([decision(4, 'third')])
  const machine = { namespace: 'play', name: 'one' }
  expect(await store.decisionsOf(machine)).toEqual(['first', 'second', 'third'])
  const early = new Date(Date.UTC(2026, 10, 20, 2))
  await store.forget({ events: early, decisions: early })
  expect(await store.decisionsOf(machine)).toEqual(['second', 'third'])
  await store.close()
})

test('a database that is away throws, for the caller to try again', async () => {
  const store = postgresHistory({ url: 'postgres://nobody@127.0.0.1:1/nothing', log })
  await expect(store.prepare()).rejects.toThrow()
  await expect(store.append([asked])).rejects.toThrow()
  await expect(store.recall({ since: new Date(0), until: new Date() })).rejects.toThrow()
  await store.close()
})
