import { expect, test } from 'vitest'
import { controlledBy, type OwnerReference } from './resource.ts'

const owner = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { namespace: 'n', name: 'w', uid: 'u-1' } }
const reference = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'u-1' }
const controlling = { ...reference, controller: true, blockOwnerDeletion: true }
const child = (ownerReferences: OwnerReference[] = [], namespace: string | undefined = 'n') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name: 'c', ownerReferences },
})

test('an object gets its controller once, and keeps its other owners', () => {
  const other = { ...reference, name: 'other', uid: 'u-2' }
  const owned = controlledBy(child([other]), owner)
  expect(owned.metadata.ownerReferences).toEqual([other, controlling])
  expect(controlledBy(owned, owner)).toEqual(owned)
  expect(controlledBy(child([reference]), owner).metadata.ownerReferences).toEqual([controlling])
})

test('an object that another controls is refused by its code', () => {
  const taken = child([{ ...controlling, name: 'other', uid: 'u-2' }])
  expect(() => controlledBy(taken, owner)).toThrow(expect.objectContaining({ code: 'AlreadyOwned' }))
  expect(() => controlledBy(taken, owner)).toThrow('c is controlled by Widget other already.')
})

test('an owner that the garbage collector would not find is refused: of another namespace, or never read', () => {
  expect(() => controlledBy(child([], 'elsewhere'), owner)).toThrow('Widget n/w cannot own c, which is in elsewhere.')
  const { namespace: _, ...metadata } = child().metadata
  expect(() => controlledBy({ metadata }, owner)).toThrow('in no namespace')
  expect(() => controlledBy(child(), { ...owner, metadata: { namespace: 'n', name: 'w' } })).toThrow('it has no UID')
})

test('an owner without a namespace may own anything', () => {
  const cluster = { ...owner, metadata: { name: 'w', uid: 'u-1' } }
  expect(controlledBy(child(), cluster).metadata.ownerReferences).toEqual([controlling])
})
