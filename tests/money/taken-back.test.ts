// Money that was taken back without our being asked: refunds made in Razorpay's dashboard, and disputes of a bank.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bringIn } from '../../api/payments/movements.ts'
import { gatewayStage } from './gateway.ts'

const stage = gatewayStage()

test('I4: a refund that was told of before its payment was credited is found, however old the snapshot of the payment', async () => {
  const asha = await stage.gateway.payer(50_000n)
  const id = await asha.refundedBySupport({ amount: 20_000 })
  const { paymentId, player } = asha
  const refund = {
    id,
    paymentId,
    refundId: undefined,
    returned: { currency: 'INR', units: 20_000n },
    state: 'Processed',
  } as const
  const [topUp] = await stage.database<{ id: string }[]>`SELECT id FROM top_ups WHERE player_id = ${player.id}`
  const paid = { currency: 'INR', units: 50_000n }
  const payment = { id: paymentId, topUpId: topUp?.id, paid, hasRefunds: false, madeAt: new Date(Date.now() - 601_000) }
  const order = { rail: 'Razorpay', now: new Date() } as const
  expect(await bringIn(stage.database, { ...order, movements: [{ is: 'Refund', refund }] })).toEqual(['NotOurs'])
  expect(await bringIn(stage.database, { ...order, movements: [{ is: 'Payment', payment }] })).toEqual(['Credited'])
  expect(await stage.gateway.workOff()).toEqual(['RefundProcessed'])
  expect((await asha.balance()).postedPaise).toBe(30_000n)
  await stage.gateway.events()
})

test('I4: two refunds whose ids begin alike are two', async () => {
  const asha = await stage.gateway.credited()
  for (const end of ['a', 'b']) {
    const returned = { currency: 'INR', units: 10_000n }
    const refund = { id: `rfnd_${'x'.repeat(40)}${end}`, paymentId: asha.paymentId, refundId: undefined, returned }
    const movements = [{ is: 'Refund', refund: { ...refund, state: 'Processed' } }] as const
    expect(await bringIn(stage.database, { rail: 'Razorpay', movements, now: new Date() })).toEqual(['RefundProcessed'])
  }
  expect((await asha.balance()).postedPaise).toBe(30_000n)
})

test('I4: a refund made in the dashboard is debited, and one that the bank sends back is credited again', async () => {
  const asha = await stage.gateway.credited()
  await asha.refundedBySupport({ amount: 20_000 })
  await stage.gateway.deliver(await stage.gateway.events())
  expect((await asha.balance()).availablePaise).toBe(30_000n)
  const pending = await asha.refundedBySupport({ amount: 10_000, status: 'pending' })
  await stage.gateway.deliver(await stage.gateway.events())
  expect((await asha.balance()).availablePaise).toBe(20_000n)
  await stage.gateway.control('POST', '/refunds', { refund_id: pending, status: 'failed' })
  await stage.gateway.deliver(await stage.gateway.events())
  expect((await asha.balance()).availablePaise).toBe(30_000n)
  expect(await asha.told()).toEqual(['TopUpCredited', 'MoneyTakenBack', 'MoneyTakenBack', 'RefundFailed'])
})

test('I4: what was spent before it was taken back is owed, and the next top-up repays it', async () => {
  const asha = await stage.gateway.credited()
  await asha.plays({ spentPaise: 40_000n, heldPaise: 10_000n })
  await asha.refundedBySupport()
  await stage.gateway.deliver(await stage.gateway.events())
  // The live session keeps what it holds.
  expect(await asha.balance()).toMatchObject({ postedPaise: 10_000n, heldPaise: 10_000n, owedPaise: 50_000n })
  await stage.gateway.payer(70_000n, asha.player)
  await stage.gateway.deliver(await stage.gateway.events())
  expect(await asha.balance()).toMatchObject({ postedPaise: 30_000n, availablePaise: 20_000n, owedPaise: 0n })
})

test('With the webhook switched off, payment, refund and dispute are found by asking', async () => {
  const [asha, ravi] = [await stage.gateway.payer(50_000n), await stage.gateway.payer(20_000n)]
  await asha.refundedBySupport({ amount: 10_000 })
  const dispute = await ravi.disputed(5_000)
  await stage.gateway.events()
  const found = [...(await stage.gateway.ask(10_000)), ...(await stage.gateway.workOff())]
  expect(found.filter(outcome => outcome === 'Credited')).toHaveLength(2)
  expect(found).toContain('RefundProcessed')
  expect(found).toContain('DisputeOpened')
  expect((await asha.balance()).availablePaise).toBe(40_000n)
  expect((await ravi.balance()).availablePaise).toBe(15_000n)
  await stage.gateway.decided(dispute, 'won')
  await stage.gateway.events()
  expect(await stage.gateway.ask(20_000)).toEqual(['DisputeWon'])
  expect((await ravi.balance()).availablePaise).toBe(20_000n)
  expect(await stage.gateway.ask(30_000)).toEqual([])
})

