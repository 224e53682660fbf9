import { expect, test } from 'vitest'
import { AzureError } from '../azure/errors.ts'
import type { OperationState } from '../azure/provider.ts'
import { type Requests, requests, type Standing } from './requests.ts'
import { now } from './sights.fixture.ts'

const place = { subscriptionId: 'sub', resourceGroup: 'rg', region: 'westeurope' }
const signal = AbortSignal.timeout(5000)
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)
const failed: OperationState = { is: 'Failed', code: 'SubnetIsFull', message: 'No room.' }

/** What Azure says of one resource, an interface where it matters, after how long, and how often its operation was asked for. */
function stage(operation: OperationState | AzureError = failed, answersAfterSeconds = 0) {
  let time = now
  const asked: string[] = []
  const it: Requests = requests()
  const azure = {
    putNetworkInterface: async () => ({ poller: 'put' }),
    deleteNetworkInterface: async () => ({ poller: 'delete' }),
    putSnapshot: async () => ({ poller: 'copy' }),
    retag: async () => ({ poller: 'patch' }),
    async operation(_subscription: string, poller: string) {
      asked.push(poller)
      time = new Date(time.getTime() + answersAfterSeconds * 1000)
      if (operation instanceof AzureError) throw operation
      return operation
    },
  }
  const pass = (at: Date) => it.through(Object.assign(Object.create(azure), azure), { now: () => at })
  const request = { name: 'nic', subnetId: '', publicIPAddressId: '', networkSecurityGroupId: undefined, tags: {} }
  const look = async (
    name: string,
    seen: Standing | undefined,
    { at, failing }: { at: Date; failing?: 'CopySnapshot' },
  ) => {
    time = at
    const asked = { azure: pass(at), clock: { now: () => time }, signal }
    const settled = await it.settled({ name, seen, ...(failing && { failing }) }, asked)
    return settled?.provisioningState ?? 'Absent'
  }
  return {
    asked,
    it,
    put: async (at = now) => void (await pass(at).putNetworkInterface(place, request, signal)),
    remove: async (at = now) => void (await pass(at).deleteNetworkInterface(place, 'nic', signal)),
    copy: async (at = now) =>
      void (await pass(at).putSnapshot(place, { name: 'copy', snapshotId: '', tags: {} }, signal)),
    retag: async (at = now) =>
      void (await pass(at).retag(place, { kind: 'virtualMachine', name: 'vm' }, { 'wasd-uid': 'new' }, signal)),
    /** One pass's look, that shows it so. */
    look: async (provisioningState: Standing['provisioningState'] | 'Absent', at = now) =>
      await look('nic', provisioningState === 'Absent' ? undefined : { provisioningState }, { at }),
    lookAtCopy: async (failure: Standing['failure'], at = now) =>
      await look('copy', { provisioningState: 'Succeeded', failure }, { at, failing: 'CopySnapshot' }),
    lookAtTagged: async (seen: Standing, at = now) => await look('vm', seen, { at }),
  }
}

test('what a pass hears that looked for long was heard then, and not when the pass began', async () => {
  const { put, look, it } = stage(failed, 40)
  await put()
  await look('Failed')
  expect(it.failure?.at).toEqual(later(40))
})

test('in an undisturbed life nothing more is asked of Azure', async () => {
  const { put, remove, look, asked, it } = stage()
  expect(await look('Absent')).toBe('Absent')
  await put()
  for (const state of ['Updating', 'Succeeded', 'Succeeded'] as const) expect(await look(state)).toBe(state)
  await remove()
  for (const state of ['Deleting', 'Absent'] as const) expect(await look(state)).toBe(state)
  expect(asked).toEqual([])
  expect(it.failure).toBeUndefined()
})

test('what failed is asked for its cause once, and keeps it until it is asked for again', async () => {
  const { put, look, asked, it } = stage()
  await put()
  await look('Failed', later(3))
  await look('Failed', later(6))
  const failure = { step: 'PutNetworkInterface', code: 'SubnetIsFull', message: 'No room.', at: later(3) }
  expect(it.failure).toEqual(failure)
  expect(asked).toEqual(['put'])
  await put(later(33))
  await look('Failed', later(36))
  expect(it.failure).toEqual({ ...failure, at: later(36) })
  await look('Succeeded')
  expect(it.failure).toBeUndefined()
})

test.each(['Failed', 'Succeeded'] as const)('what was to go and stands as %s has failed to go', async state => {
  const { remove, look, it } = stage()
  await remove()
  expect(await look(state)).toBe(state)
  expect(it.failure).toMatchObject({ step: 'DeleteResources', code: 'SubnetIsFull' })
})

test('an older look at it proves nothing: while its operation runs it is taken for under way', async () => {
  const { put, remove, look, it } = stage({ is: 'Running' })
  await put()
  expect(await look('Failed', later(5))).toBe('Updating')
  await remove(later(10))
  expect(await look('Succeeded', later(15))).toBe('Deleting')
  expect(it.underWaySince).toEqual(later(10))
  expect(it.failure).toBeUndefined()
})

