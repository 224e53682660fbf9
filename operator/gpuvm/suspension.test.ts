import { expect, test } from 'vitest'
import { now, sight } from './sights.fixture.ts'
import { isAbandoned, leftBehind, suspended } from './suspension.ts'

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
