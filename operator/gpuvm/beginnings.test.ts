// What a machine begins with: the catalogue's word, its Secret, the VM itself, and the notice that may end it.
import { expect, test } from 'vitest'
import { bootstrap } from './bootstrap.ts'
import { catalogued } from './catalogued.ts'
import { creation } from './creation.ts'
import { notice } from './notice.ts'
import { bare, empty, evicted, now, playing, sight } from './sights.fixture.ts'
import { isAbandoned, leftBehind, suspended } from './suspension.ts'

test('a region or image that the catalogue lacks stalls, with words that say what to do', () => {
  const nowhere = catalogued(sight({ status: 'None', region: 'Unknown', observed: empty }))
  expect(nowhere.stalled).toMatchObject({ reason: 'RegionUnknown' })
  expect(nowhere.stalled?.message).toBe(
    'The catalogue has no region westeurope. Add it to the catalogue, or create a GpuVm with one that it has.',
  )
  expect(catalogued(sight({ status: 'None', image: 'Unknown', observed: empty })).stalled?.reason).toBe('ImageUnknown')
})

test('a mistake in the catalogue does not take a machine away', () => {
  expect(catalogued(sight({ region: 'Unknown', image: 'Unknown' }))).toEqual({})
})

test('a machine without a bootstrap Secret of its own gets one before it is made, and only then', () => {
  const without = { ...empty, hasBootstrapSecret: false }
  expect(bootstrap(sight({ status: 'None', observed: without })).step).toEqual({ do: 'EnsureBootstrapSecret' })
  expect(bootstrap(sight({ status: 'None', observed: empty }))).toEqual({})
  expect(bootstrap(sight({ observed: { hasBootstrapSecret: false } }))).toEqual({})
  expect(bootstrap(sight({ observed: without, spec: { bootstrapSecretName: 'theirs' } }))).toEqual({})
  expect(bootstrap(sight({ observed: without, spec: { powerState: 'Deallocated' } }))).toEqual({})
})

test('the machine is asked for once it is nowhere, and only where it is to run', () => {
  expect(creation(sight({ observed: bare }))).toMatchObject({
    step: { do: 'CreateVirtualMachine' },
    because: { message: 'Azure is asked for a spot Standard_NV12ads_A10_v5.' },
  })
  expect(creation(sight({ status: evicted, observed: bare })).because?.message).toContain('an on-demand')
  expect(creation(sight())).toEqual({})
  expect(creation(sight({ observed: bare, spec: { powerState: 'Deallocated' } }))).toEqual({})
})

test("a notice from this incarnation's guest is looked into until its time is over, and believed by nobody", () => {
  const noticed = (preemptAt: string, incarnation = 1) =>
    notice(sight({ status: { ...playing, guest: { incarnation, preemptAt } } }))
  const soon = new Date(now.getTime() + 20_000).toISOString()
  const past = new Date(now.getTime() - 61_000).toISOString()
  expect(noticed(soon)).toEqual({ requeueAfterSeconds: 4 })
  expect(noticed(past)).toEqual({})
  expect(noticed(soon, 2)).toEqual({})
})

test('a suspended machine is looked at and nothing is done to it, but for its deletion', () => {
  const annotations = { 'wasd.cloud/suspend': '' }
  const verdict = {
    step: { do: 'CreateVirtualMachine' } as const,
    because: { reason: 'Creating', message: 'It is made.' },
  }
  expect(suspended(sight({ metadata: { annotations } }), verdict)).toEqual({
    because: { reason: 'Suspended', message: expect.stringContaining('To do: It is made.') },
  })
  expect(suspended(sight(), verdict)).toBe(verdict)
  expect(suspended(sight({ metadata: { annotations } }), {})).toEqual({})
  const leaving = { annotations, deletionTimestamp: now.toISOString() }
  expect(suspended(sight({ metadata: leaving }), verdict)).toBe(verdict)
})

test('only an object that is being deleted can be abandoned; what it leaves is known by name', () => {
  const annotations = { 'wasd.cloud/abandon': 'yes' }
  expect(isAbandoned(sight({ metadata: { annotations } }).machine)).toBe(false)
  expect(isAbandoned(sight({ metadata: { annotations, deletionTimestamp: now.toISOString() } }).machine)).toBe(true)
  expect(
    leftBehind(sight().machine).map(id =>
      id
        .split('/')
        .at(-1)
        ?.replace(/^gvm-.*-(?=ip|os|nic|vm)/, ''),
    ),
  ).toEqual(['vm-1', 'nic', 'ip', 'os'])
})
