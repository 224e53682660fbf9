// One top-up that is paid more than once, or late, or is told of in the wrong order: whatever was captured is credited by its
// own id, and nothing else is.
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { bringIn } from '../../api/payments/movements.ts'
import { createStarsInvoice } from '../../api/payments/stars.ts'
import { ledgerCommand } from '../../api/wallet/command.ts'
import { contradictionMetrics } from '../../api/wallet/contradictions.ts'
import { balanceOf, credit } from '../../api/wallet/wallet.ts'
import { newPlayer, silent } from './books.ts'
import { gatewayStage, type Payer, type WebhookEvent } from './gateway.ts'

const stage = gatewayStage()
const HOUR = 3600
const posted = async (paying: Payer) => (await paying.balance()).postedPaise
const about = (events: readonly WebhookEvent[], paymentId: string) =>
  events.filter(({ body }) => body.includes(paymentId))

/** A program as it comes up: what it tells a person, and what its metric says is open of a code. */
function replica() {
  const [registry, told] = [new Registry(), [] as unknown[]]
  contradictionMetrics(registry, stage.database, ['IdempotencyConflict', 'PaymentMismatch'])
  const open = async (code: string) => {
    const { values = [] } = (await registry.getSingleMetric('wasd_api_contradictions_open')?.get()) ?? {}
    return values.find(({ labels }) => labels.code === code)?.value
  }
  return { told, open, log: { ...silent, error: (fields: unknown) => void told.push(fields) } }
}

/** Two payments on one page that the bank has agreed to; nobody has captured either. */
async function agreedTwice() {
  const { gateway } = stage
  const paying = await gateway.payer(50_000n, undefined, { outcome: 'authorized' })
  const second = await paying.pays({ outcome: 'authorized' })
  await gateway.events()
  const captures = async (id: string) =>
    await gateway.merchant(`/payments/${id}/capture`, { amount: 50_000, currency: 'INR' })
  return { paying, first: paying.paymentId, second, captures }
}

test('I5: two captured payments of one top-up are two credits, in whatever order they are told, and either goes back by itself', async () => {
  const { gateway } = stage
  const { paying, first, second, captures } = await agreedTwice()
  for (const id of [first, second]) await captures(id)
  const outcomes = await gateway.deliver((await gateway.events()).toReversed())
  expect(outcomes.filter(outcome => outcome === 'Credited')).toHaveLength(2)
  expect(await posted(paying)).toBe(100_000n)
  expect(await gateway.ask(120)).toEqual([])

  await paying.refundedBySupport()
  await gateway.deliver(await gateway.events())
  expect(await posted(paying)).toBe(50_000n)
  await paying.asks(undefined, { askedBy: 'Operator', author: 'asha', reason: 'Paid twice' }).then(
    () => expect.unreachable('All of this payment has gone back.'),
    error => expect(error).toMatchObject({ code: 'NothingToRefund' }),
  )
  expect(await paying.told()).toEqual(['TopUpCredited', 'TopUpCredited', 'MoneyTakenBack'])
})

test('I5: money that contradicts the books is left to a person, and holds up nothing that is told after it', async () => {
  const { gateway, database } = stage
  const [odd, next] = [await gateway.payer(50_000n), await gateway.payer(20_000n)]
  const events = await gateway.events()
  // Booked before, under the payment's own key, by a hand that knew another amount.
  const idempotencyKey = `razorpay:payment:${odd.paymentId}`
  const order = { playerId: odd.player.id, amountPaise: 1n, source: 'razorpay', reference: odd.paymentId } as const
  await credit(database, { ...order, idempotencyKey, now: new Date() })
  // Found in the list of what has moved, not by looking at the top-up.
  await database`UPDATE top_ups SET look_at = NULL WHERE id IN (${odd.topUpId}, ${next.topUpId})`
  const replicas = [replica(), replica()] as const
  const [one, other] = replicas
  const open = () => Promise.all(replicas.map(({ open: each }) => each('IdempotencyConflict')))
  expect(await gateway.ask(240, one.log)).toEqual(['Credited'])
  expect([await posted(odd), await posted(next)]).toEqual([1n, 20_000n])
  // Found at each look, by two replicas and after a restart, and told of once.
  for (const [later, { log }] of [one, other, replica()].entries())
    expect(await gateway.ask(310 + 70 * later, log)).toEqual([])
  expect([one.told, other.told]).toMatchObject([
    [{ rail: 'Razorpay', movement: { payment: { id: odd.paymentId } } }],
    [],
  ])
  expect(await open()).toEqual([1, 1])
  expect(await one.open('PaymentMismatch')).toBe(0)

  // Until a person has looked; it is not told anew by the next look.
  const ledger = (...words: string[]) => ledgerCommand(words, database, new Date())
  const listed = await ledger('contradictions')
  expect(listed).toContain(`IdempotencyConflict, Razorpay payment ${odd.paymentId}`)
  const [id = ''] = listed.split(' ')
  await expect(ledger('resolve', id)).rejects.toThrow('--author NAME and --reason TEXT are expected')
  const signed = ['--author', 'asha', '--reason', 'Booked by hand, ticket 7'] as const
  expect(await ledger('resolve', id, ...signed)).toBe(`Contradiction ${id} is resolved.`)
  await expect(ledger('resolve', id, ...signed)).rejects.toThrow(`No contradiction ${id} is open`)
  expect(await gateway.ask(520, other.log)).toEqual([])
  expect([await open(), other.told]).toEqual([[0, 0], []])
  expect(await ledger('contradictions')).toBe('Nothing contradicts the books.')

  // Told by a webhook, it is a dead letter at the first try.
  const captured = about(events, odd.paymentId).filter(({ event }) => event === 'payment.captured')
  await expect(gateway.deliver(captured)).rejects.toMatchObject({ name: 'PermanentError', code: 'IdempotencyConflict' })
  expect(await posted(odd)).toBe(1n)
})

