// Every list that the document has is walked by its cursors, while things are added to it; and what is no cursor of this
// list is refused.
import { beforeAll, describe, expect, test } from 'vitest'
import { paid } from '../money/paid.ts'
import { atOnce } from './at-once.ts'
import { type ApiPlayer, needed, signIn } from './client-of.ts'
import { readDocument } from './document.ts'
import type { FrontStack } from './front.ts'

const ITEMS = 4
const MAXIMUM = 100

export function everyListIsWalked(stackOf: () => FrontStack): void {
  describe('pages', () => {
    let stack: FrontStack
    let lists: { id: string; path: string }[]
    beforeAll(async () => {
      stack = stackOf()
      const { operations } = await readDocument(stack)
      lists = operations.filter(({ parameters }) => parameters.some(({ name }) => name === 'cursor'))
    })

    /** Puts one more into the list. */
    const makers: Record<string, (player: ApiPlayer) => Promise<unknown>> = {
      getStatement: player => player.isCredited(10),
      listTopUps: player => player.post('/v1/top-ups', { amountPaise: 10_000 }),
      listPayments: player => paid(stack.database, { playerId: player.id, amountPaise: 10_000n }),
      async listRefunds(player) {
        const paymentId = await paid(stack.database, { playerId: player.id, amountPaise: 10_000n })
        await player.post('/v1/refunds', { paymentId })
      },
      async listSessions(player) {
        await player.isCredited(10)
        const { json } = await player.post('/v1/sessions', { game: 'star-caravan', tier: 'standard' })
        await stack.settle(needed(json.id), player.id)
      },
    }

    async function listOf(id: string) {
      const make = makers[id]
      if (!make) throw new Error(`Nobody has said how ${id} comes to have something in it.`)
      const player = await signIn(stack, id)
      for (let each = 0; each < ITEMS; each += 1) await make(player)
      return { player, make }
    }
    const page = async (player: ApiPlayer, path: string, asked: { limit: number; cursor?: string }) => {
      const query = new URLSearchParams({ ...asked, limit: String(asked.limit) })
      const { status, text, json } = await player.get(`${path}?${query}`)
      expect(status, text).toBe(200)
      return { ids: needed(json.items).map(({ id }) => id), nextCursor: json.nextCursor }
    }

    test('every list, by one, by two and whole: the newest first, without a gap or a repetition, whatever is added meanwhile', async () => {
      expect(lists.length).toBeGreaterThanOrEqual(5)
      await atOnce(lists, {
        limit: lists.length,
        async run({ id, path }) {
          const { player, make } = await listOf(id)
          let known = (await page(player, path, { limit: MAXIMUM })).ids
          expect([id, new Set(known).size]).toEqual([id, known.length])
          expect([id, known.length]).toEqual([id, expect.toSatisfy(count => count >= ITEMS)])
          for (const limit of [1, 2, known.length, MAXIMUM]) {
            const seen: string[] = []
            for (let cursor: string | undefined; ; await make(player)) {
              const { ids, nextCursor } = await page(player, path, {
                limit,
                ...(cursor === undefined ? {} : { cursor }),
              })
              seen.push(...ids)
              cursor = nextCursor
              if (cursor === undefined) break
              expect([id, ids.length]).toEqual([id, limit])
            }
            expect([id, limit, seen]).toEqual([id, limit, known])
            const now = (await page(player, path, { limit: MAXIMUM })).ids
            expect([id, now.slice(-known.length)]).toEqual([id, known]) // What came meanwhile stands before it.
            known = now
          }
        },
      })
    })

    test('I8: a cursor of another list or player, or one that was changed, is refused and pointed at', async () => {
      const made = await Promise.all(
        lists.map(async ({ id, path }) => {
          const { player } = await listOf(id)
          return { path, player, cursor: needed((await page(player, path, { limit: 2 })).nextCursor) }
        }),
      )
      const refuses = async (player: ApiPlayer, path: string, cursor: string) => {
        const { status, json } = await player.get(`${path}?cursor=${cursor}`)
        expect([path, cursor, status]).toEqual([path, cursor, 422])
        expect(json).toMatchObject({ code: 'InvalidRequest', faults: [{ at: 'cursor' }] })
      }
      const other = await signIn(stack, 'Other')
      const run = async ({ path, player, cursor }: (typeof made)[number]) => {
        for (const { path: another } of made.filter(each => each.path !== path)) await refuses(player, another, cursor)
        await refuses(other, path, cursor)
        for (const at of [0, 4, Math.floor(cursor.length / 2), cursor.length - 2]) {
          const letter = cursor[at] === 'A' ? 'B' : 'A'
          await refuses(player, path, cursor.slice(0, at) + letter + cursor.slice(at + 1))
        }
        await refuses(player, path, cursor.slice(0, -1))
        await refuses(player, path, `${cursor}A`)
      }
      await atOnce(made, { limit: made.length, run })
    })

    test('a cursor that the version before gave out leads on to the same page', async () => {
      await atOnce(lists, {
        limit: lists.length,
        async run({ id, path }) {
          const { player } = await listOf(id)
          const cursor = needed((await page(player, path, { limit: 2 })).nextCursor)
          const [, position] = Buffer.from(cursor, 'base64url').toString().split(':')
          const before = Buffer.from(`1:${position}`).toString('base64url')
          const next = await page(player, path, { limit: 2, cursor: before })
          expect([id, next]).toEqual([id, await page(player, path, { limit: 2, cursor })])
          expect([id, next.ids.length]).toEqual([id, 2])
        },
      })
    })

    test.each(['abc', 'MTohIQ', '1', 'MjpmMDA'])(
      'I8: the cursor %s, which is none of ours, is refused in words',
      async cursor => {
        const player = await signIn(stack, 'Odd')
        for (const { path } of lists) {
          const { status, json } = await player.get(`${path}?cursor=${cursor}`)
          expect(status).toBe(422)
          expect(json).toMatchObject({ code: 'InvalidRequest', faults: [{ at: 'cursor' }] })
        }
      },
    )
  })
}
