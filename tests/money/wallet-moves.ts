// Random sequences of every wallet command, each done to the ledger and to the model, and compared after each.
import fc from 'fast-check'
import { expect } from 'vitest'
import { lowerCaseUlid } from '../../api/players/ids.ts'
import { charge, growHold, release } from '../../api/wallet/holds.ts'
import { affordableSeconds } from '../../api/wallet/price.ts'
import { completeRefund, debit, failRefund, startRefund } from '../../api/wallet/refunds.ts'
import { adjust, balanceOf, credit, creditBack, creditFault, creditPromotion } from '../../api/wallet/wallet.ts'
import type { Database } from '../../lib/database/pool.ts'
import { newPlayer, noon } from './books.ts'
import { least, priceOf, WalletModel } from './model.ts'
import { openHold } from './open-hold.ts'

const paise = fc.bigInt({ min: 1n, max: 5000n })
const pick = fc.nat({ max: 20 })
const seconds = fc.bigInt({ min: 0n, max: 4000n })

/** One thing asked of a wallet. `pick` chooses among what there is by then. */
export const move = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('TopUp' as const), paise }) },
  fc.record({
    do: fc.constant('Gift' as const),
    paise,
    expiresIn: fc.option(fc.integer({ min: 1, max: 2000 }), { nil: undefined }),
  }),
  fc.record({ do: fc.constant('Fault' as const), paise }),
  fc.record({
    do: fc.constant('Adjust' as const),
    paise: fc.bigInt({ min: -3000n, max: 3000n }).filter(amount => amount !== 0n),
  }),
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('Hold' as const), rate: fc.bigInt({ min: 1n, max: 9000n }), seconds }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('Grow' as const), seconds }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('Charge' as const), seconds }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('Release' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('Refund' as const), pick, paise }) },
  fc.record({ do: fc.constantFrom('Completed' as const, 'Failed' as const), pick }),
  // As much as a card's limit allows: often more than is free, so that something is owed.
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ do: fc.constant('TakenBack' as const), pick, paise: fc.bigInt({ min: 1n, max: 15_000n }) },
      kind: fc.constantFrom('ExternalRefund' as const, 'Dispute' as const),
    }),
  },
  fc.record({ do: fc.constant('GivenBack' as const), pick, paise }),
  fc.record({ do: fc.constant('Wait' as const), seconds: fc.integer({ min: 1, max: 1500 }) }),
  fc.record({ do: fc.constant('Again' as const) }),
)
export type Move = typeof move extends fc.Arbitrary<infer One> ? One : never

