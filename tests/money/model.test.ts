// Whatever is asked of a wallet, in whatever order and however often: it is what arithmetic says, and the books balance.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Books, brokenInvariants, byCommandsAlone, openBooks } from './books.ts'
import { type Move, move, play } from './wallet-moves.ts'

let books: Books

beforeAll(async () => {
  books = await openBooks()
})
afterAll(async () => await books.stop())

/** What luck alone may not be left to find: each end of money that is owed. */
const owing: Move[] = [
  { do: 'TopUp', paise: 5000n },
  { do: 'Gift', paise: 300n, expiresIn: undefined },
  { do: 'Hold', rate: 3600n, seconds: 4000n },
  { do: 'TakenBack', kind: 'Dispute', pick: 0, paise: 15_000n },
]
const examples: [Move[]][] = [
  [[...owing, { do: 'Charge', seconds: 1000n }, { do: 'Release' }, { do: 'Again' }]],
  [[...owing, { do: 'Gift', paise: 900n, expiresIn: undefined }, { do: 'Release' }, { do: 'TopUp', paise: 5000n }]],
  [
    [
      { do: 'TopUp', paise: 5000n },
      { do: 'Refund', pick: 0, paise: 4000n },
      { do: 'TakenBack', kind: 'ExternalRefund', pick: 0, paise: 3000n },
      { do: 'Failed', pick: 0 },
    ],
  ],
]

test('I4: any sequence of wallet commands comes to what a model says, lot by lot', async () => {
  const sequence = fc.array(move, { minLength: 5, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(sequence, async moves => await play(books.database, moves)),
    { numRuns: 60, examples },
  )
  expect(await brokenInvariants(books.database, byCommandsAlone)).toEqual([])
})
