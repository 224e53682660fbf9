// A player who pays over the simulated Razorpay, and the books that hear of it. Webhooks are taken from the simulator by
// hand, so that a test decides what comes, in which order, and how often.
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { z } from 'zod'
import { paymentUrl } from '../../api/payments/page.ts'
import type { PaymentRail } from '../../api/payments/rail.ts'
import { razorpayRail } from '../../api/payments/razorpay.ts'
import { razorpayInbox } from '../../api/payments/razorpay-inbox.ts'
import { razorpayWebhooks } from '../../api/payments/razorpay-webhook.ts'
import { reconcileOnce, takeInRefunds } from '../../api/payments/reconciliation.ts'
import { askRefund, type RefundAsker, workOffRefund } from '../../api/payments/refunds.ts'
import { createTopUp } from '../../api/payments/top-ups.ts'
import { lowerCaseUlid } from '../../api/players/ids.ts'
import type { Player } from '../../api/players/players.ts'
import { charge } from '../../api/wallet/holds.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { sign } from '../../demo/simulators/razorpay/signatures.ts'
import type { Database } from '../../lib/database/pool.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { startRazorpay } from '../api/razorpay.ts'
import { type Books, brokenInvariants, newPlayer, openBooks, silent } from './books.ts'
import { openHold } from './open-hold.ts'

const eventSchema = z.object({ id: z.string(), event: z.string(), body: z.string(), signature: z.string() })
const stateSchema = z.object({
  events: z.array(eventSchema),
  payment_links: z.array(z.looseObject({ id: z.string(), reference_id: z.string() })),
  payments: z.array(z.looseObject({ id: z.string(), status: z.string() })),
  refunds: z.array(z.looseObject({ id: z.string(), payment_id: z.string(), amount: z.number(), status: z.string() })),
})
export type WebhookEvent = z.infer<typeof eventSchema>
const idSchema = z.looseObject({ id: z.string() })

/** Nobody pays with Stars here. */
const noStars: PaymentRail = {
  name: 'Stars',
  refund: () => Promise.reject(new Error('No refund of Stars is expected.')),
  movements: async () => ({ movements: [], cursor: '0', isLast: true }),
}

export type Gateway = Awaited<ReturnType<typeof openGateway>>
export type Payer = Awaited<ReturnType<Gateway['payer']>>

