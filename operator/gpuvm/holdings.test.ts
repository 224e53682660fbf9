import { expect, test } from 'vitest'
import { AzureError } from '../azure/errors.ts'
import { tagsOf, virtualMachineName } from '../azure/names.ts'
import type { Azure, TaggedResource } from '../azure/provider.ts'
import { holdings } from './holdings.ts'
import { machineOf, playing, UID } from './sights.fixture.ts'

const signal = new AbortController().signal
const other = '5f0c8f7e-0d5b-4c57-9f6c-2a7f6d5f7a02'
const heir = {
  namespace: 'play',
  name: 'solo',
  uid: other,
  player: 'kasparov',
  region: 'westeurope',
  subscriptionId: 'sub',
}

function vm(
  number: number,
  owner: { uid?: string; root?: string; player?: string; name?: string } = {},
): TaggedResource {
  const { uid = UID, root = uid, player = 'kasparov', name = 'solo' } = owner
  const tags = tagsOf({ installationId: 'test', namespace: 'play', name, uid, player })
  const resourceGroup = 'rg'
  const called = virtualMachineName(root, number)
  return {
    id: called,
    kind: 'virtualMachine',
    name: called,
    resourceGroup,
    region: 'westeurope',
    tags,
    createdAt: undefined,
  }
}

function over(list: () => TaggedResource[]) {
  let lists = 0
  const azure: Pick<Azure, 'tagged'> = {
    async tagged() {
      lists += 1
      return list()
    },
  }
  const held = holdings({ azure, installationId: 'test' })
  return { held, lists: () => lists }
}

test('I7: Azure is listed once, and the highest incarnation of the same player is found', async () => {
  const { held, lists } = over(() => [vm(1), vm(3), vm(2), vm(9, { name: 'duo' })])
  expect(await held.of(heir, signal)).toMatchObject({ uid: UID, incarnation: 3 })
  expect(await held.of({ ...heir, name: 'trio' }, signal)).toBeUndefined()
  expect(lists()).toBe(1)
})

test('a disk that was kept is no object to go on with: a new one of the same name begins anew', async () => {
  const disk = (tags: Record<string, string>): TaggedResource => ({
    ...vm(1),
    kind: 'disk',
    tags: { ...vm(1).tags, ...tags },
  })
  expect(await over(() => [disk({ 'wasd-keep': '' })]).held.of(heir, signal)).toBeUndefined()
  expect(await over(() => [disk({})]).held.of(heir, signal)).toMatchObject({ uid: UID })
})

test('what another player had is not found, nor what is its own already', async () => {
  const { held } = over(() => [vm(1)])
  expect(await held.of({ ...heir, player: 'karpov' }, signal)).toBeUndefined()
  expect(await held.of({ ...heir, player: undefined }, signal)).toBeUndefined()
  expect(await held.of({ ...heir, uid: UID }, signal)).toBeUndefined()
  expect(await held.of({ ...heir, region: 'northeurope' }, signal)).toBeUndefined()
})

test('restored twice, the names are still those of the first object', async () => {
  const { held } = over(() => [vm(2, { uid: '5f0c8f7e-0d5b-4c57-9f6c-2a7f6d5f7a03', root: UID })])
  expect(await held.of(heir, signal)).toMatchObject({ uid: UID, incarnation: 2 })
})

test('what was deleted as it should has given back what it held; what was lost has not', async () => {
  const { held } = over(() => [])
  const lost = machineOf({ status: playing, metadata: { name: 'solo', labels: { 'wasd.cloud/player': 'kasparov' } } })
  held.gone(lost)
  expect(await held.of(heir, signal)).toMatchObject({ uid: UID, incarnation: 1, place: { resourceGroup: 'rg' } })
  held.gone({ ...lost, metadata: { ...lost.metadata, deletionTimestamp: '2026-11-24T11:59:59Z' } })
  expect(await held.of(heir, signal)).toBeUndefined()
})

test('an Azure that does not answer is asked again, and nothing is taken for granted meanwhile', async () => {
  let answers = false
  const { held } = over(() => {
    if (!answers) throw new AzureError('ServiceUnavailable', 'Not now.', { status: 503 })
    return [vm(1)]
  })
  await expect(held.of(heir, signal)).rejects.toMatchObject({ code: 'ServiceUnavailable' })
  answers = true
  expect(await held.of(heir, signal)).toMatchObject({ uid: UID })
})

test('a subscription that a person has to mend first keeps nobody waiting', async () => {
  const { held } = over(() => {
    throw new AzureError('SubscriptionNotFound', 'No.', { status: 404 })
  })
  expect(await held.of(heir, signal)).toBeUndefined()
})

test('a subscription that does not answer keeps nobody waiting who is another’s', async () => {
  const azure: Pick<Azure, 'tagged'> = {
    async tagged(subscriptionId) {
      if (subscriptionId === 'sub') return [vm(1)]
      throw new AzureError('TooManyRequests', 'Not now.', { status: 429 })
    },
  }
  const held = holdings({ azure, installationId: 'test' })
  await expect(held.of({ ...heir, subscriptionId: 'throttled' }, signal)).rejects.toMatchObject({ status: 429 })
  expect(await held.of(heir, signal)).toMatchObject({ uid: UID })
})
