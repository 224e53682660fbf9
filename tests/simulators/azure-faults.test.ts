// What a test may have go wrong at Azure's wire, and ask about afterwards: faults, lost replies, the log; and what is said to
// whoever asks the control API for something else.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { type AzureSimulator, group, networkFor, quick, spotMachine, startAzure } from './azure-simulator.ts'

let azure: AzureSimulator
beforeAll(async () => {
  azure = await startAzure('--speed=1000')
})
afterAll(async () => {
  expect(azure.complaints()).toBe('')
  await azure.stop()
})

test('a lost reply hides what was done', async () => {
  const { nicId } = await networkFor(azure, 'lost')
  const { compute } = azure
  await azure.control('POST', 'faults', {
    match: { method: 'PUT', kind: 'virtualMachines' },
    outcome: { loseReply: true },
  })
  const create = () =>
    compute.virtualMachines.createOrUpdate(group, 'lost', spotMachine('lost', nicId), { ifNoneMatch: '*', ...quick })
  await expect(create()).rejects.toMatchObject({ name: 'RestError', statusCode: undefined })
  await expect(create()).rejects.toMatchObject({ statusCode: 412 })
  await azure.control('POST', 'faults', { match: { kind: 'DELETE virtualMachines' }, outcome: { loseRequest: true } })
  await expect(compute.virtualMachines.delete(group, 'lost', quick)).rejects.toMatchObject({ name: 'RestError' })
  expect((await compute.virtualMachines.get(group, 'lost')).provisioningState).not.toBe('Deleting')
})

test('what is held back is not done until it arrives, and then by what it finds', async () => {
  const { nicId } = await networkFor(azure, 'held')
  const { compute } = azure
  const make = async () =>
    await compute.virtualMachines.createOrUpdate(group, 'held', spotMachine('held', nicId), { ...quick })
  await make()
  const match = { kind: 'DELETE virtualMachines', resource: '/held', times: 2 }
  await azure.control('POST', 'faults', { match, outcome: { holdBack: true } })
  for (const _ of [1, 2])
    await expect(compute.virtualMachines.delete(group, 'held', quick)).rejects.toMatchObject({ name: 'RestError' })
  expect((await compute.virtualMachines.get(group, 'held')).provisioningState).toBe('Succeeded')
  expect(await azure.control('POST', 'held', { resource: '/another' })).toEqual({ arrived: [] })
  expect(await azure.control('POST', 'held', { resource: '/HELD' })).toMatchObject({
    arrived: [{ kind: 'DELETE virtualMachines', status: 202 }, { status: expect.any(Number) }],
  })
  await expect
    .poll(async () => await compute.virtualMachines.get(group, 'held').catch(({ code }) => code))
    .toBe('ResourceNotFound')
  expect(await azure.control('POST', 'held', { resource: '/held' })).toEqual({ arrived: [] })
})

test('faults hit the calls they name, as often as they say', async () => {
  const { compute } = azure
  await azure.control('POST', 'faults', {
    match: { kind: 'disks', resource: 'none', nth: 2, times: 2 },
    outcome: { status: 503, code: 'ServiceUnavailable', message: 'Come back.' },
  })
  const codes: string[] = []
  for (let turn = 0; turn < 4; turn += 1) {
    codes.push(
      await compute.disks.get(group, 'none').then(
        () => 'found',
        refused => refused.code,
      ),
    )
  }
  expect(codes).toEqual(['ResourceNotFound', 'ServiceUnavailable', 'ServiceUnavailable', 'ResourceNotFound'])

  await azure.control('POST', 'faults', { match: { kind: 'disks' }, outcome: { throttle: { retryAfterSeconds: 17 } } })
  const throttled = await azure.arm(
    'GET',
    `/subscriptions/{subscription}/resourceGroups/${group}/providers/Microsoft.Compute/disks/none?api-version=2026-03-02`,
  )
  expect(throttled).toMatchObject({ status: 429, headers: { 'retry-after': '17' } })

  const { nicId } = await networkFor(azure, 'doomed')
  await azure.control('POST', 'faults', {
    match: { kind: 'PUT virtualMachines' },
    outcome: { failLate: { code: 'InternalExecutionError', message: 'An internal execution error occurred.' } },
  })
  const doomed = compute.virtualMachines.createOrUpdate(group, 'doomed', spotMachine('doomed', nicId), quick)
  await expect(doomed).rejects.toThrow(/InternalExecutionError/)
  await azure.control('DELETE', 'faults')
  expect(await azure.control('GET', 'faults')).toEqual({ faults: [] })
})

test('a change of tags that fails in the end leaves those that were there', async () => {
  const { compute } = azure
  const creationData = { createOption: 'Empty' }
  const disk = { location: 'westeurope', diskSizeGB: 64, creationData, tags: { of: 'old' } }
  await compute.disks.createOrUpdate(group, 'tagged', disk, quick)
  const failLate = { code: 'InternalExecutionError', message: 'No.' }
  await azure.control('POST', 'faults', { match: { kind: 'PATCH disks', resource: 'tagged' }, outcome: { failLate } })
  const change = compute.disks.update(group, 'tagged', { tags: { of: 'new' } }, quick)
  await expect(change).rejects.toThrow(/InternalExecutionError/)
  expect(await compute.disks.get(group, 'tagged')).toMatchObject({
    provisioningState: 'Failed',
    tags: { of: 'old' },
  })
})

test('the log tells what was called and what was answered', async () => {
  const shape = z.object({
    next: z.number(),
    counts: z.record(z.string(), z.number()),
    entries: z.array(z.object({ kind: z.string(), status: z.number(), code: z.string().optional() })),
  })
  const before = shape.parse(await azure.control('GET', 'log'))
  await azure.compute.disks.get(group, 'nothing').catch(() => undefined)
  const after = shape.parse(await azure.control('GET', `log?since=${before.next}`))
  expect(after.entries).toMatchObject([{ kind: 'GET disks', status: 404, code: 'ResourceNotFound' }])
  expect(after.counts['GET disks']).toBe((before.counts['GET disks'] ?? 0) + 1)
})

test.each([
  ['POST', 'evict', {}, 'Name either a vm'],
  ['POST', 'evict', { vm: 'nobody' }, "There is no VM 'nobody'"],
  [
    'POST',
    'capacity',
    { region: 'atlantis', size: 'x', priority: 'Spot', available: 1 },
    "there is no region 'atlantis'",
  ],
  ['POST', 'faults', { outcome: { explode: true } }, 'outcome'],
  ['POST', 'time', { advanceSeconds: 5 }, '--clock manual'],
  ['GET', 'guests?since=x', undefined, 'since has to be a number'],
  ['GET', 'nothing', undefined, 'README.md'],
])('the control API says what is wrong with %s %s %o', async (method, path, body, words) => {
  await expect(azure.control(method, path, body)).rejects.toThrow(words)
})
