import { expect, test } from 'vitest'
import { configMaps, secrets } from './core.ts'
import { ownWrites } from './own-writes.ts'
import { compareResourceVersions } from './resource.ts'

const key = { namespace: 'n', name: 'a' }

function setUp(namespace?: string) {
  const store: { resourceVersion: string | undefined } = { resourceVersion: '9' }
  return { store, writes: ownWrites([{ resource: configMaps, namespace, store }]) }
}

function configMap(resourceVersion: string, namespace = 'n') {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: 'a', resourceVersion } }
}

test('a key waits until the store has reached what was written for it', () => {
  const { store, writes } = setUp()
  writes.remember(configMaps, configMap('12'))
  writes.remember(configMaps, configMap('10'))
  expect(writes.caughtUp(key)).toBe(false)
  expect(writes.caughtUp({ namespace: 'n', name: 'other' })).toBe(true)
  store.resourceVersion = '11'
  expect(writes.caughtUp(key)).toBe(false)
  store.resourceVersion = '12'
  expect(writes.caughtUp(key)).toBe(true)
})

test('a write for another object’s reconciler gates that one', () => {
  const { writes } = setUp()
  writes.remember(configMaps, configMap('12'), { namespace: 'n', name: 'owner' })
  expect(writes.caughtUp(key)).toBe(true)
  expect(writes.caughtUp({ namespace: 'n', name: 'owner' })).toBe(false)
})

test('what no reflector sees, and what cannot be compared, is not waited for', () => {
  const { store, writes } = setUp('n')
  writes.remember(secrets, configMap('12'))
  writes.remember(configMaps, configMap('12', 'elsewhere'))
  expect(writes.caughtUp(key)).toBe(true)
  writes.remember(configMaps, configMap('opaque'))
  expect(writes.caughtUp(key)).toBe(true)
  store.resourceVersion = 'opaque'
  writes.remember(configMaps, configMap('12'))
  expect(writes.caughtUp(key)).toBe(true)
})

test('versions are ordered as numbers, however long', () => {
  expect(compareResourceVersions({ left: '9', right: '10' })).toBeLessThan(0)
  expect(compareResourceVersions({ left: '18446744073709551616', right: '18446744073709551615' })).toBeGreaterThan(0)
  expect(compareResourceVersions({ left: '7', right: '7' })).toBe(0)
  expect(compareResourceVersions({ left: 'a', right: '7' })).toBeUndefined()
})
