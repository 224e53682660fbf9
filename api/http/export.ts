// GET /v1/me/export: all that is stored of a player, as one file.
import { createRoute, z } from '@hono/zod-openapi'
import type { Queries } from '../../lib/database/pool.ts'
import { type DisputeRow, disputesOfPlayer } from '../payments/disputes.ts'
import { rails } from '../payments/rail.ts'
import { KEPT_DAYS, webhooksKeptOf } from '../payments/razorpay-inbox.ts'
import { paymentsWithRest, refundsOfPlayer } from '../payments/refundables.ts'
import type { Player } from '../players/players.ts'
import { type SignIn, signInsOf } from '../players/sign-ins.ts'
import { type SessionEvent, sessionEventsOfPlayer } from '../sessions/events.ts'
import { sessionRecords } from '../sessions/history.ts'
import { type DecidedCredit, proposedCreditsOf } from '../wallet/proposed-credits.ts'
import { receiptsOf } from '../wallet/receipts.ts'
import { statement } from '../wallet/statement.ts'
import { faults } from '../wallet/wallet.ts'
import { group, jsonReply, limitedBy, paise, paiseOf, problems, reading, SIGNED_IN, time, ulid } from './api.ts'
import { playerOf, playerSchema, shownPlayer } from './me.ts'
import { shownTopUp, type TopUpOutside, topUpSchema, topUpsOf } from './payments.ts'
import { receiptSchema, shownReceipt } from './receipts.ts'
import { paymentSchema, refundSchema, shownPayment, shownRefund } from './refunds.ts'
import { sessionEventSchema, shownEvent } from './session-events.ts'
import { sessionSchema, shownSession } from './sessions.ts'
import { lineSchema, shownLine } from './wallet.ts'

/** Of each list at most; the newest are given. */
const EXPORTED = 10_000
const BATCH = 500

const exportSchema = z
  .object({
    exportedAt: time,
    player: playerSchema,
    signIns: z.array(
      z.object({ id: ulid, method: z.string(), createdAt: time, expiresAt: time, revokedAt: time.optional() }),
    ),
    statement: z.array(lineSchema),
    proposedCredits: z
      .array(
        z.object({
          sessionId: ulid,
          fault: z.enum(faults),
          amountPaise: paise,
          reason: z.string(),
          foundAt: time,
          decision: z.enum(['Approved', 'Declined']).optional(),
          decidedAt: time.optional(),
          decidedBecause: z.string().optional(),
        }),
      )
      .openapi({
        description: 'For promises broken beyond those that are credited at once: a person decides over each.',
      }),
    receipts: z.array(receiptSchema),
    topUps: z.array(topUpSchema),
    payments: z.array(paymentSchema),
    refunds: z.array(refundSchema),
    disputes: z.array(
      z.object({
        id: z.string(),
        paymentId: z.string(),
        rail: z.enum(rails),
        amountPaise: paise,
        state: z.enum(['Open', 'Won', 'Lost']),
        openedAt: time,
        endedAt: time.optional(),
      }),
    ),
    paymentMessages: z.object({ count: z.int().min(0), keptDays: z.int() }).openapi({
      description:
        'Razorpay’s messages about one’s payments, kept as they came for what a dispute may ask: in them stand the e-mail ' +
        'address, telephone number and UPI address that were given to Razorpay. Each is deleted after so many days, and all of ' +
        'them with the account; one that could not be worked off waits for a person first.',
    }),
    sessions: z.array(sessionSchema),
    sessionEvents: z
      .array(sessionEventSchema.extend({ sessionId: ulid }).openapi({}))
      .openapi({ description: 'Of each session until a week after its end.' }),
  })
  .openapi('Export')

const route = createRoute({
  ...reading('me:read', 'Player'),
  ...limitedBy('export'),
  path: '/v1/me/export',
  operationId: 'exportMe',
  summary: 'All that is stored of me',
  description: `As one file. Of each list the newest ${EXPORTED}.`,
  responses: { 200: jsonReply('The file.', exportSchema), ...problems(...SIGNED_IN) },
})

