// Money on its way back, and the paper over money that was spent: as a client meets both.
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { connect, newKey } from '../../client/client.ts'
import { playedAMinute } from './cast.ts'
import { type ApiPlayer, signIn } from './client-of.ts'
import type { FrontStack } from './front.ts'

const idSchema = z.looseObject({ id: z.string() })
const stateSchema = z.looseObject({
  refunds: z.array(z.looseObject({ payment_id: z.string(), amount: z.number(), receipt: z.string().nullish() })),
})
const paymentsSchema = z.object({ items: z.array(z.looseObject({ id: z.string(), refundablePaise: z.number() })) })
const wish = { game: 'star-caravan', tier: 'standard' }

export function refundsAreAskedFor(stackOf: () => FrontStack): void {
  describe('refunds and receipts', () => {
    let stack: FrontStack
    beforeAll(() => {
      stack = stackOf()
    })

    /** Tops up over the API, and pays on Razorpay's page. The payment's id. */
    async function pays(player: ApiPlayer, amountPaise: number): Promise<string> {
      const topUp = z
        .looseObject({ id: z.string(), url: z.string() })
        .parse((await player.post('/v1/top-ups', { amountPaise })).json)
      await fetch(topUp.url, { method: 'POST', redirect: 'manual' })
      await stack.razorpay.control('POST', `/payment-links/${topUp.id}/pay`, {})
      await expect.poll(async () => (await player.get(`/v1/top-ups/${topUp.id}`)).json.state).toBe('Credited')
      return paymentsSchema.parse((await player.get('/v1/payments')).json).items[0]?.id ?? ''
    }
    const refundable = async (player: ApiPlayer) =>
      paymentsSchema.parse((await player.get('/v1/payments')).json).items[0]?.refundablePaise
    const available = async (player: ApiPlayer) => (await player.get('/v1/wallet')).json.availablePaise

    test('I4: what is paid and not played goes back the way it came, once per key, and is followed until it is paid out', async () => {
      const player = await signIn(stack, 'Goes Back')
      const paymentId = await pays(player, 50_000)
      expect(await refundable(player)).toBe(50_000)
      expect((await player.post('/v1/sessions', wish)).status).toBe(201)
      expect(await refundable(player)).toBe(47_750) // The rest is held.

      const tooMuch = await player.post('/v1/refunds', { paymentId, amountPaise: 47_751 })
      expect([tooMuch.status, tooMuch.json]).toMatchObject([
        409,
        { code: 'RefundTooLarge', funds: { neededPaise: 47_751, availablePaise: 47_750 } },
      ])
      const key = crypto.randomUUID()
      const asked = await player.post('/v1/refunds', { paymentId, amountPaise: 10_000 }, { key })
      expect([asked.status, asked.json]).toMatchObject([
        201,
        {
          ...{ paymentId, rail: 'Razorpay', amountPaise: 10_000, state: 'Pending', askedBy: 'Player' },
          detail:
            'It has left the wallet and is on its way to the card, account or UPI that it was paid with. If it cannot be ' +
            'paid out, it returns to the wallet.',
        },
      ])
      expect(await available(player)).toBe(37_750)
      expect((await player.post('/v1/refunds', { paymentId, amountPaise: 10_000 }, { key })).json).toEqual(asked.json)
      const { id } = idSchema.parse(asked.json)
      await expect.poll(async () => (await player.get(`/v1/refunds/${id}`)).json.state).toBe('Processed')
      expect((await player.get(`/v1/refunds/${id}`)).json).toMatchObject({
        endedAt: expect.any(String),
        detail: expect.stringContaining('It was paid out to the card'),
      })
      const { refunds } = stateSchema.parse(await stack.razorpay.control('GET', '/state'))
      expect(refunds.filter(({ payment_id }) => payment_id === paymentId)).toMatchObject([
        { amount: 10_000, receipt: id },
      ])

      const rest = await player.post('/v1/refunds', { paymentId })
      expect(rest.json).toMatchObject({ amountPaise: 37_750 })
      expect(await available(player)).toBe(0)
      const listed = (await player.get('/v1/refunds?limit=1')).json
      expect(listed.items).toMatchObject([{ id: rest.json.id }])
      expect((await player.get(`/v1/refunds?limit=1&cursor=${listed.nextCursor}`)).json).toMatchObject({
        items: [{ id }],
      })
      expect((await player.post('/v1/refunds', { paymentId })).json.code).toBe('NothingToRefund')
    })

    test('I4: what cannot be paid out is in the wallet again, and that is said', async () => {
      const player = await signIn(stack, 'Comes Back')
      const paymentId = await pays(player, 20_000)
      await stack.razorpay.control('POST', '/faults', {
        method: 'POST',
        path: `/v1/payments/${paymentId}`,
        status: 400,
      })
      const { id } = idSchema.parse((await player.post('/v1/refunds', { paymentId })).json)
      await expect.poll(async () => (await player.get(`/v1/refunds/${id}`)).json.state).toBe('Failed')
      expect((await player.get(`/v1/refunds/${id}`)).json.detail).toContain('It is in the wallet again')
      expect(await available(player)).toBe(20_000)
    })

    test('another’s payment, refund and receipt are answered as none, and nothing comes of asking', async () => {
      const [owner, other] = [await signIn(stack, 'Owner'), await signIn(stack, 'Other')]
      const paymentId = await pays(owner, 20_000)
      const sessionId = await played(owner)
      const { id } = idSchema.parse((await owner.post('/v1/refunds', { paymentId, amountPaise: 1000 })).json)
      expect((await owner.get(`/v1/sessions/${sessionId}/receipt`)).status).toBe(200)
      const none = '0'.repeat(26)
      const told = ({ status, json }: Awaited<ReturnType<ApiPlayer['get']>>) => [status, { ...json, requestId: '' }]
      for (const [his, nobodys] of [
        [other.post('/v1/refunds', { paymentId }), other.post('/v1/refunds', { paymentId: 'pay_none' })],
        [other.get(`/v1/refunds/${id}`), other.get(`/v1/refunds/${none}`)],
        [other.get(`/v1/sessions/${sessionId}/receipt`), other.get(`/v1/sessions/${none}/receipt`)],
      ] as const) {
        expect((await his).status).toBe(404)
        expect(told(await his)).toEqual(told(await nobodys))
      }
      expect((await other.get('/v1/payments')).json).toEqual({ items: [] })
      expect((await other.get('/v1/refunds')).json).toEqual({ items: [] })
    })

    test('payments, refunds, disputes and what became of sessions are exported with all else, by the gateway’s ids', async () => {
      const player = await signIn(stack, 'Exported')
      const paymentId = await pays(player, 30_000)
      const sessionId = await played(player)
      const { id } = idSchema.parse((await player.post('/v1/refunds', { paymentId, amountPaise: 1000 })).json)
      await stack.razorpay.control('POST', '/disputes', { payment_id: paymentId, amount: 5000 })
      await expect
        .poll(async () => (await player.get('/v1/me/export')).json.disputes)
        .toMatchObject([{ paymentId, rail: 'Razorpay', amountPaise: 5000, state: 'Open' }])
      const { json } = await player.get('/v1/me/export')
      expect(json).toMatchObject({
        payments: [{ id: paymentId, amountPaise: 30_000, refundablePaise: 0 }], // Its bank decides now.
        refunds: [{ id, paymentId }],
        receipts: [{ sessionId, totalPaise: 150 }],
        sessionEvents: [
          { sessionId, state: 'Ended', endReason: 'PlayerEnded' },
          { sessionId, state: 'Starting' },
        ],
      })
      expect((await player.post('/v1/refunds', { paymentId })).json.code).toBe('PaymentDisputed')
    })

    test('the typed client knows them too', async () => {
      const player = await signIn(stack, 'Typed')
      const paymentId = await pays(player, 10_000)
      const client = connect({ baseUrl: stack.publicUrl, tokens: player.tokens })
      const { items } = await (await client.v1.payments.$get({ query: {} })).json()
      expect(items.map(({ id, refundablePaise }) => [id, refundablePaise])).toEqual([[paymentId, 10_000]])
      const asked = await (await client.v1.refunds.$post({ header: newKey(), json: { paymentId } })).json()
      expect(asked.amountPaise).toBe(10_000)
      const param = { refundId: asked.id }
      expect((await (await client.v1.refunds[':refundId'].$get({ param })).json()).id).toBe(asked.id)
      const none = { sessionId: '0'.repeat(26) }
      await expect(client.v1.sessions[':sessionId'].receipt.$get({ param: none })).rejects.toMatchObject({
        code: 'SessionUnknown',
      })
    })

    /** A session over which there is a receipt, of a minute. */
    async function played(player: ApiPlayer): Promise<string> {
      const { id: sessionId } = idSchema.parse((await player.post('/v1/sessions', wish)).json)
      expect((await player.get(`/v1/sessions/${sessionId}/receipt`)).json.code).toBe('ReceiptUnknown')
      await playedAMinute(stack, player, sessionId)
      return sessionId
    }

    test('a session’s receipt has its number, its time axis, the total and the tax in it; one that is not over has none', async () => {
      const player = await signIn(stack, 'Receipt')
      await player.isCredited(500)
      const sessionId = await played(player)
      expect((await player.get(`/v1/sessions/${sessionId}/receipt`)).json).toEqual({
        number: expect.stringMatching(/^\d\d-\d\d\/\d{7}$/),
        ...{ sessionId, issuedAt: expect.any(String), totalPaise: 150 },
        tax: { name: 'GST', basisPoints: 1800, paise: 23 },
        lines: [{ at: expect.any(String), kind: 'Play', seconds: 60, paise: 150 }],
      })
    })
  })
}
