// Money that goes back because we were asked for it: by a player, or by support at a shell.
import { expect, test } from 'vitest'
import { refundCommand } from '../../api/payments/command.ts'
import { askRefund } from '../../api/payments/refunds.ts'
import { deletePlayer } from '../../api/players/deletion.ts'
import { queueCommand } from '../../api/queue/command.ts'
import { enqueue } from '../../api/queue/queue.ts'
import { gatewayStage, type Payer } from './gateway.ts'

const stage = gatewayStage()

test('I4: a refund leaves the wallet at once, goes back to its payment, and the player is told', async () => {
  const asha = await stage.gateway.credited()
  await asha.asks()
  expect((await asha.balance()).postedPaise).toBe(0n)
  expect(await stage.gateway.workOff()).toEqual(['RefundProcessed'])
  expect(await stage.gateway.refunds(asha.paymentId)).toMatchObject([{ amount: 50_000, status: 'processed' }])
  expect(await asha.told()).toEqual(['TopUpCredited', 'RefundProcessed'])

  // What the webhooks and our own asking tell of it is nothing new.
  expect(new Set(await stage.gateway.deliver(await stage.gateway.events()))).toEqual(new Set(['RefundKnown']))
  expect(await stage.gateway.ask(100)).toEqual([])
  expect((await asha.balance()).postedPaise).toBe(0n)
  await expect(asha.asks()).rejects.toMatchObject({ code: 'NothingToRefund' })
})

test('I4: at most what is left of the payment goes back; what is played stays played, what is held stays held', async () => {
  const asha = await stage.gateway.credited()
  await asha.plays({ spentPaise: 10_000n, heldPaise: 15_000n })
  await expect(asha.asks(25_001n)).rejects.toMatchObject({ code: 'RefundTooLarge' })
  await expect(asha.asks(50n)).rejects.toMatchObject({ code: 'NothingToRefund' })
  expect((await asha.asks(5_000n)).amountPaise).toBe(5_000n)
  expect((await asha.asks()).amountPaise).toBe(20_000n)
  await stage.gateway.workOff()
  expect((await stage.gateway.refunds(asha.paymentId)).map(({ amount }) => amount).sort()).toEqual([20_000, 5_000])
  expect(await asha.balance()).toMatchObject({ postedPaise: 15_000n, heldPaise: 15_000n, availablePaise: 0n })
})

test('Nobody gets another player’s payment back, and none that is not there', async () => {
  const [asha, ravi] = [await stage.gateway.credited(), await stage.gateway.credited()]
  const order = { rail: 'Razorpay', by: { askedBy: 'Player' }, now: new Date() } as const
  const foreign = askRefund(stage.database, { ...order, paymentId: asha.paymentId, playerId: ravi.player.id })
  await expect(foreign).rejects.toMatchObject({ code: 'PaymentUnknown' })
  await expect(askRefund(stage.database, { ...order, paymentId: 'pay_none' })).rejects.toMatchObject({
    code: 'PaymentUnknown',
  })
})

test('Two who ask for all of it at once get it back once', async () => {
  const asha = await stage.gateway.credited()
  const asked = await Promise.allSettled([1, 2, 3, 4, 5].map(() => asha.asks()))
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  await stage.gateway.workOff()
  expect(await stage.gateway.refunds(asha.paymentId)).toHaveLength(1)
})

test('I4: what the bank cannot pay out is in the wallet again, and so is what the gateway refuses', async () => {
  const [asha, ravi] = [await stage.gateway.credited(), await stage.gateway.credited()]
  await stage.gateway.control('POST', '/refund-outcome', { status: 'failed' })
  await asha.asks()
  expect(await stage.gateway.workOff()).toEqual(['RefundFailed'])

  const fault = { method: 'POST', path: '/v1/payments', status: 400, description: 'Your account has too little.' }
  await stage.gateway.control('POST', '/faults', fault)
  const refund = await ravi.asks()
  expect(await stage.gateway.workOff()).toEqual(['RefundFailed'])
  const [row] = await stage.database`SELECT state, failure FROM refunds WHERE id = ${refund.id}`
  expect(row).toEqual({ state: 'Failed', failure: 'Your account has too little.' })
  for (const { balance, told } of [asha, ravi]) {
    expect((await balance()).availablePaise).toBe(50_000n)
    expect(await told()).toEqual(['TopUpCredited', 'RefundFailed'])
  }
  await stage.gateway.deliver(await stage.gateway.events())
  expect((await asha.balance()).availablePaise).toBe(50_000n)
})

