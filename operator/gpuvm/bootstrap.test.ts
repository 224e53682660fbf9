import { expect, test } from 'vitest'
import { bootstrap } from './bootstrap.ts'
import { empty, sight } from './sights.fixture.ts'

test('a machine without a bootstrap Secret of its own gets one before it is made, and only then', () => {
  const without = { ...empty, hasBootstrapSecret: false }
  expect(bootstrap(sight({ status: 'None', observed: without })).step).toEqual({ do: 'EnsureBootstrapSecret' })
  expect(bootstrap(sight({ status: 'None', observed: empty }))).toEqual({})
  expect(bootstrap(sight({ observed: { hasBootstrapSecret: false } }))).toEqual({})
  expect(bootstrap(sight({ observed: without, spec: { bootstrapSecretName: 'theirs' } }))).toEqual({})
  expect(bootstrap(sight({ observed: without, spec: { powerState: 'Deallocated' } }))).toEqual({})
})
