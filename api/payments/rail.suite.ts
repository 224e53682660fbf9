// How every rail behaves, whatever the gateway behind it. An implementation's test calls this, and says where it differs.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Movement, PaymentRail, RefundOrder } from './rail.ts'

export interface RailStage {
  rail: PaymentRail
  /** The same, with nobody at the other end. */
  nowhere: PaymentRail
  /** The same, which gives up waiting after a second. */
  impatient: PaymentRail
  /** Somebody pays for a top-up. What a refund of all of it would be, without its id. */
  pay(topUpId: string): Promise<Omit<RefundOrder, 'refundId'>>
  /** What the gateway does with the next refund: answer so, do it and lose the reply, or do it so many seconds later. */
  fault(what: { status: number } | { loseReply: true } | { delay: number }): Promise<void>
  /** Until the call that ran into the last fault is through, though nobody waits for it any more. */
  through(): Promise<void>
  noFaults(): Promise<void>
}

export interface RailDifferences {
  /** Some clients cannot tell that nothing was sent. */
  nowhere?: 'GatewayOutcomeUnknown'
}

export function railBehaves(make: () => RailStage, differences: RailDifferences = {}): void {
  let stage: RailStage
  beforeEach(() => {
    stage = make()
  })
  afterEach(async () => await stage.noFaults())

  const now = () => new Date(Date.now() + 1000) // Gateways count in whole seconds.

  /** Everything since `cursor`, page by page. */
  async function since(cursor: string | undefined): Promise<{ movements: Movement[]; cursor: string }> {
    const told: Movement[] = []
    for (let from = cursor, page = 0; page < 100; page += 1) {
      const { movements, cursor: next, isLast } = await stage.rail.movements(from, now())
      told.push(...movements)
      from = next
      if (isLast) return { movements: told, cursor: next }
    }
    throw new Error('The list of movements has no end.')
  }

  const refundsOf = (movements: Movement[], paymentId: string) =>
    movements.flatMap(movement =>
      movement.is === 'Refund' && movement.refund.paymentId === paymentId ? [movement.refund] : [],
    )

  test('tells every payment with its top-up and its money, and goes on where it left off', async () => {
    const [first, second] = [randomUUID().slice(0, 26), randomUUID().slice(0, 26)]
    const earlier = await stage.pay(first)
    const { movements, cursor } = await since(undefined)
    const { paymentId: id, returned: paid } = earlier
    expect(movements).toContainEqual({ is: 'Payment', payment: expect.objectContaining({ id, topUpId: first, paid }) })
    const later = await stage.pay(second)
    const news = (await since(cursor)).movements
    expect(news).toContainEqual(
      expect.objectContaining({ payment: expect.objectContaining({ id: later.paymentId, topUpId: second }) }),
    )
  })

  test('gives money back once per refund, and tells of it', async () => {
    const order = { ...(await stage.pay('once')), refundId: randomUUID().slice(0, 26) }
    const { cursor } = await since(undefined)
    const refund = await stage.rail.refund(order)
    expect(refund).toMatchObject({ paymentId: order.paymentId, returned: order.returned, state: 'Processed' })
    expect(refund.refundId).toBe(order.refundId)
    expect(await stage.rail.refund(order)).toEqual(refund)
    expect(refundsOf((await since(cursor)).movements, order.paymentId)).toMatchObject([{ id: refund.id }])
  })

  test('after a lost reply it is the same refund, not another one', async () => {
    const order = { ...(await stage.pay('lost')), refundId: randomUUID().slice(0, 26) }
    await stage.fault({ loseReply: true })
    // It may find out by itself; if not, it says that nobody knows.
    await stage.rail
      .refund(order)
      .catch((error: unknown) => expect(error).toMatchObject({ code: 'GatewayOutcomeUnknown' }))
    expect(await stage.rail.refund(order)).toMatchObject({ state: 'Processed' })
    expect(refundsOf((await since(undefined)).movements, order.paymentId)).toHaveLength(1)
  })

  test('a gateway that hangs leaves the outcome unknown; what it does in the end is the same refund', async () => {
    const order = { ...(await stage.pay('hangs')), refundId: randomUUID().slice(0, 26) }
    await stage.fault({ delay: 2 })
    await expect(stage.impatient.refund(order)).rejects.toMatchObject({ code: 'GatewayOutcomeUnknown' })
    expect(await stage.rail.refund(order)).toMatchObject({ state: 'Processed' })
    await stage.through()
    expect(refundsOf((await since(undefined)).movements, order.paymentId)).toHaveLength(1)
  })

  test('"never", "not now" and "nobody knows" are told apart, and nothing has moved', async () => {
    const order = { ...(await stage.pay('apart')), refundId: randomUUID().slice(0, 26) }
    await stage.fault({ status: 400 })
    await expect(stage.rail.refund(order)).rejects.toMatchObject({ code: 'GatewayRefused', status: 400 })
    await stage.fault({ status: 429 })
    await expect(stage.rail.refund(order)).rejects.toMatchObject({ code: 'GatewayUnavailable' })
    await stage.fault({ status: 500 })
    await expect(stage.rail.refund(order)).rejects.toMatchObject({ code: 'GatewayOutcomeUnknown' })
    const code = differences.nowhere ?? 'GatewayUnavailable'
    await expect(stage.nowhere.refund(order)).rejects.toMatchObject({ code })
    await expect(stage.nowhere.movements(undefined, now())).rejects.toMatchObject({ code })
    expect(refundsOf((await since(undefined)).movements, order.paymentId)).toEqual([])
  })

  test('a payment that is not there cannot be given back', async () => {
    const order = { ...(await stage.pay('gone')), paymentId: 'pay_0000000000gone', refundId: randomUUID().slice(0, 26) }
    await expect(stage.rail.refund(order)).rejects.toMatchObject({ code: 'GatewayRefused' })
  })
}
