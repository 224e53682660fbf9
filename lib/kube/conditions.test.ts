import { expect, test } from 'vitest'
import { type Condition, isTrue, removeCondition, setCondition } from './conditions.ts'

const early = new Date('2026-01-01T00:00:00.123Z')
const late = new Date('2026-01-01T00:05:00.456Z')
const ready = { type: 'Ready', status: 'False', reason: 'Starting', message: 'It starts.' } as const

test('a new condition goes to the end, with its transition at a whole second', () => {
  const conditions = setCondition(undefined, { ...ready, observedGeneration: 3 }, early)
  expect(conditions).toEqual([{ ...ready, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00Z' }])
  expect(setCondition(conditions, { ...ready, type: 'Playable' }, late).map(each => each.type)).toEqual([
    'Ready',
    'Playable',
  ])
})

test('the transition time moves with the status alone', () => {
  const before = setCondition([], ready, early)
  const reworded = setCondition(before, { ...ready, reason: 'Booting', message: 'It boots.' }, late)
  expect(reworded[0]).toMatchObject({ reason: 'Booting', lastTransitionTime: '2026-01-01T00:00:00Z' })
  const turned = setCondition(before, { ...ready, status: 'True' }, late)
  expect(turned[0]).toMatchObject({ status: 'True', lastTransitionTime: '2026-01-01T00:05:00Z' })
  expect(before[0]?.status).toBe('False')
})

test('a condition present only while true is taken away', () => {
  const conditions: Condition[] = setCondition([], { ...ready, type: 'Stalled', status: 'True' }, early)
  expect(isTrue(conditions, 'Stalled')).toBe(true)
  expect(isTrue(removeCondition(conditions, 'Stalled'), 'Stalled')).toBe(false)
})