test('I4: a disputed payment is out of reach until it is decided; won, it is back; lost, it is gone', async () => {
  const [asha, ravi] = [await stage.gateway.credited(), await stage.gateway.credited()]
  const [won, lost] = [await asha.disputed(), await ravi.disputed()]
  expect(await stage.gateway.deliver(await stage.gateway.events())).toEqual(['DisputeOpened', 'DisputeOpened'])
  expect((await asha.balance()).availablePaise).toBe(0n)
  await expect(asha.asks()).rejects.toMatchObject({ code: 'PaymentDisputed' })

  await stage.gateway.decided(won, 'under_review')
  await stage.gateway.decided(won, 'won')
  await stage.gateway.decided(lost, 'lost')
  expect((await stage.gateway.deliver(await stage.gateway.events())).sort()).toEqual([
    'DisputeKnown',
    'DisputeLost',
    'DisputeWon',
  ])
  expect((await asha.balance()).availablePaise).toBe(50_000n)
  expect((await ravi.balance()).availablePaise).toBe(0n)
  expect(await asha.told()).toEqual(['TopUpCredited', 'MoneyTakenBack', 'DisputeWon'])
  await expect(ravi.asks()).rejects.toMatchObject({ code: 'PaymentDisputed' })
  expect((await asha.asks()).amountPaise).toBe(50_000n) // Its lot is whole again.
  await stage.gateway.workOff()
})

test('I4: a refund that fails repays what the bank took while it was under way', async () => {
  const asha = await stage.gateway.credited()
  await asha.asks()
  await asha.disputed(20_000)
  await stage.gateway.control('POST', '/faults', { method: 'POST', path: '/v1/payments', status: 400 })
  const [dispute] = await stage.gateway.events()
  expect(dispute && (await stage.gateway.deliver([dispute]))).toEqual(['DisputeOpened', 'RefundFailed'])
  expect(await asha.balance()).toMatchObject({ postedPaise: 30_000n, owedPaise: 0n })
  const [told] = await stage.database`
    SELECT payload -> 'notification' ->> 'repaidPaise' AS repaid FROM queue_items
    WHERE key = ${asha.player.id} AND payload -> 'notification' ->> 'type' = 'RefundFailed'`
  expect(told).toEqual({ repaid: '20000' })
})

test('I4: of a dispute that was contested in part, what the bank did not take is in the wallet again', async () => {
  const [asha, ravi] = [await stage.gateway.credited(), await stage.gateway.credited()]
  const seen = await asha.disputed()
  await stage.gateway.deliver(await stage.gateway.events())
  const unseen = await ravi.disputed()
  await stage.gateway.events() // No webhook tells of its beginning.
  await stage.gateway.decided(seen, 'won', 20_000)
  await stage.gateway.decided(unseen, 'closed', 20_000)
  expect(await stage.gateway.deliver(await stage.gateway.events())).toEqual(['DisputeLost', 'DisputeLost'])
  expect((await asha.balance()).availablePaise).toBe(30_000n)
  expect((await ravi.balance()).availablePaise).toBe(30_000n)
  expect(await asha.told()).toEqual(['TopUpCredited', 'MoneyTakenBack', 'DisputeWon'])
  expect(await ravi.told()).toEqual(['TopUpCredited', 'MoneyTakenBack'])
})

test('I4 I5: whatever the order of the webhooks, and however often each comes, the books end the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat()), async chance => {
      const asha = await stage.gateway.payer(50_000n)
      await asha.refundedBySupport({ amount: 12_000 })
      await asha.refundedBySupport({ amount: 3_000, status: 'failed' })
      const [lost, won, open] = [await asha.disputed(4_000), await asha.disputed(7_000), await asha.disputed(1_000)]
      await stage.gateway.decided(lost, 'lost')
      await stage.gateway.decided(won, 'closed')
      const events = await stage.gateway.events()
      const next = () => chance.next().value ?? 0
      const shuffled = [...events, ...events]
        .map(event => ({ event, place: next() }))
        .sort((left, right) => left.place - right.place)
      await stage.gateway.deliver(shuffled.map(({ event }) => event))
      expect(open).toBeDefined()
      expect(await asha.balance()).toMatchObject({ postedPaise: 50_000n - 12_000n - 4_000n - 1_000n, owedPaise: 0n })
    }),
    { numRuns: 8 },
  )
})
