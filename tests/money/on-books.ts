// Books for the tests of a file: opened before the first, and found sound after the last.
import { afterAll, beforeAll, expect } from 'vitest'
import { type Books, brokenInvariants, openBooks } from './books.ts'

/** `but`: what the tests break on purpose, or cannot keep. */
export function onBooks(opened: (books: Books) => void, but?: Parameters<typeof brokenInvariants>[1]): void {
  let books: Books
  beforeAll(async () => {
    books = await openBooks()
    opened(books)
  })
  afterAll(async () => {
    expect(await brokenInvariants(books.database, but)).toEqual([])
    await books.stop()
  })
}