test('I5: of two authorised payments of a top-up we capture one; the other stays with the payer', async () => {
  const { gateway } = stage
  const { paying, first, second } = await agreedTwice()
  expect(await gateway.ask(3 * HOUR)).toEqual(['Credited'])
  expect(await gateway.ask(30 * HOUR)).toEqual([])
  const states = await Promise.all([first, second].map(async id => (await gateway.payment(id))?.status))
  expect(states.toSorted()).toEqual(['authorized', 'captured'])
  await gateway.deliver(await gateway.events())
  expect(await posted(paying)).toBe(50_000n)
})

test('I5: a second success that Razorpay gives back itself is neither credited nor debited', async () => {
  const { gateway } = stage
  const paying = await gateway.payer(50_000n, undefined, { outcome: 'late-authorized', lateSeconds: 0.2 })
  await paying.pays({})
  await expect.poll(async () => (await gateway.payment(paying.paymentId))?.status).toBe('refunded')
  const events = await gateway.events()
  const outcomes = await gateway.deliver([...events, ...events.toReversed()])
  expect(outcomes.filter(outcome => outcome === 'Credited')).toHaveLength(1)
  expect(await posted(paying)).toBe(50_000n)
  expect(await paying.told()).toEqual(['TopUpCredited'])
})

test('I5: failed is not the end: whatever the order of what is told, a late authorisation is one credit', async () => {
  const { gateway } = stage
  const paying = await gateway.payer(50_000n, undefined, { outcome: 'late-authorized', lateSeconds: 0 })
  const told = async () => (await gateway.payment(paying.paymentId))?.status
  await expect.poll(told).toBe('captured')
  const events = await gateway.events()
  const kinds = events.map(({ event }) => event)
  expect(kinds).toEqual(expect.arrayContaining(['payment.failed', 'payment.authorized', 'payment.captured']))
  const outcomes = await gateway.deliver(events)
  expect(outcomes.filter(outcome => outcome === 'Credited')).toHaveLength(1)

  // The captured one first, the failed one last; and each once more.
  const again = await gateway.payer(50_000n, undefined, { outcome: 'late-authorized', lateSeconds: 0 })
  await expect.poll(async () => (await gateway.payment(again.paymentId))?.status).toBe('captured')
  const backwards = (await gateway.events()).toReversed()
  expect((await gateway.deliver([...backwards, ...backwards])).filter(outcome => outcome === 'Credited')).toHaveLength(
    1,
  )
  expect([await posted(paying), await posted(again)]).toEqual([50_000n, 50_000n])
})

test('I5: money for a link that was cancelled is credited, by webhook or by asking', async () => {
  const { gateway } = stage
  const cancelled = async () => {
    const { paying, first, captures } = await agreedTwice()
    const link = (await gateway.links()).find(({ reference_id: id }) => id === paying.topUpId)
    await gateway.merchant(`/payment_links/${link?.id}/cancel`)
    await captures(first)
    return paying
  }
  const told = await cancelled()
  expect(await gateway.deliver(await gateway.events())).toContain('Credited')
  const asked = await cancelled()
  await gateway.events()
  expect(await gateway.ask(31 * HOUR)).toEqual(['Credited']) // The top-up is no longer offered, either.
  expect([await posted(told), await posted(asked)]).toEqual([50_000n, 50_000n])
})

test('I5: ten payments that webhooks and three who ask tell of at once are ten credits', async () => {
  const { gateway } = stage
  const paying: Payer[] = []
  for (let count = 0; count < 10; count += 1) paying.push(await gateway.payer(10_000n))
  const events = (await gateway.events()).filter(({ event }) => event === 'payment.captured')
  const [delivered, ...asked] = await Promise.all([
    Promise.all(events.map(event => gateway.deliver([event]))),
    ...[1, 2, 3].map(() => gateway.ask(32 * HOUR)),
  ])
  const outcomes = [...delivered.flat(), ...asked.flat(), ...(await gateway.workOff())]
  expect(outcomes.filter(outcome => outcome === 'Credited')).toHaveLength(10)
  expect(await Promise.all(paying.map(posted))).toEqual(paying.map(() => 10_000n))
})