test('I4: what the gateway refused, and has done all the same, leaves the wallet again, once', async () => {
  const asha = await stage.gateway.credited()
  await stage.gateway.control('POST', '/faults', { method: 'POST', path: '/v1/payments', status: 400 })
  const refund = await asha.asks()
  expect(await stage.gateway.workOff()).toEqual(['RefundFailed'])
  await asha.refundedBySupport({ receipt: refund.id })
  const [created, ...later] = await stage.gateway.events()
  expect(created && (await stage.gateway.deliver([created]))).toEqual(['RefundPending'])
  expect(await stage.gateway.deliver(later)).toEqual(['RefundProcessed'])
  expect(await stage.gateway.ask(100)).toEqual([])
  expect(await asha.balance()).toMatchObject({ postedPaise: 0n, owedPaise: 0n })
  expect(await asha.told()).toEqual(['TopUpCredited', 'RefundFailed', 'MoneyTakenBack'])
})

test('I4: a refund waits while the gateway does not take our keys, and is not given up for that', async () => {
  const asha = await stage.gateway.credited()
  const refund = await asha.asks()
  await stage.gateway.control('POST', '/faults', { method: 'POST', path: '/v1/payments', status: 401 })
  await expect(stage.gateway.workOff()).rejects.toMatchObject({ code: 'GatewayRefused', status: 401 })
  expect((await asha.balance()).postedPaise).toBe(0n)
  await enqueue(stage.database, 'payment.refund', { refundId: refund.id })
  expect(await stage.gateway.workOff()).toEqual(['RefundProcessed'])
  expect(await asha.told()).toEqual(['TopUpCredited', 'RefundProcessed'])
})

test('I8: nobody is forgotten whose refund is on its way, unless it is given up', async () => {
  const [asha, ravi] = [await stage.gateway.credited(), await stage.gateway.credited()]
  const leaves = ({ player }: Payer, forfeitMoney = false) =>
    deletePlayer(stage.database, { playerId: player.id, forfeitMoney, now: new Date() })
  await Promise.all([asha.asks(), ravi.asks()])
  await expect(leaves(asha)).rejects.toMatchObject({ code: 'MoneyLeft' })
  await leaves(ravi, true)
  await stage.gateway.workOff()
  await leaves(asha)
})

test('I5: what is paid after the account was deleted is credited, and goes back to where it came from', async () => {
  const asha = await stage.gateway.payer(50_000n)
  await deletePlayer(stage.database, { playerId: asha.player.id, forfeitMoney: false, now: new Date() })
  const outcomes = await stage.gateway.deliver(await stage.gateway.events())
  expect(outcomes.filter(outcome => outcome === 'Credited')).toHaveLength(1)
  expect(await stage.gateway.refunds(asha.paymentId)).toMatchObject([{ amount: 50_000, status: 'processed' }])
  expect(await asha.balance()).toMatchObject({ postedPaise: 0n, owedPaise: 0n })
})

test('I4: an unknown outcome is looked up before anything is tried again: one refund, however often it is worked off', async () => {
  const asha = await stage.gateway.credited()
  const refund = await asha.asks()
  await stage.gateway.control('POST', '/faults', { method: 'POST', path: '/v1/payments', loseReply: true })
  await stage.gateway.control('POST', '/faults', { method: 'GET', path: '/v1/payments', status: 502, times: 2 })
  await expect(stage.gateway.workOff()).rejects.toMatchObject({ code: 'GatewayOutcomeUnknown' })
  await stage.gateway.control('DELETE', '/faults')
  for (let time = 0; time < 3; time += 1) {
    await stage.database`
      INSERT INTO queue_items (topic, key, payload)
      VALUES ('payment.refund', ${refund.id}, jsonb_build_object('refundId', ${refund.id}::text))`
  }
  expect(await stage.gateway.workOff()).toEqual(['RefundProcessed', 'RefundKnown', 'RefundKnown'])
  expect(await stage.gateway.refunds(asha.paymentId)).toHaveLength(1)
})

test('I4 I8: support gives money back at a shell, under its name and with a reason', async () => {
  const asha = await stage.gateway.credited()
  const say = (...args: string[]) => refundCommand(args, stage.database, new Date())
  const { id: playerId } = asha.player
  expect(await say('list', playerId)).toBe('This player has no refunds.')
  expect(await say('payments', playerId)).toMatch(
    new RegExp(`^PAYMENT .*\n${asha.paymentId} +Razorpay +\\S+Z +50000 +50000$`),
  )
  const why = ['--author', 'Meera', '--reason', 'The game did not start.']
  for (const wrong of [[], ['make'], ['make', asha.paymentId], ['make', asha.paymentId, ...why, '--paise', '-1']]) {
    await expect(say(...wrong)).rejects.toMatchObject({ code: 'InvalidArguments' })
  }
  await expect(say('make', asha.paymentId, ...why, '--paise', '50001')).rejects.toMatchObject({
    code: 'RefundTooLarge',
  })
  await expect(say('make', 'pay_none', ...why)).rejects.toMatchObject({ code: 'PaymentUnknown' })
  expect(await say('make', asha.paymentId, ...why, '--paise', '20000')).toMatch(
    /^Refund \w{26} of 20000 paise is on its way/,
  )
  expect(await stage.gateway.workOff()).toEqual(['RefundProcessed'])
  expect(await say('list', playerId)).toMatch(/20000 +Operator Meera +\S+Z +Processed +The game did not start\.$/)
  expect((await asha.balance()).availablePaise).toBe(30_000n)
})

