import { expect, test } from 'vitest'
import { configMaps, secrets } from './core.ts'
import { ownWrites } from './own-writes.ts'
import { compareResourceVersions, type KubernetesObject, keyOf } from './resource.ts'
import type { Store } from './store.ts'

const key = { namespace: 'n', name: 'a' }

function setUp(namespace?: string) {
  const objects = new Map<string, KubernetesObject>()
  const store: Pick<Store<KubernetesObject>, 'get'> & { resourceVersion: string | undefined } = {
    resourceVersion: '9',
    get: key => objects.get(typeof key === 'string' ? key : keyOf(key)),
  }
  return { store, objects, writes: ownWrites([{ resource: configMaps, namespace, store }]) }
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

test('a key whose object was let go waits until that object is out of sight, and not for another of its name', () => {
  const { objects, writes } = setUp()
  const shown = (uid: string) => {
    const object = configMap('10')
    objects.set(keyOf(key), { ...object, metadata: { ...object.metadata, uid } })
    return { ...object, metadata: { ...object.metadata, uid } }
  }
  writes.rememberGone(configMaps, shown('first'))
  expect(writes.caughtUp(key)).toBe(false)
  shown('second')
  expect(writes.caughtUp(key)).toBe(true)
  writes.rememberGone(configMaps, shown('second'))
  objects.clear()
  expect(writes.caughtUp(key)).toBe(true)
  shown('second')
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