test.each([
  ['amount', '"amount":50000', '"amount":49999'],
  ['currency', '"currency":"INR"', '"currency":"USD"'],
])(
  'I5: of two payments of a top-up, one of another %s: the right one is credited, the other waits for a person',
  async (_, from, to) => {
    const { gateway } = stage
    const { paying, first, second, captures } = await agreedTwice()
    for (const id of [first, second]) await captures(id)
    const events = (await gateway.events()).filter(({ event }) => event === 'payment.captured')
    const [right, wrong] = [about(events, first), about(events, second).map(event => gateway.altered(event, from, to))]
    await expect(gateway.deliver(wrong)).rejects.toMatchObject({ name: 'PermanentError', code: 'PaymentMismatch' })
    expect(await posted(paying)).toBe(0n)
    expect(await gateway.deliver(right)).toEqual(['Credited'])
    await expect(gateway.deliver(wrong)).resolves.toEqual([]) // The same body again.
    expect(await posted(paying)).toBe(50_000n)
  },
)

test('I5: a second payment that is captured a day after the first, and that nobody tells of, is found by asking', async () => {
  const { gateway } = stage
  const { paying, first, second, captures } = await agreedTwice()
  await captures(first)
  await gateway.deliver(await gateway.events())
  expect(await posted(paying)).toBe(50_000n)
  await gateway.ask(50 * HOUR) // What has moved is looked at from here on: the second was made before.
  await captures(second)
  await gateway.events()
  expect(await gateway.ask(51 * HOUR)).toEqual([])
  expect(await gateway.ask(75 * HOUR)).toEqual(['Credited'])
  expect(await posted(paying)).toBe(100_000n)
  for (const hours of [100, 130, 160]) expect(await gateway.ask(hours * HOUR)).toEqual([])
})

test('I5: a crowd of credited top-ups that are to be asked about holds up no fresh one', async () => {
  const { gateway, database } = stage
  const { id: playerId } = await newPlayer(database)
  await database`
    INSERT INTO top_ups (id, token, player_id, rail, amount_paise, created_at, expires_at, look_at, credited_at)
    SELECT 'crowd-' || number, 'crowd-' || number || repeat('-', 32), ${playerId}, 'Razorpay', 50000, now(), now(),
      now() - interval '1 day', now()
    FROM generate_series(1, 100) number
    UNION ALL SELECT 'fresh', repeat('-', 32), ${playerId}, 'Razorpay', 50000, now(), now(), now(), NULL`
  expect(await gateway.ask(0)).toEqual([])
  const due = await database<{ id: string }[]>`
    SELECT id FROM top_ups WHERE player_id = ${playerId} AND look_at <= now()`
  expect(due.length).toBeGreaterThan(0) // The crowd is more than one pass takes.
  expect(due).not.toContainEqual({ id: 'fresh' })
  await database`UPDATE top_ups SET look_at = NULL WHERE player_id = ${playerId}`
})

test('I5: two charges for one invoice of Stars are two credits, told however often, and each goes back whole by itself', async () => {
  const { database } = stage
  const { id: playerId } = await newPlayer(database)
  const now = new Date()
  const { payload, stars } = await createStarsInvoice(database, {
    ...{ playerId, amountPaise: 50_000n, paisePerStar: 100, now },
  })
  const money = { currency: 'XTR', units: BigInt(stars) }
  const charge = (id: string) =>
    ({ is: 'Payment', payment: { id, topUpId: payload, paid: money, hasRefunds: false } }) as const
  const refund = (id: string) => {
    const refund = { id, paymentId: id, refundId: undefined, returned: money, state: 'Processed' } as const
    return { is: 'Refund', refund } as const
  }
  const told = async (movement: ReturnType<typeof charge> | ReturnType<typeof refund>) =>
    (await bringIn(database, { rail: 'Stars', movements: [movement], now }))[0]
  const posted = async () => (await balanceOf(database, playerId)).postedPaise

  // Both were agreed to before either was credited; each is told of by the bot and by the list.
  const outcomes = await Promise.all(['one', 'two', 'one', 'two'].map(id => told(charge(`${playerId}-${id}`))))
  expect(outcomes.toSorted()).toEqual(['AlreadyCredited', 'AlreadyCredited', 'Credited', 'Credited'])
  expect(await posted()).toBe(100_000n)
  for (const outcome of ['RefundProcessed', 'RefundKnown']) {
    expect(await told(refund(`${playerId}-one`))).toBe(outcome)
    expect(await posted()).toBe(50_000n)
  }
  expect(await told(charge(`${playerId}-one`))).toBe('AlreadyCredited')
  expect(await posted()).toBe(50_000n)
})
