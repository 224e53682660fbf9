import { expect, test } from 'vitest'
import {
  annotationsChanged,
  anyOf,
  finalizersChanged,
  generationChanged,
  labelsChanged,
  resourceVersionChanged,
} from './predicates.ts'
import type { ObjectMeta } from './resource.ts'

const metadata: ObjectMeta = {
  name: 'a',
  generation: 1,
  resourceVersion: '1',
  labels: { x: '1' },
  annotations: { x: '1' },
  finalizers: ['x'],
}
const object = (change: Partial<ObjectMeta> = {}) => ({
  apiVersion: 'v1',
  kind: 'Widget',
  metadata: { ...structuredClone(metadata), ...change },
})
const modified = (change: Partial<ObjectMeta>) => {
  return { type: 'Modified', old: object(), object: object(change), initial: false } as const
}

const changes = { generation: 2, annotations: { x: '2' }, labels: { y: '1' }, finalizers: [], resourceVersion: '2' }

test.each([
  ['generation', generationChanged],
  ['annotations', annotationsChanged],
  ['labels', labelsChanged],
  ['finalizers', finalizersChanged],
  ['resourceVersion', resourceVersionChanged],
] as const)('a change of the %s passes, and what comes and what goes, and no other change', (field, predicate) => {
  for (const [changed, value] of Object.entries(changes)) {
    expect(predicate(modified({ [changed]: value }))).toBe(changed === field)
  }
  expect(predicate(modified({}))).toBe(false)
  expect(predicate({ type: 'Added', object: object(), initial: false })).toBe(true)
  expect(predicate({ type: 'Deleted', object: object(), old: object(), initial: false })).toBe(true)
})

test('any of several will do', () => {
  const either = anyOf(labelsChanged, finalizersChanged)
  expect(either(modified({ labels: {} }))).toBe(true)
  expect(either(modified({ finalizers: [] }))).toBe(true)
  expect(either(modified({ generation: 2 }))).toBe(false)
})