export const exportDescriptions = [route]

export function exportRoutes(outside: TopUpOutside) {
  return group().openapi(route, async context => {
    const player = await playerOf(context)
    const everything = await exported(context.get('database'), outside, player)
    context.header('Content-Disposition', 'attachment; filename="wasd-cloud.json"')
    return context.json(everything, 200)
  })
}

async function exported(
  database: Queries,
  outside: TopUpOutside,
  player: Player,
): Promise<z.infer<typeof exportSchema>> {
  const now = outside.clock.now()
  const playerId = player.id
  const lines = await collected(
    ({ before, limit }) =>
      statement(database, { playerId, limit, ...(before === undefined ? {} : { before: BigInt(before) }) }),
    ({ id }) => String(id),
  )
  const idOf = ({ id }: { id: string }) => id
  const topUps = await collected(page => topUpsOf(database, { playerId, ...page }), idOf)
  const payments = await collected(
    page => paymentsWithRest(database, { playerId, ...page }),
    ({ payment }) => payment.handle,
  )
  const refunds = await collected(page => refundsOfPlayer(database, { playerId, ...page }), idOf)
  const sessions = await collected(
    page => sessionRecords(database, { playerId, now, ...page }),
    ({ session }) => session.id,
  )
  const events = await collected(
    page => sessionEventsOfPlayer(database, { playerId, ...page }),
    ({ id }) => String(id),
  )
  return {
    exportedAt: now.toISOString(),
    player: shownPlayer(player),
    signIns: (await signInsOf(database, playerId)).map(shownSignIn),
    statement: lines.map(shownLine),
    proposedCredits: (await proposedCreditsOf(database, { playerId, limit: EXPORTED })).map(shownCredit),
    receipts: (await receiptsOf(database, { playerId, limit: EXPORTED })).map(shownReceipt),
    topUps: topUps.map(topUp => shownTopUp(topUp, outside)),
    payments: payments.map(shownPayment),
    refunds: refunds.map(shownRefund),
    disputes: (await disputesOfPlayer(database, { playerId, limit: EXPORTED })).map(shownDispute),
    paymentMessages: { count: await webhooksKeptOf(database, playerId), keptDays: KEPT_DAYS },
    sessions: sessions.map(shownSession),
    sessionEvents: events.map(shownEventOf),
  }
}

function shownSignIn({ id, method, createdAt, expiresAt, revokedAt }: SignIn) {
  return {
    ...{ id, method, createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString() },
    ...(revokedAt === undefined ? {} : { revokedAt: revokedAt.toISOString() }),
  }
}

function shownCredit(credit: DecidedCredit) {
  const { sessionId, fault, amountPaise, reason, foundAt, decision, decidedAt, decidedBecause } = credit
  return {
    ...{ sessionId, fault, amountPaise: paiseOf(amountPaise), reason, foundAt: foundAt.toISOString() },
    ...(decision === null ? {} : { decision }),
    ...(decidedAt === null ? {} : { decidedAt: decidedAt.toISOString() }),
    ...(decidedBecause === null ? {} : { decidedBecause }),
  }
}

function shownDispute({ id, payment_id: paymentId, rail, amount_paise, state, opened_at, ended_at }: DisputeRow) {
  return {
    ...{ id, paymentId, rail, amountPaise: paiseOf(amount_paise), state, openedAt: opened_at.toISOString() },
    ...(ended_at === null ? {} : { endedAt: ended_at.toISOString() }),
  }
}

function shownEventOf(event: SessionEvent) {
  return { sessionId: event.sessionId, ...shownEvent(event) }
}

/** Page by page, so that no statement is long. */
async function collected<Item>(
  read: (page: { before: string | undefined; limit: number }) => Promise<Item[]>,
  positionOf: (item: Item) => string,
): Promise<Item[]> {
  const all: Item[] = []
  for (let before: string | undefined; all.length < EXPORTED; ) {
    const page = await read({ before, limit: BATCH })
    all.push(...page)
    const last = page.at(-1)
    if (page.length < BATCH || last === undefined) break
    before = positionOf(last)
  }
  return all
}
