// A rollout under way: the migrations of a version to come, while this one is at work.
import { describe, expect, test } from 'vitest'
import { widen } from '../money/two-roles.ts'
import { rightBut } from './arbitraries.ts'
import { atOnce } from './at-once.ts'
import { type Cast, castOf } from './cast.ts'
import { ask } from './client-of.ts'
import { readDocument } from './document.ts'
import type { FrontStack } from './front.ts'

/** Of each operation, at once: so that its statements are prepared on several connections. */
const REQUESTS = 4

export function rolloutsAreNotNoticed(stackOf: () => FrontStack): void {
  describe('a rollout', () => {
    test('I8: what a player asks for is done while another version adds a column to each table, also on connections whose statements were prepared before', async () => {
      const stack = stackOf()
      const cast: Cast = castOf(stack)
      const { operations } = await readDocument(stack)
      // What changes nothing is no transaction: the driver sees to it.
      const played = operations.filter(({ id, method }) => id in cast && method !== 'GET')
      expect(played.length).toBeGreaterThan(10)
      const everywhere = () =>
        atOnce(
          played.flatMap(operation => Array<typeof operation>(REQUESTS).fill(operation)),
          {
            limit: REQUESTS,
            run: async operation => {
              const { id, method } = operation
              const right = await cast[id]?.()
              if (!right) throw new Error(`Nobody has said how ${id} is asked rightly.`)
              const { path, headers, body } = rightBut(operation, right)
              const asked = { method, headers, token: right.token, body }
              const { status, text } = await ask(stack.publicUrl, path, asked)
              expect(status, `${id}: ${text}`).toBeLessThan(300)
            },
          },
        )
      await everywhere()
      await widen(stack.admin)
      await everywhere()
    })
  })
}
