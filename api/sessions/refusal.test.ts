import { expect, test } from 'vitest'
import { KubeError, type KubeErrorCause } from '../../lib/kube/errors.ts'
import { refusalDigest } from './refusal.ts'

const invalid = (message: string, causes: KubeErrorCause[] = []) =>
  refusalDigest(new KubeError('Invalid', message, { causes }))
const fault = (field: string, message = 'immutable', reason = 'FieldValueInvalid') => ({ field, message, reason })

test('The same faults are known again, in whatever order and words', () => {
  const one = invalid('tier and game', [fault('spec.tier'), fault('spec.game', 'stays "quake"')])
  expect(invalid('game and tier', [fault('spec.game', 'stays "doom"'), fault('spec.tier')])).toBe(one)
  expect(one).toMatch(/^[0-9a-f]{16}$/)
})

test('One fault more, in another field, or for another reason is another refusal, however alike its first words are', () => {
  const words = 'x'.repeat(1000)
  const causes = [
    [fault('spec.tier')],
    [fault('spec.game')],
    [fault('spec.tier'), fault('spec.game')],
    [fault('spec.tier'), fault('spec.tier')],
    [fault('spec.tier', 'immutable', 'FieldValueForbidden')],
    [{ field: 'spec.tier' }],
  ]
  expect(new Set(causes.map(each => invalid(words, each))).size).toBe(causes.length)
})

test('A refusal that names no field is known by its words and its code', () => {
  expect(invalid('No such kind')).toBe(invalid('No such kind'))
  expect(invalid('No such kind')).not.toBe(invalid('No such version'))
  expect(invalid('No such kind')).not.toBe(refusalDigest(new KubeError('BadRequest', 'No such kind')))
})
