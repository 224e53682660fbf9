// The long form of tests/money/model.test.ts: wallets side by side, so that their commands meet in the database.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Books, brokenInvariants, byCommandsAlone, openBooks } from '../money/books.ts'
import { move, play } from '../money/wallet-moves.ts'

let books: Books

beforeAll(async () => {
  books = await openBooks()
})
afterAll(async () => await books.stop())

test('I4: four wallets at a time come to what their models say, and the books balance', async () => {
  const sequence = fc.array(move, { minLength: 20, maxLength: 80 })
  const four = fc.tuple(sequence, sequence, sequence, sequence)
  const property = fc.asyncProperty(four, async wallets => {
    await Promise.all(wallets.map(async moves => await play(books.database, moves)))
  })
  await fc.assert(property, { numRuns: 80 })
  expect(await brokenInvariants(books.database, byCommandsAlone)).toEqual([])
})
