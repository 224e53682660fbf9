import { expect, test } from 'vitest'
import { redacted } from './log.ts'

test('a field that bears a secret’s name is never shown, three levels deep, in lists too', () => {
  const fields = {
    token: 'a',
    reply: { status: 200, config: { password: 'b', url: '/orders' } },
    tried: [{ secret: 'c', attempt: 1 }],
  }
  expect(redacted(fields, 3)).toEqual({
    token: '[redacted]',
    reply: { status: 200, config: { password: '[redacted]', url: '/orders' } },
    tried: [{ secret: '[redacted]', attempt: 1 }],
  })
  expect(fields.token, 'what the caller holds stays as it was').toBe('a')
})

test('fields without a secret are passed on as they are', () => {
  const fields = { at: new Date(0), nested: { list: [1, 2] }, nothing: null }
  expect(redacted(fields, 3)).toBe(fields)
})
