import { expect, test } from 'vitest'
import { createLogger } from '../../lib/telemetry/log.ts'
import type { Seen } from '../capacity/eviction-rates.ts'
import { machineFor } from '../gamesession/sights.fixture.ts'
import { type CapacityEvent, type HistoryStore, history, type Recalled } from './history.ts'
import { notesOf } from './notes.ts'

const log = createLogger({ program: 'test', level: 'silent' })
const event = (gpuVmUid: string): CapacityEvent => ({
  kind: 'Asked',
  at: new Date(0),
  region: 'near',
  size: 'Standard_A',
  priority: 'Spot',
  gpuVmUid,
})

/** Runs so many rounds, `between` them whatever a test does. */
async function rounds(
  count: number,
  store: HistoryStore,
  between: (round: number) => void = () => undefined,
  onRecalled?: (recalled: Recalled) => void,
) {
  const stop = new AbortController()
  let round = 0
  const patience = Promise.withResolvers<void>()
  const sleep = async (milliseconds: number, signal?: AbortSignal) => {
    if (milliseconds === 5000) {
      signal?.addEventListener('abort', () => patience.resolve(), { once: true })
      return await patience.promise
    }
    round += 1
    between(round)
    if (round === count) stop.abort()
  }
  const kept = history({
    clock: { now: () => new Date(0), monotonic: () => 0, sleep },
    log,
    store,
    ...(onRecalled && { onRecalled }),
  })
  return { kept, run: () => kept.run({ stop: stop.signal, abort: stop.signal }), losePatience: patience.resolve }
}

function inMemory() {
  const written: string[] = []
  const records: string[] = []
  const state = {
    away: false,
    prepared: 0,
    closed: false,
    seen: [] as Seen[],
    answers: [] as CapacityEvent[],
    asked: [] as unknown[],
    forgotten: [] as unknown[],
  }
  const store: HistoryStore = {
    async prepare() {
      if (state.away) throw new Error('ECONNREFUSED')
      state.prepared += 1
    },
    async append(events) {
      if (state.away) throw new Error('ECONNREFUSED')
      written.push(...events.map(({ gpuVmUid }) => gpuVmUid))
    },
    async keep(decisions) {
      if (state.away) throw new Error('ECONNREFUSED')
      records.push(...decisions.map(({ record }) => record))
    },
    async decisionsOf() {
      return records
    },
    async recall() {
      return state.seen
    },
    async answers({ since, until }) {
      state.asked.push([since, until])
      return state.answers
    },
    async forget(before) {
      state.forgotten.push(before)
    },
    async close() {
      state.closed = true
    },
  }
  return { state, store, written, records }
}

test('what is noted is written in order, and the rest at the end', async () => {
  const { state, store, written } = inMemory()
  const { kept, run } = await rounds(2, store, round => round === 2 && kept.note(event('c')))
  kept.note(event('a'))
  kept.note(event('b'))
  await run()
  expect(written).toEqual(['a', 'b', 'c'])
  expect(state).toMatchObject({ prepared: 1, closed: true })
})

test('a database that is away costs nothing but the wait', async () => {
  const { state, store, written } = inMemory()
  state.away = true
  const { kept, run } = await rounds(3, store, round => {
    if (round === 2) state.away = false
  })
  kept.note(event('a'))
  await run()
  expect(written).toEqual(['a'])
})

test('decisions are written too, and while the database is away the last two thousand of them wait', async () => {
  const { state, store, records } = inMemory()
  state.away = true
  const { kept, run } = await rounds(3, store, round => {
    if (round === 2) state.away = false
  })
  const machine = { namespace: 'play', name: 'one' }
  for (let number = 1; number <= 2001; number += 1)
    kept.keep({ ...machine, at: new Date(0), gpuVmUid: 'uid', record: `${number}` })
  await run()
  expect([records.length, records.at(0), records.at(-1)]).toEqual([2000, '2', '2001'])
})

test('what earlier processes saw is read once, and what is old is forgotten once in six hours', async () => {
  const { state, store } = inMemory()
  state.seen = [{ region: 'near', size: 'Standard_A', evictions: 1, machineHours: 9 }]
  state.answers = [event('a')]
  const recalled: Recalled[] = []
  const { kept, run } = await rounds(
    3,
    store,
    () => undefined,
    each => recalled.push(each),
  )
  const whenRecalled = kept.recalled.then(() => recalled.length)
  await run()
  expect(recalled).toEqual([{ rates: state.seen, answers: state.answers }])
  expect(await whenRecalled).toBe(1) // Whoever waits for it finds it learned.
  expect(state.asked).toEqual([[new Date(-25 * 3_600_000), new Date(0)]]) // Up to where this process itself sees.
  expect(state.forgotten).toEqual([
    { events: new Date(-90 * 24 * 3_600_000), decisions: new Date(-7 * 24 * 3_600_000) },
  ])
})