test('asked for again, one that an older look still shows as failed is looked at once more before it is believed', async () => {
  const { put, look, it } = stage({ is: 'Succeeded' })
  await put()
  expect(await look('Failed', later(1))).toBe('Updating')
  expect(it.failure).toBeUndefined()
  expect(await look('Succeeded', later(2))).toBe('Succeeded')
  await put(later(10))
  expect(await look('Failed', later(11))).toBe('Updating')
  expect(await look('Failed', later(12))).toBe('Failed')
  expect(it.failure).toMatchObject({ step: 'PutNetworkInterface', code: 'OperationFailed', at: later(12) })
})

test('of what failed nothing is concluded while Azure does not answer for its operation', async () => {
  const { put, look, it } = stage(new AzureError('AzureUnreachable', 'Nobody there.'))
  await put()
  await expect(look('Failed')).rejects.toThrow('Nobody there.')
  expect(it.failure).toBeUndefined()
})

test('a failure of which nothing is told any more has a code all the same', async () => {
  const { put, look, it } = stage({ is: 'Forgotten' })
  await put()
  await look('Failed')
  expect(it.failure).toMatchObject({ code: 'OperationFailed' })
})

test('a copy that stands still when its operation has ended well is told once, whoever began it, until another is made', async () => {
  const { copy, lookAtCopy, asked, it } = stage()
  const why = { code: 'CopySourceNotFound', message: 'Gone.' }
  await copy()
  await lookAtCopy(undefined, later(10))
  expect(it.failure).toBeUndefined()
  const failure = { step: 'CopySnapshot', ...why, at: later(60) }
  for (const seconds of [60, 64, 300]) {
    expect(await lookAtCopy(why, later(seconds))).toBe('Succeeded')
    expect(it.failure).toEqual(failure)
  }
  expect(asked).toEqual([])
  await copy(later(310))
  await lookAtCopy(undefined, later(320))
  expect(it.failure).toBeUndefined()

  const another = stage()
  await another.lookAtCopy(why, later(1))
  await another.lookAtCopy(why, later(2))
  expect(another.it.failure).toEqual({ ...failure, at: later(1) })
})

test('a copy that stands still before its end was seen is told in its own words', async () => {
  const { copy, lookAtCopy, it } = stage({ is: 'Succeeded' })
  await copy()
  await lookAtCopy({ code: 'CopySourceNotFound', message: 'Gone.' })
  expect(it.failure).toMatchObject({ step: 'CopySnapshot', code: 'CopySourceNotFound' })
})

test.each(['Failed', 'Succeeded'] as const)(
  'what was to bear other tags and stands as %s without them has failed to',
  async provisioningState => {
    const { retag, lookAtTagged, asked, it } = stage()
    const old = { provisioningState, ownerUid: 'old' }
    await retag()
    for (const seconds of [4, 8]) await lookAtTagged(old, later(seconds))
    expect(it.failure).toEqual({ step: 'Retag', code: 'SubnetIsFull', message: 'No room.', at: later(4) })
    expect(asked).toEqual(['patch'])
  },
)

test('what bears the tags that were asked for has them, whatever else it says of itself', async () => {
  const { retag, lookAtTagged, asked, it } = stage()
  await retag()
  await lookAtTagged({ provisioningState: 'Failed', ownerUid: 'new' })
  expect(it.failure).toBeUndefined()
  expect(asked).toEqual([])
})

test('tags that Azure says it has put on are looked for once more, and then they are missing', async () => {
  const { retag, lookAtTagged, asked, it } = stage({ is: 'Succeeded' })
  await retag()
  expect(await lookAtTagged({ provisioningState: 'Succeeded', ownerUid: 'old' }, later(4))).toBe('Updating')
  expect(it.failure).toBeUndefined()
  expect(await lookAtTagged({ provisioningState: 'Succeeded', ownerUid: 'old' }, later(8))).toBe('Succeeded')
  expect(it.failure).toMatchObject({ step: 'Retag', code: 'OperationFailed' })
  expect(asked).toEqual(['patch'])
})

test('what another process asked for, and failed, is not known: it is asked for anew', async () => {
  const { look, asked, it } = stage()
  expect(await look('Failed')).toBe('Failed')
  expect(it.failure).toBeUndefined()
  expect(asked).toEqual([])
})

test('since when it is under way counts from the call, and of what another began from its first sight', async () => {
  const { put, look, it } = stage()
  await look('Updating', later(1))
  await look('Updating', later(60))
  expect(it.underWaySince).toEqual(later(1))
  await look('Succeeded', later(61))
  expect(it.underWaySince).toBeUndefined()
  await put(later(70))
  await look('Updating', later(90))
  expect(it.underWaySince).toEqual(later(70))
})

test('of what a pass has not looked at nothing is told', async () => {
  const { put, look, it } = stage()
  await put()
  await look('Failed')
  expect(it.failure).toBeDefined()
  await put() // A pass that does not look again.
  expect(it.failure).toBeUndefined()
})
