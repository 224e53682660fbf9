// Tags at Azure's wire, by Resource Manager's own operation; and what the operator makes of it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lookAtOperation } from '../../operator/azure/operations.ts'
import { retagged } from '../../operator/azure/tagging.ts'
import { type AzureSimulator, group, quick, region, startAzure } from './azure-simulator.ts'

let azure: AzureSimulator
beforeAll(async () => {
  azure = await startAzure('--speed=1000')
})
afterAll(async () => {
  expect(azure.complaints()).toBe('')
  await azure.stop()
})

const scopeOf = (type: string, name: string) =>
  `subscriptions/${azure.about.subscription}/resourceGroups/${group}/providers/${type}/${name}`
const tagsOf = async (scope: string) => (await azure.resources.tagsOperations.getAtScope(scope)).properties.tags
const update = (scope: string, operation: string, tags: Record<string, string>) =>
  azure.resources.tagsOperations.updateAtScope(scope, { operation, properties: { tags } }, quick)

async function disk(name: string, tags: Record<string, string>) {
  const creationData = { createOption: 'Empty' }
  await azure.compute.disks.createOrUpdate(group, name, { location: region, diskSizeGB: 64, creationData, tags }, quick)
  return scopeOf('Microsoft.Compute/disks', name)
}

async function address(name: string, tags: Record<string, string>) {
  const body = { location: region, sku: { name: 'Standard' }, publicIPAllocationMethod: 'Static', tags }
  await azure.network.publicIPAddresses.createOrUpdate(group, name, body, quick)
  return scopeOf('Microsoft.Network/publicIPAddresses', name)
}

test.each([
  ['of Compute', disk],
  ['of Network', address],
])(
  'tags %s are merged, deleted, replaced and all taken off, their names without regard to case',
  async (what, make) => {
    const scope = await make(`tags-${what.replace(' ', '-')}`, { Owner: 'one', seat: 'a' })
    expect(await tagsOf(scope)).toEqual({ Owner: 'one', seat: 'a' })
    expect((await update(scope, 'Merge', { owner: 'two', note: '' })).properties.tags).toEqual({
      owner: 'two',
      seat: 'a',
      note: '',
    })
    await update(scope, 'Delete', { owner: 'another', SEAT: 'a', NOTE: '' })
    expect(await tagsOf(scope), 'a pair is deleted, another value is not').toEqual({ owner: 'two' })
    await update(scope, 'Delete', { owner: '' })
    expect(await tagsOf(scope), 'a name alone is enough').toEqual({})
    await update(scope, 'Replace', { of: 'x' })
    await update(scope, 'Replace', { of: 'y' })
    expect(await tagsOf(scope)).toEqual({ of: 'y' })
    await azure.resources.tagsOperations.createOrUpdateAtScope(scope, { properties: { tags: { put: 'z' } } }, quick)
    expect(await tagsOf(scope)).toEqual({ put: 'z' })
    await azure.resources.tagsOperations.deleteAtScope(scope, quick)
    expect(await tagsOf(scope)).toEqual({})
  },
)

test('what is too much, or nothing that can be read, is refused', async () => {
  const scope = await address('limits', { there: '1' })
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`tag-${index}`, '']))
  const refusal = async (path: string, body?: unknown, version = '2025-04-01') => {
    const { status, body: told } = await azure.arm(
      'PATCH',
      `/${path}/providers/Microsoft.Resources/tags/default?api-version=${version}`,
      { body },
    )
    return [status, /"code":"(\w+)"/.exec(JSON.stringify(told) ?? '')?.[1]]
  }
  const merge = (tags: object) => ({ operation: 'Merge', properties: { tags } })
  expect(await refusal(scope, merge(many(50)))).toEqual([400, 'InvalidTagCount'])
  expect(await refusal(scope, merge({ 'a/b': '' }))).toEqual([400, 'InvalidTagName'])
  expect(await refusal(scope, merge({ long: 'x'.repeat(257) }))).toEqual([400, 'InvalidTagValueLength'])
  expect(await refusal(scope, { operation: 'Add', properties: { tags: {} } })).toEqual([400, 'InvalidRequestContent'])
  expect(await refusal(scope, merge({}), '2019-10-01')).toEqual([400, 'InvalidResourceType'])
  const none = scopeOf('Microsoft.Network/publicIPAddresses', 'none')
  expect(await refusal(none, merge({}))).toEqual([404, 'ResourceNotFound'])
  expect(await refusal(scopeOf('Microsoft.Network/nothings', 'none'), merge({}))).toEqual([404, 'ResourceNotFound'])
  expect(await tagsOf(scope)).toEqual({ there: '1' })
  expect((await update(scope, 'Merge', many(49))).properties.tags).toMatchObject({ there: '1', 'tag-48': '' })
})

const place = () => ({ subscriptionId: azure.about.subscription, resourceGroup: group, region })
const ours = (name: string, tags: Record<string, string>) =>
  retagged(azure, { kind: 'disk', name, place: place(), tags, signal: AbortSignal.timeout(20_000) })

test('I2: what somebody sets while ours are on their way is not lost', async () => {
  const scope = await disk('kept', { 'wasd-uid': 'old', 'cost-centre': '42' })
  await azure.control('POST', 'faults', {
    match: { method: 'PATCH', resource: '/disks/kept' },
    outcome: { holdBack: true },
  })
  await expect(ours('kept', { 'wasd-uid': 'new' })).rejects.toMatchObject({ name: 'RestError' })
  await update(scope, 'Merge', { 'wasd-keep': '' })
  await azure.control('POST', 'held', { resource: '/disks/kept' })
  await expect
    .poll(async () => await tagsOf(scope))
    .toEqual({ 'wasd-uid': 'new', 'cost-centre': '42', 'wasd-keep': '' })
})

test('a change of tags that fails in the end leaves those that were there, and its cause is told', async () => {
  const scope = await disk('late', { 'wasd-uid': 'old' })
  const failLate = { code: 'ScopeLocked', message: 'No.' }
  await azure.control('POST', 'faults', { match: { kind: 'PATCH tags', resource: 'late' }, outcome: { failLate } })
  const accepted = await ours('late', { 'wasd-uid': 'new' })
  const endpoint = azure.about.listening
  const look = async () =>
    await lookAtOperation(azure, { poller: accepted?.poller ?? '', endpoint, signal: AbortSignal.timeout(20_000) })
  await expect.poll(look).toEqual({ is: 'Failed', ...failLate })
  expect(await tagsOf(scope)).toEqual({ 'wasd-uid': 'old' })

  const anew = await ours('late', { 'wasd-uid': 'new' })
  await expect
    .poll(
      async () =>
        await lookAtOperation(azure, { poller: anew?.poller ?? '', endpoint, signal: AbortSignal.timeout(20_000) }),
    )
    .toEqual({ is: 'Succeeded' })
  expect(await tagsOf(scope)).toEqual({ 'wasd-uid': 'new' })
})