test('a database that is away, or does not answer, holds nobody up; when it comes late, what was seen meanwhile is truer', async () => {
  const away = inMemory()
  away.state.away = true
  away.state.answers = [event('a')]
  const recalled: Recalled[] = []
  const first = await rounds(
    2,
    away.store,
    () => {
      away.state.away = false
    },
    each => recalled.push(each),
  )
  await first.run()
  await first.kept.recalled
  expect(recalled).toEqual([{ rates: [], answers: [] }])

  const slow = inMemory()
  slow.state.seen = [{ region: 'near', size: 'Standard_A', evictions: 1, machineHours: 9 }]
  slow.state.answers = [event('a')]
  const answer = Promise.withResolvers<void>()
  const store = { ...slow.store, prepare: async () => await answer.promise }
  const second = await rounds(
    2,
    store,
    () => undefined,
    each => recalled.push(each),
  )
  const running = second.run()
  second.losePatience()
  await second.kept.recalled
  expect(recalled).toHaveLength(1)
  answer.resolve()
  await running
  expect(recalled[1]).toEqual({ rates: slow.state.seen, answers: [] })
})

test('memory is bounded: the oldest notes go first', async () => {
  const { state, store, written } = inMemory()
  state.away = true
  const { kept, run } = await rounds(2, store, round => {
    if (round === 1) state.away = false
  })
  for (let index = 0; index < 10_500; index += 1) kept.note(event(String(index)))
  await run()
  expect(written).toHaveLength(10_000)
  expect(written[0]).toBe('500')
})

test('a machine’s changes tell what was asked, granted, refused and taken back', () => {
  const idle = machineFor()
  const since = '2026-11-24T18:00:00Z'
  const asked = machineFor({ status: { operation: { kind: 'Create', resource: 'x', since } } })
  const granted = machineFor({ status: { vmId: 'v1' } })
  const evicted = machineFor({ status: { vmId: 'v1', evictions: 1 } })
  const refused = machineFor({
    status: { lastError: { code: 'SkuNotAvailable', message: 'no', retryable: true, at: since } },
  })
  const kinds = (old: typeof idle, object: typeof idle) =>
    notesOf({ type: 'Modified', old, object, initial: false }, new Date(0)).map(({ kind }) => kind)
  expect(kinds(idle, asked)).toEqual(['Asked'])
  expect(kinds(asked, granted)).toEqual(['Granted'])
  expect(kinds(granted, evicted)).toEqual(['Evicted'])
  expect(kinds(idle, refused)).toEqual(['Refused'])
  expect(kinds(refused, refused)).toEqual([])
  const failed = (code: string, retryable: boolean) =>
    machineFor({ status: { lastError: { code, message: 'No. '.repeat(1000), retryable, at: since } } })
  expect(kinds(idle, failed('AuthorizationFailed', false))).toEqual([]) // It says nothing of capacity.
  expect(kinds(idle, failed('InvalidAvailabilityZone', false))).toEqual(['Unfit'])
  const [told] = notesOf(
    { type: 'Modified', old: idle, object: failed('AllocationFailed', true), initial: false },
    new Date(0),
  )
  expect(told).toMatchObject({ code: 'AllocationFailed', message: 'No. '.repeat(256) })
  expect(notesOf({ type: 'Added', object: evicted, initial: true }, new Date(0))).toEqual([])
})

test('what is given back is told apart from what is taken, with the price of what it ran on', () => {
  const ran = { vmId: 'v1', powerState: 'Running', priority: 'Spot', size: 'Standard_A' } as const
  const playing = machineFor({ status: ran })
  const priceOf = ({ priority }: { priority: string }) => (priority === 'Spot' ? 0.2 : 0.9)
  const told = (old: typeof playing, object: typeof playing, type: 'Modified' | 'Deleted' = 'Modified') =>
    notesOf({ type, old, object, initial: false }, new Date(0), priceOf).map(
      ({ kind, priority, hourlyPriceUsd }) => `${kind} ${priority} ${hourlyPriceUsd}`,
    )
  const pausing = { powerState: 'Deallocated' } as const
  const paused = machineFor({ spec: pausing, status: { ...ran, ...pausing } })
  expect(told(playing, paused)).toEqual(['Released Spot 0.2'])
  expect(told(playing, playing, 'Deleted')).toEqual(['Released Spot 0.2'])
  expect(told(paused, paused, 'Deleted')).toEqual([]) // Given back before.

  const incarnation = { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted' } as const
  const struck = machineFor({ status: { powerState: 'Absent', evictions: 1, incarnation } })
  expect(told(playing, struck)).toEqual(['Evicted Spot 0.2']) // It is to run still: nobody gave it back.
  const starting = machineFor({
    status: {
      ...ran,
      powerState: 'Starting',
      operation: { kind: 'Start', resource: 'x', since: '2026-11-24T18:00:00Z' },
    },
  })
  expect(told(starting, playing)).toEqual(['Granted Spot 0.2'])
})