export async function openGateway(database: Database) {
  const razorpay = await startRazorpay()
  const { control, accountId, webhookSecret } = razorpay
  const rail = razorpayRail(razorpay)
  const rails = { Razorpay: rail, Stars: noStars }
  const receive = razorpayInbox({ database, webhookSecrets: [webhookSecret] })
  const state = async () => stateSchema.parse(await control('GET', '/state'))
  let handed = 0

  async function taken(topic: string): Promise<Record<string, string>[]> {
    const rows = await database<{ payload: Record<string, string> }[]>`
      DELETE FROM queue_items WHERE topic = ${topic} RETURNING payload`
    return rows.map(({ payload }) => payload)
  }

  /** Works off everything that waits for the gateway or came from it. The outcomes. */
  async function workOff(): Promise<string[]> {
    const outcomes: string[] = []
    for (const { webhookId = '' } of await taken('razorpay.webhook')) {
      const outside = { database, rail, accountId, log: silent }
      outcomes.push(await razorpayWebhooks(outside)({ webhookId, now: new Date() }))
    }
    for (const { refundId = '' } of await taken('payment.refund')) {
      const { outcome } = await workOffRefund({ database, rails }, { refundId, now: new Date() })
      outcomes.push(outcome)
    }
    for (const { paymentId = '' } of await taken('razorpay.refunds')) {
      outcomes.push(...(await takeInRefunds({ database, rail }, { paymentId, now: new Date() })))
    }
    return outcomes
  }

  /** What has happened since the last time, as webhooks not delivered yet. */
  async function events(): Promise<WebhookEvent[]> {
    const { events } = await state()
    const news = events.slice(handed)
    handed = events.length
    return news
  }

  async function deliver(events: readonly WebhookEvent[]): Promise<string[]> {
    const outcomes: string[] = []
    for (const { id: eventId, body: rawBody, signature } of events) {
      await receive({ rawBody, signature, eventId, now: new Date() })
      outcomes.push(...(await workOff()))
    }
    return outcomes
  }

  /** Somebody, new or known, and a payment of theirs, made in this way, that nobody has heard of yet. */
  async function payer(amountPaise: bigint, known?: Player, how: object = {}) {
    const player = known ?? (await newPlayer(database))
    const payment = { playerId: player.id, amountPaise, payBy: { rail: 'Razorpay' }, now: new Date() } as const
    const topUp = await createTopUp(database, payment)
    await paymentUrl({ database, rail, publicUrl: 'http://127.0.0.1:3000' }, { token: topUp.token, now: new Date() })
    /** Another try on the same page. The payment's id. */
    const pays = async (how: object) => {
      const paid = await control('POST', `/payment-links/${topUp.id}/pay`, how)
      return z.object({ payment: idSchema }).parse(paid).payment.id
    }
    const paymentId = await pays(how)
    return {
      player,
      topUpId: topUp.id,
      paymentId,
      pays,
      /** Plays for so much, and goes on playing with so much held. */
      async plays({ spentPaise, heldPaise }: { spentPaise: bigint; heldPaise: bigint }): Promise<void> {
        const [sessionId, playerId, now] = [lowerCaseUlid(new Date()), player.id, new Date()]
        await database`
          INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at)
          VALUES (${sessionId}, ${playerId}, 'quake', 'standard', ${['centralindia']}, ${now}, ${now})`
        const seconds = spentPaise + heldPaise // At ₹36 an hour a second is a paisa.
        const hold = { sessionId, playerId, ratePaisePerHour: 3600n, now }
        await openHold(database, { ...hold, blockSeconds: seconds, minimumSeconds: seconds })
        await charge(database, { sessionId, playerId, playedSeconds: spentPaise, now })
      },
      balance: async () => await balanceOf(database, player.id),
      asks: async (amount?: bigint, by: RefundAsker = { askedBy: 'Player' }) =>
        await askRefund(database, {
          ...{ rail: 'Razorpay' as const, paymentId, playerId: player.id, by, now: new Date() },
          ...(amount === undefined ? {} : { amountPaise: amount }),
        }),
      /** What the bot would say, by kind. */
      told: async () =>
        (
          await database<{ type: string }[]>`
              SELECT payload -> 'notification' ->> 'type' AS type FROM queue_items
              WHERE topic = 'telegram.notification' AND key = ${player.id} ORDER BY id`
        ).map(({ type }) => type),
      /** In the dashboard. */
      refundedBySupport: async (what: object = {}) =>
        idSchema.parse(await control('POST', '/refunds', { payment_id: paymentId, ...what })).id,
      disputed: async (amount?: number) =>
        idSchema.parse(await control('POST', '/disputes', { payment_id: paymentId, ...(amount && { amount }) })).id,
    }
  }

  return {
    control,
    rails,
    settings: razorpay,
    /** What a person does in the dashboard, or another program of ours: a call with the account's own keys. */
    async merchant(path: string, fields: object = {}): Promise<void> {
      const key = Buffer.from(`${razorpay.keyId}:${razorpay.keySecret}`).toString('base64')
      const headers = { Authorization: `Basic ${key}`, 'Content-Type': 'application/json' }
      const reply = await fetch(`${razorpay.baseUrl}/v1${path}`, {
        ...{ method: 'POST', headers, body: JSON.stringify(fields) },
      })
      if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`)
    },
    links: async () => (await state()).payment_links,
    /** The payment as it stands at the gateway. */
    payment: async (id: string) => (await state()).payments.find(payment => payment.id === id),
    /** The same event of another content, signed all the same. */
    altered(event: WebhookEvent, from: string, to: string): WebhookEvent {
      const body = event.body.replace(from, to)
      const signature = sign(body, webhookSecret)
      return { ...event, body, signature }
    },
    workOff,
    /** The refunds at the gateway. */
    refunds: async (paymentId: string) => (await state()).refunds.filter(refund => refund.payment_id === paymentId),
    events,
    deliver,
    /** One pass of asking, so many seconds from now. */
    async ask(afterSeconds: number, log = silent): Promise<string[]> {
      const clock = { ...systemClock, now: () => new Date(Date.now() + afterSeconds * 1000) }
      return await reconcileOnce({ database, rails, clock, log })
    },
    payer,
    /** Somebody who has paid, and whose money is in the wallet. */
    async credited(amountPaise = 50_000n) {
      const paying = await payer(amountPaise)
      await deliver(await events())
      expect((await paying.balance()).availablePaise).toBe(amountPaise)
      return paying
    },
    async decided(dispute: string, status: 'won' | 'lost' | 'closed' | 'under_review', deducted?: number) {
      await control('POST', '/disputes', { dispute_id: dispute, status, ...(deducted && { deducted }) })
    },
    async stop() {
      await razorpay.stop()
    },
  }
}

/** Books and a gateway for all tests of a file; the books are in order when they are through. */
export function gatewayStage(): { readonly database: Database; readonly gateway: Gateway } {
  let books: Books
  let gateway: Gateway
  beforeAll(async () => {
    books = await openBooks()
    gateway = await openGateway(books.database)
  })
  afterAll(async () => {
    expect(await brokenInvariants(books.database)).toEqual([])
    await gateway.stop()
    await books.stop()
  })
  afterEach(async () => {
    await gateway.control('DELETE', '/faults')
    await gateway.control('POST', '/refund-outcome', { status: 'processed' })
  })
  return {
    get database() {
      return books.database
    },
    get gateway() {
      return gateway
    },
  }
}
