// /v1/top-ups: a wish to pay, and the page on which it is paid. No route takes an address: where the page leads is ours.
import { createRoute, z } from '@hono/zod-openapi'
import type { Queries } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { PaymentError } from '../payments/errors.ts'
import { rails } from '../payments/rail.ts'
import {
  createTopUp,
  MAXIMUM_PAISE,
  MINIMUM_PAISE,
  stateOf,
  type TopUp,
  type TopUpRow,
  topUpColumns,
  topUpOf,
} from '../payments/top-ups.ts'
import {
  group,
  idempotencyKey,
  jsonBody,
  jsonReply,
  POSTED,
  paise,
  paiseOf,
  problems,
  reading,
  SIGNED_IN,
  SIGNED_IN_STILL,
  time,
  ulid,
  writing,
} from './api.ts'
import { paged, pagesOf, ULID_POSITION } from './paging.ts'

export interface TopUpOutside {
  clock: Clock
  publicUrl: string
}

export const topUpSchema = z
  .object({
    id: ulid,
    rail: z.enum(rails),
    state: z.enum(['Open', 'Credited', 'Expired']),
    amountPaise: paise,
    createdAt: time,
    expiresAt: time,
    creditedAt: time.optional(),
    url: z.url().optional().openapi({ description: 'The page on which it is paid, while it is open.' }),
  })
  .openapi('TopUp')

const create = createRoute({
  ...writing('payments:write', 'Payments', 'pay'),
  path: '/v1/top-ups',
  operationId: 'createTopUp',
  summary: 'Top the wallet up',
  description: 'Send the player to `url`. The money is in the wallet when the top-up’s state is `Credited`.',
  request: {
    headers: idempotencyKey,
    body: jsonBody(
      z.strictObject({
        amountPaise: z
          .int()
          .min(Number(MINIMUM_PAISE))
          .max(Number(MAXIMUM_PAISE))
          .multipleOf(100)
          .openapi({ example: 50000, multipleOf: 100, description: 'Whole rupees, in paise: ₹10 to ₹10,000.' }),
      }),
    ),
  },
  responses: { 201: jsonReply('To be paid.', topUpSchema), ...problems(...POSTED, ...SIGNED_IN_STILL) },
})

const list = createRoute({
  ...reading('payments:read', 'Payments'),
  path: '/v1/top-ups',
  operationId: 'listTopUps',
  summary: 'Top-ups, the newest first',
  ...pagesOf('TopUps', topUpSchema),
})

const one = createRoute({
  ...reading('payments:read', 'Payments'),
  path: '/v1/top-ups/{topUpId}',
  operationId: 'getTopUp',
  summary: 'One top-up',
  request: { params: z.strictObject({ topUpId: ulid }) },
  responses: {
    200: jsonReply('The top-up.', topUpSchema),
    ...problems(...SIGNED_IN, 'InvalidRequest', 'TopUpUnknown'),
  },
})

export const topUpDescriptions = [create, list, one]

export function topUpRoutes(outside: TopUpOutside) {
  const { clock } = outside
  return group()
    .openapi(create, async context => {
      const { amountPaise } = context.req.valid('json')
      const order = { playerId: context.get('caller').playerId, amountPaise: BigInt(amountPaise), now: clock.now() }
      const topUp = await createTopUp(context.get('database'), { ...order, payBy: { rail: 'Razorpay' } })
      return context.json(shownTopUp(topUp, outside), 201)
    })
    .openapi(list, async context => {
      const { playerId } = context.get('caller')
      const page = await paged(context.req.valid('query'), {
        of: { list: list.operationId, playerId },
        pattern: ULID_POSITION,
        positionOf: ({ id }) => id,
        read: asked => topUpsOf(context.get('database'), { playerId, ...asked }),
        shown: (topUp: TopUp) => shownTopUp(topUp, outside),
      })
      return context.json(page, 200)
    })
    .openapi(one, async context => {
      const { topUpId } = context.req.valid('param')
      const { playerId } = context.get('caller')
      const queries = context.get('database')
      const [row] = await queries<TopUpRow[]>`
        SELECT ${queries(topUpColumns)} FROM top_ups WHERE id = ${topUpId} AND player_id = ${playerId}`
      if (!row) throw new PaymentError('TopUpUnknown')
      return context.json(shownTopUp(topUpOf(row), outside), 200)
    })
}

/** The newest first. `before` is the id that the page before ended with. */
export async function topUpsOf(
  queries: Queries,
  { playerId, before, limit }: { playerId: string; before: string | undefined; limit: number },
): Promise<TopUp[]> {
  const rows = await queries<TopUpRow[]>`
    SELECT ${queries(topUpColumns)} FROM top_ups WHERE player_id = ${playerId}
      AND (${before ?? null}::text IS NULL OR id < ${before ?? null}) ORDER BY id DESC LIMIT ${limit}`
  return rows.map(topUpOf)
}

/** Named field by field: the gateway's ids, and the token, are nobody's business. */
export function shownTopUp(topUp: TopUp, { clock, publicUrl }: TopUpOutside): z.infer<typeof topUpSchema> {
  const { id, rail, amountPaise, createdAt, expiresAt, creditedAt, token } = topUp
  const state = stateOf(topUp, clock.now())
  return {
    id,
    rail,
    state,
    amountPaise: paiseOf(amountPaise),
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    ...(creditedAt === undefined ? {} : { creditedAt: creditedAt.toISOString() }),
    ...(rail === 'Razorpay' && state === 'Open' ? { url: `${publicUrl}/top-up/${token}` } : {}),
  }
}