test.each(['processed', 'failed'] as const)(
  'A refund that waits at the bank, and is then %s, is followed by asking alone',
  async status => {
    const asha = await stage.gateway.credited()
    await stage.gateway.control('POST', '/refund-outcome', { status: 'pending' })
    await asha.asks()
    expect(await stage.gateway.workOff()).toEqual(['RefundPending'])
    expect(await asha.told()).toEqual(['TopUpCredited'])
    const [refund] = await stage.gateway.refunds(asha.paymentId)
    await stage.gateway.control('POST', '/refunds', { refund_id: refund?.id, status })
    await stage.gateway.events() // No webhook comes.
    const outcome = status === 'failed' ? 'RefundFailed' : 'RefundProcessed'
    expect(await stage.gateway.ask(2000)).toContain(outcome)
    expect((await asha.balance()).availablePaise).toBe(status === 'failed' ? 50_000n : 0n)
    expect(await asha.told()).toEqual(['TopUpCredited', outcome])
  },
)

test('I4: a refund is brought to the gateway whatever became of its item: lost, or dead; once', async () => {
  const [asha, ravi] = [await stage.gateway.credited(), await stage.gateway.credited()]
  const items = async () =>
    await stage.database<{ dead: boolean }[]>`
    SELECT dead_at IS NOT NULL AS dead FROM queue_items WHERE topic = 'payment.refund'`
  await asha.asks()
  await stage.database`DELETE FROM queue_items WHERE topic = 'payment.refund'`
  const { id } = await ravi.asks()
  await stage.database`UPDATE queue_items SET dead_at = now(), attempts = 150, last_error = 'x' WHERE topic = 'payment.refund'`
  expect(await queueCommand(['dead', '--topic', 'payment.refund'], stage.database)).toContain(id)
  await stage.gateway.ask(600)
  expect(await items()).toEqual([{ dead: true }]) // Its time is not over yet.
  await stage.gateway.ask(1000)
  await stage.gateway.ask(4000)
  expect(await items()).toEqual([{ dead: false }, { dead: false }])
  expect(await stage.gateway.workOff()).toEqual(['RefundProcessed', 'RefundProcessed'])
  for (const { paymentId } of [asha, ravi]) expect(await stage.gateway.refunds(paymentId)).toHaveLength(1)
})

test('I4: what the bank sends back after it was paid out is in the wallet again, once, by webhook or by asking', async () => {
  const [asha, ravi, none] = [
    await stage.gateway.credited(),
    await stage.gateway.credited(),
    await stage.gateway.credited(),
  ]
  for (const { asks } of [asha, ravi, none]) await asks()
  expect(await stage.gateway.workOff()).toEqual(['RefundProcessed', 'RefundProcessed', 'RefundProcessed'])
  await stage.gateway.deliver(await stage.gateway.events())
  const hours = 3600
  await stage.gateway.ask(2 * hours) // What has moved is looked at from here on.
  const bounces = async ({ paymentId }: Payer) => {
    const [refund] = await stage.gateway.refunds(paymentId)
    await stage.gateway.control('POST', '/refunds', { refund_id: refund?.id, status: 'failed' })
  }
  await bounces(asha)
  expect(await stage.gateway.deliver(await stage.gateway.events())).toEqual(['RefundFailed'])
  await bounces(ravi)
  const untold = await stage.gateway.events()
  expect(await stage.gateway.ask(23 * hours)).toEqual([])
  expect(await stage.gateway.ask(25 * hours)).toEqual(['RefundFailed'])
  expect(await stage.gateway.deliver(untold)).toEqual(['RefundKnown'])
  expect(await stage.gateway.ask(50 * hours)).toEqual([])
  for (const { balance, told } of [asha, ravi]) {
    expect((await balance()).availablePaise).toBe(50_000n)
    expect(await told()).toEqual(['TopUpCredited', 'RefundProcessed', 'RefundFailed'])
  }
  expect((await none.balance()).availablePaise).toBe(0n)

  // Each is asked about once a day, and not for ever.
  const looks = async (afterSeconds: number) => {
    await stage.gateway.ask(afterSeconds)
    const rows = await stage.database`
      SELECT FROM refunds WHERE payment_id = ${none.paymentId} AND look_at > now() + make_interval(secs => ${afterSeconds})`
    return rows.length
  }
  expect(await looks(75 * hours)).toBe(1)
  expect(await looks(31 * 24 * hours)).toBe(0)
})
