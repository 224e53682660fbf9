import { expect, test } from 'vitest'
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { handClock } from '../../lib/kube/hand-clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { AzureError } from '../azure/errors.ts'
import type { PowerState } from '../azure/provider.ts'
import { fleet } from './fleet.ts'
import { machineOf, playing, UID, without } from './sights.fixture.ts'

/** One machine on record, and what the lists of two subscriptions say of it. */
async function watch(options: { status?: GpuVmStatus; machines?: GpuVm[] } = {}) {
  const clock = handClock()
  const told: string[] = []
  const lists: Record<string, (() => PowerState | 'Missing') | AzureError> = {
    first: () => 'Running',
    second: () => 'Missing',
  }
  const asked: string[] = []
  const machines = options.machines ?? [machineOf({ status: options.status ?? playing })]
  const stop = new AbortController()
  const watching = fleet({
    azure: {
      async fleet(subscription) {
        asked.push(subscription)
        const list = lists[subscription]
        if (list instanceof AzureError) throw list
        const powerState = list?.() ?? 'Missing'
        return powerState === 'Missing' ? [] : [{ name: `GVM-${UID}-VM-1`, id: 'id', powerState }]
      },
    },
    clock,
    log: createLogger({ program: 'test', level: 'silent' }),
    pollSeconds: 5,
    subscriptions: () => ['first', 'second'],
    machines: { list: () => machines, size: machines.length },
    onDifference: ({ name }) => told.push(name),
  })
  const running = watching.run({ stop: stop.signal, abort: stop.signal })
  await clock.advance(0)
  return {
    clock,
    lists,
    asked,
    told,
    watching,
    async end() {
      stop.abort()
      await running
    },
  }
}

test('what is as on record is no news, whatever case Azure writes names in', async () => {
  const { told, watching, end } = await watch()
  await watching.listed
  expect(watching.powerState(`gvm-${UID}-vm-1`)).toBe('Running')
  expect(told).toEqual([])
  await end()
})

test.each<{ title: string; says: PowerState | 'Missing'; told: string[] }>([
  { title: 'another power state is a reason to look', says: 'Deallocated', told: ['solo'] },
  { title: 'so is a machine that no list shows', says: 'Missing', told: ['solo'] },
  { title: 'a power state that is left out proves nothing', says: 'Unknown', told: [] },
])('$title', async ({ says, told: expected }) => {
  const { lists, clock, told, watching, end } = await watch()
  lists.first = () => says
  await clock.advance(5)
  expect(told).toEqual(expected)
  expect(watching.operations).toBe(expected.length)
  await end()
})

test('a machine with an operation under way, or none made yet, is not judged', async () => {
  const operation = { kind: 'Start' as const, resource: 'vm', since: '2026-11-24T11:59:00.000Z' }
  for (const status of [{ ...playing, operation }, without(playing, 'vmId')]) {
    const { lists, clock, told, end } = await watch({ status })
    lists.first = () => 'Deallocated'
    await clock.advance(5)
    expect(told).toEqual([])
    await end()
  }
})

test('a list that cannot be had hides its own machines and nobody else', async () => {
  const resources = { virtualMachine: `/subscriptions/FIRST/resourceGroups/rg/virtualMachines/gvm-${UID}-vm-1` }
  const { lists, clock, told, end, watching } = await watch({ status: { ...playing, resources } })
  lists.first = new AzureError('ServiceUnavailable', 'No.', { status: 503 })
  await clock.advance(5)
  expect(told).toEqual([])
  expect(watching.powerState(`gvm-${UID}-vm-1`)).toBeUndefined()

  lists.first = () => 'Deallocated'
  lists.second = new AzureError('ServiceUnavailable', 'No.', { status: 503 })
  await clock.advance(5)
  expect(told).toEqual(['solo'])
  told.length = 0
  lists.first = () => 'Missing'
  await clock.advance(5)
  expect(told).toEqual(['solo'])
  await end()
})

test('throttled, a subscription is listed again when Azure says so', async () => {
  const { lists, clock, asked, end } = await watch()
  lists.first = new AzureError('TooManyRequests', 'Slow down.', { status: 429, retryAfterSeconds: 17 })
  await clock.advance(5)
  asked.length = 0
  await clock.advance(15)
  expect(asked).toEqual(['second', 'second', 'second'])
  await clock.advance(5)
  expect(asked).toContain('first')
  await end()
})

test('I7: with no machine in the cluster nothing is listed', async () => {
  const { asked, watching, clock, end } = await watch({ machines: [] })
  await watching.listed
  await clock.advance(60)
  expect(asked).toEqual([])
  await end()
})

test('an operation whose end the list shows is looked at before its own time; one that goes on is not', async () => {
  const creating: GpuVmStatus = {
    ...playing,
    powerState: 'Absent',
    operation: { kind: 'Create', resource: `gvm-${UID}-vm-1`, since: '2026-11-24T12:00:00Z' },
  }
  const { clock, lists, told, watching, end } = await watch({ status: creating })
  expect(told).toHaveLength(1)
  expect(watching.operations).toBe(1)
  lists.first = () => 'Starting'
  await clock.advance(10)
  expect(told).toHaveLength(1)
  await end()
})

test('a deletion is over when its own subscription shows the machine no more, whatever becomes of the other', async () => {
  const deleting: GpuVmStatus = {
    ...playing,
    operation: { kind: 'Delete', resource: `gvm-${UID}-vm-1`, since: '2026-11-24T12:00:00Z' },
    resources: { publicIPAddress: `/subscriptions/FIRST/resourceGroups/rg/publicIPAddresses/gvm-${UID}-ip` },
  }
  const { clock, lists, told, end } = await watch({ status: deleting })
  expect(told).toEqual([])
  const failed = new AzureError('ServiceUnavailable', 'No.', { status: 503 })
  Object.assign(lists, { first: failed })
  await clock.advance(5)
  expect(told).toEqual([])
  Object.assign(lists, { first: () => 'Missing', second: failed })
  await clock.advance(5)
  expect(told).toEqual(['solo'])
  await end()
})

test('I7: however large the fleet, its list takes less than a third of the List budget', async () => {
  const clock = handClock()
  const stop = new AbortController()
  let pages = 0
  const large = Array.from({ length: 10_000 }, (_, index) => ({
    name: `${index}`,
    id: '',
    powerState: 'Running' as const,
  }))
  const running = fleet({
    azure: {
      async fleet() {
        pages += large.length / 200
        return large
      },
    },
    clock,
    log: createLogger({ program: 'test', level: 'silent' }),
    pollSeconds: 5,
    subscriptions: () => ['one'],
    machines: { list: () => [], size: 1 },
    onDifference: () => undefined,
  }).run({ stop: stop.signal, abort: stop.signal })
  await clock.advance(600)
  stop.abort()
  await running
  expect(pages).toBeLessThanOrEqual(90 * 10 + 50)
  expect(pages).toBeGreaterThan(90 * 9)
})