/** Does the moves to a new player's wallet, and holds it against the model after each. */
export async function play(database: Database, moves: readonly Move[]): Promise<void> {
  const { id: playerId } = await newPlayer(database)
  const model = new WalletModel()
  const payments: string[] = []
  let clock = 0
  let sessionId = ''
  /** The last command, which may come twice and counts once. */
  let again: () => Promise<unknown> = async () => undefined
  let counter = 0
  const ask = async (command: () => Promise<unknown>) => {
    again = command
    return await command().then(
      () => 'Done',
      (error: { code?: string }) => error.code ?? String(error),
    )
  }

  for (const one of moves) {
    counter += 1
    const now = new Date(noon.getTime() + clock * 1000)
    const key = `${playerId}:${counter}`
    const common = { playerId, idempotencyKey: key, now }
    const payment = 'pick' in one ? payments[one.pick % Math.max(1, payments.length)] : undefined
    // What a release has freed may have expired meanwhile. Not every move below is a command that would see it.
    await database`SELECT wallet_expire(${`wallet:${playerId}`}, ${now})`
    model.at(clock)
    switch (one.do) {
      case 'TopUp':
        await ask(() => credit(database, { ...common, amountPaise: one.paise, source: 'razorpay', reference: key }))
        payments.push(key)
        model.put({ key, isPromotional: false, expiresAt: undefined, left: one.paise }, true)
        break
      case 'Gift': {
        const expiresAt = one.expiresIn === undefined ? undefined : clock + one.expiresIn
        const until = expiresAt === undefined ? undefined : new Date(noon.getTime() + expiresAt * 1000)
        await ask(() =>
          creditPromotion(database, { ...common, amountPaise: one.paise, reason: 'Gift.', expiresAt: until }),
        )
        model.put({ key, isPromotional: true, expiresAt, left: one.paise }, false)
        break
      }
      case 'Fault': {
        if (sessionId === '') break
        const fault = { sessionId, fault: 'StartLate', occurrence: key, reason: 'Late.', expiresAt: undefined } as const
        await ask(() => creditFault(database, { ...common, ...fault, amountPaise: one.paise }))
        model.put({ key: `StartLate:${key}`, isPromotional: true, expiresAt: undefined, left: one.paise }, false)
        break
      }
      case 'Adjust': {
        const refused = one.paise < 0n && -one.paise > model.free
        const outcome = await ask(() =>
          adjust(database, { ...common, amountPaise: one.paise, author: 'a', reason: 'r' }),
        )
        expect(outcome).toBe(refused ? 'InsufficientFunds' : 'Done')
        if (one.paise > 0n) model.put({ key, isPromotional: false, expiresAt: undefined, left: one.paise }, true)
        else if (!refused) model.take(-one.paise)
        break
      }
      case 'Hold': {
        if (model.hold) break
        sessionId = lowerCaseUlid(now)
        await database`
          INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at, ended_at, end_reason)
          VALUES (${sessionId}, ${playerId}, 'quake', 'standard', ${['centralindia']}, ${now}, ${now}, ${now}, 'X')`
        const order = {
          sessionId,
          playerId,
          ratePaisePerHour: one.rate,
          blockSeconds: one.seconds,
          minimumSeconds: 60n,
        }
        const outcome = await ask(() => openHold(database, { ...order, now }))
        again = async () => undefined // A session's hold is opened with its row, which there is once.
        const paid = least(one.seconds, affordableSeconds({ ratePaisePerHour: one.rate, paise: model.free }))
        expect(outcome).toBe(paid < 60n ? 'InsufficientFunds' : 'Done')
        if (paid >= 60n) model.hold = { rate: one.rate, paid, charged: 0n }
        break
      }
      case 'Grow': {
        if (!model.hold) break
        const { rate, paid } = model.hold
        await ask(() => growHold(database, { sessionId, playerId, paidSeconds: one.seconds, now }))
        const reach = affordableSeconds({ ratePaisePerHour: rate, paise: priceOf(rate, paid) + model.free })
        const grown = least(one.seconds, reach)
        if (grown > paid) model.hold.paid = grown
        break
      }
      case 'Charge': {
        if (!model.hold) break
        const { rate, paid, charged } = model.hold
        await ask(() => charge(database, { sessionId, playerId, playedSeconds: one.seconds, now }))
        const due = priceOf(rate, least(one.seconds, paid))
        if (due > charged) {
          model.hold.charged = due
          model.take(due - charged)
        }
        break
      }
      case 'Release':
        if (!model.hold) break
        await ask(() => release(database, { sessionId, playerId, now }))
        model.release()
        break
      case 'Refund': {
        if (payment === undefined) break
        const lot = model.lots.filter(each => each.key === payment).toSorted((a, b) => Number(b.left - a.left))[0]
        const may = lot ? least(lot.left, model.free - model.owed) : 0n
        const order = {
          refundId: key,
          playerId,
          amountPaise: one.paise,
          source: 'razorpay',
          paymentId: payment,
          now,
        } as const
        const outcome = await ask(() => startRefund(database, order))
        if (outcome === 'Done' && lot) {
          expect(one.paise <= may).toBe(true)
          lot.left -= one.paise
          model.pending.set(key, { lot, amount: one.paise })
        } else {
          expect(one.paise > may).toBe(true) // A top-up that only repaid a debt has no lot.
          expect(['RefundTooLarge', 'PaymentUnknown']).toContain(outcome)
        }
        break
      }
      case 'Completed':
      case 'Failed': {
        const [refundId, pending] = [...model.pending][one.pick % Math.max(1, model.pending.size)] ?? []
        if (refundId === undefined || !pending) break
        const end = one.do === 'Completed' ? completeRefund : failRefund
        expect(await ask(() => end(database, { refundId, reference: key, now }))).toBe('Done')
        model.pending.delete(refundId)
        if (one.do === 'Failed') model.putBack(pending)
        break
      }
      case 'TakenBack': {
        if (payment === undefined) break
        const order = {
          ...common,
          kind: one.kind,
          amountPaise: one.paise,
          source: 'razorpay',
          reference: key,
        } as const
        await ask(() => debit(database, { ...order, paymentId: payment }))
        model.takeBack(payment, one.paise)
        break
      }
      case 'GivenBack':
        if (payment === undefined) break
        await ask(() => creditBack(database, { ...common, amountPaise: one.paise, source: 'razorpay', reference: key }))
        model.put({ key, isPromotional: false, expiresAt: undefined, left: one.paise }, true)
        break
      case 'Wait':
        clock += one.seconds
        break
      case 'Again':
        await again().catch(() => undefined)
        break
      default:
        one satisfies never
    }
    const balance = await balanceOf(database, playerId)
    const { posted, held, owed } = model
    expect(balance, `after ${counter} moves, ${one.do}`).toMatchObject({
      postedPaise: posted,
      heldPaise: held,
      owedPaise: owed,
    })
    const left = model.lots.filter(lot => lot.left > 0n).map(lot => [lot.key, lot.left])
    expect(await lotsOf(database, playerId), `after ${counter} moves, ${one.do}`).toEqual(Object.fromEntries(left))
  }
  if (model.hold) await release(database, { sessionId, playerId, now: new Date(noon.getTime() + clock * 1000) })
}

/** What is left of each credit, by what it refers to; one that refers to nothing, by its key. */
async function lotsOf(database: Database, playerId: string): Promise<Record<string, bigint>> {
  const rows = await database<{ name: string; left: bigint }[]>`
    SELECT coalesce(lot.reference, booked.idempotency_key) AS name, remainder_paise AS left
    FROM wallet_lots lot JOIN wallet_transactions booked ON booked.id = lot.transaction_id
    WHERE account_id = ${`wallet:${playerId}`} AND remainder_paise > 0`
  return Object.fromEntries(rows.map(({ name, left }) => [name, left]))
}
