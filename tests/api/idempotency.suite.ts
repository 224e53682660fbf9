// What every POST promises: under one Idempotency-Key it is done once, and answered again.
import { beforeAll, describe, expect, test } from 'vitest'
import { seal } from '../../api/http/idempotency.ts'
import { type ApiPlayer, signIn } from './client-of.ts'
import type { FrontStack } from './front.ts'

const wish = { game: 'star-caravan', tier: 'standard' }

export function postsAreDoneOnce(stackOf: () => FrontStack): void {
  describe('Idempotency-Key', () => {
    let stack: FrontStack
    let asha: ApiPlayer
    beforeAll(async () => {
      stack = stackOf()
      asha = await signIn(stack, 'Asha')
    })

    test('I8: a start under its key is done once, and its reply is what the session then is; also where the wallet buys less', async () => {
      for (const [name, rupees, paidSeconds] of [
        ['Rich', 500, 900],
        ['Short', 10, 400],
      ] as const) {
        const player = await signIn(stack, name)
        await player.isCredited(rupees)
        const key = crypto.randomUUID()
        const many = await Promise.all(Array.from({ length: 5 }, () => player.post('/v1/sessions', wish, { key })))
        const [made] = many.filter(({ status }) => status === 201)
        expect(made?.json).toMatchObject({ state: 'Starting', paidSeconds })
        for (const { status, json } of many) {
          expect([
            [201, made?.json.id],
            [409, undefined],
          ]).toContainEqual([status, json.id])
        }
        const again = await player.post('/v1/sessions', wish, { key })
        expect([again.status, again.headers.get('Idempotency-Replayed')]).toEqual([201, 'true'])
        expect(again.json).toEqual(made?.json)
        expect((await player.get(`/v1/sessions/${made?.json.id}`)).json).toEqual(made?.json)
        expect((await player.post('/v1/sessions', { ...wish, regions: ['centralindia'] }, { key })).json.code).toBe(
          'IdempotencyKeyReused',
        )
        expect((await player.get('/v1/sessions')).json.items).toHaveLength(1)
      }
    })

    test('I8: a start that a version before has answered is answered again in its words, which some have sealed', async () => {
      const player = await signIn(stack, 'Replaced')
      await player.isCredited(100)
      const [key, body] = [crypto.randomUUID(), JSON.stringify(wish)]
      const { id } = (await player.post('/v1/sessions', body, { key })).json
      const { count } = await stack.database`
        UPDATE idempotent_requests
        SET sealed_body = ${seal(JSON.stringify({ id, level: 3 }), `POST\n/v1/sessions\n${body}`)}, body = NULL
        WHERE key = ${key}`
      expect(count).toBe(1)
      const again = await player.post('/v1/sessions', body, { key })
      expect([again.status, again.json]).toEqual([201, { id, level: 3 }])
      await stack.database`
        UPDATE idempotent_requests SET sealed_body = NULL, body = ${JSON.stringify({ id, level: 4 })} WHERE key = ${key}`
      const later = await player.post('/v1/sessions', body, { key })
      expect([later.status, later.json]).toEqual([201, { id, level: 4 }])
    })

    test('the key of a start, whose reply is kept in clear, is refused to another request, and the other way round', async () => {
      const player = await signIn(stack, 'Crossed')
      await player.isCredited(100)
      const [ofStart, ofTopUp] = [crypto.randomUUID(), crypto.randomUUID()]
      await player.post('/v1/top-ups', { amountPaise: 10_000 }, { key: ofTopUp })
      const mistaken = await player.post('/v1/sessions', wish, { key: ofTopUp })
      expect([mistaken.status, mistaken.json.code]).toEqual([422, 'IdempotencyKeyReused'])
      const started = await player.post('/v1/sessions', wish, { key: ofStart })
      const crossed = await player.post('/v1/top-ups', { amountPaise: 10_000 }, { key: ofStart })
      expect([started.status, crossed.status, crossed.json.code]).toEqual([201, 422, 'IdempotencyKeyReused'])
      expect((await player.get('/v1/top-ups')).json.items).toHaveLength(1)
    })

    test('a POST repeated under its key is answered again and done once; the key of another request is refused', async () => {
      const key = crypto.randomUUID()
      const first = await asha.post('/v1/top-ups', { amountPaise: 10_000 }, { key })
      const again = await asha.post('/v1/top-ups', { amountPaise: 10_000 }, { key })
      expect(again.status).toBe(201)
      expect(again.json).toEqual(first.json)
      expect(again.headers.get('Idempotency-Replayed')).toBe('true')
      const other = await asha.post('/v1/top-ups', { amountPaise: 20_000 }, { key })
      expect(other.status).toBe(422)
      expect(other.json.code).toBe('IdempotencyKeyReused')
      const without = await asha.post('/v1/top-ups', { amountPaise: 10_000 }, { key: '' })
      expect(without.status).toBe(400)
      expect(without.json.code).toBe('IdempotencyKeyMissing')
    })

    test('twenty at once under one key do it once: the others get its reply, or are told that it is at work', async () => {
      const player = await signIn(stack, 'Twenty')
      const key = crypto.randomUUID()
      const many = await Promise.all(
        Array.from({ length: 20 }, () => player.post('/v1/top-ups', { amountPaise: 10_000 }, { key })),
      )
      const ids = new Set(many.filter(({ status }) => status === 201).map(({ json }) => json.id))
      expect(ids.size).toBe(1)
      for (const { status, json } of many.filter(({ status }) => status !== 201)) {
        expect([status, json.code]).toEqual([409, 'IdempotencyInFlight'])
      }
      expect((await player.get('/v1/top-ups')).json.items).toHaveLength(1)
    })

    test('one player’s key is nothing to another’s', async () => {
      const key = crypto.randomUUID()
      const ben = await signIn(stack, 'Ben')
      const his = await ben.post('/v1/top-ups', { amountPaise: 10_000 }, { key })
      const hers = await asha.post('/v1/top-ups', { amountPaise: 10_000 }, { key })
      expect([his.status, hers.status]).toEqual([201, 201])
      expect(hers.json.id).not.toBe(his.json.id)
    })

    test('a refused POST leaves nothing, and under the same key it is tried anew', async () => {
      const player = await signIn(stack, 'Anew')
      const key = crypto.randomUUID()
      expect((await player.post('/v1/sessions', wish, { key })).json.code).toBe('InsufficientFunds')
      await player.isCredited(100)
      expect((await player.post('/v1/sessions', wish, { key })).status).toBe(201)
    })
  })
}
