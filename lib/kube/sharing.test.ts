import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sharing } from './sharing.ts'

test('sharing changes nothing that can be seen', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue({ maxDepth: 5 })), values => {
      const share = sharing()
      const objects = values.map(value => ({ value }))
      const before = JSON.stringify(objects)
      for (const object of objects) share(object)
      expect(JSON.stringify(objects)).toBe(before)
    }),
  )
})

test('an object may have any names for its fields, those of the language among them', () => {
  const object = JSON.parse('{"constructor":"a","toString":{"length":"b"},"__proto__":"c","then":["d"]}')
  const before = JSON.stringify(object)
  sharing()(object)
  expect(JSON.stringify(object)).toBe(before)
})
