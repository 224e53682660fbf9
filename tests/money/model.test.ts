// Whatever is asked of a wallet, in whatever order and however often: it is what arithmetic says, and the books balance.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Books, brokenInvariants, openBooks } from './books.ts'
import { move, play } from './wallet-moves.ts'

let books: Books

beforeAll(async () => {
  books = await openBooks()
})
afterAll(async () => await books.stop())

test('I4: any sequence of wallet commands comes to what a model says, lot by lot', async () => {
  const sequence = fc.array(move, { minLength: 5, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(sequence, async moves => await play(books.database, moves)),
    { numRuns: 60 },
  )
  expect(await brokenInvariants(books.database)).toEqual([])
})
