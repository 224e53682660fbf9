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

test('equal lists and maps of a field are kept once; where each object has its own, each keeps it', () => {
  const share = sharing()
  const objects = Array.from({ length: 200 }, (_, index) =>
    JSON.parse(`{"ports":{"http":1,"names":["a","b"]},"own":{"name":"n-${index}","kind":"k"},"list":["x","y"]}`),
  )
  for (const object of objects) share(object)
  const kept = (of: (object: (typeof objects)[number]) => unknown) => new Set(objects.map(of)).size
  expect(kept(({ ports }) => ports)).toBe(1)
  expect(kept(({ list }) => list)).toBe(1)
  expect(kept(({ own }) => own)).toBe(200)
  expect(objects.at(-1)).toEqual({
    ports: { http: 1, names: ['a', 'b'] },
    own: { name: 'n-199', kind: 'k' },
    list: ['x', 'y'],
  })
})
