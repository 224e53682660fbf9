import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lines } from './watch-stream.ts'

async function* cut(bytes: Uint8Array, places: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...new Set(places.map(place => place % (bytes.length + 1)))].toSorted((left, right) => left - right)
  let from = 0
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(from, end)
    from = end
  }
}

test('the lines are the same wherever the chunks are cut, within a character too', async () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).map(text => JSON.stringify({ text }))
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (expected, places) => {
      const bytes = new TextEncoder().encode(expected.map(text => `${text}\n`).join(''))
      const seen: string[] = []
      for await (const each of lines(cut(bytes, places))) seen.push(each)
      expect(seen).toEqual(expected)
    }),
  )
})
