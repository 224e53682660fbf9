// /v1/payments and /v1/refunds: what was paid, and the way back of what was not played. The rule is that of the bot.
import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../lib/process/clock.ts'
import { paymentOfPlayer } from '../payments/credited.ts'
import { MINIMUM_REFUND_PAISE, rails } from '../payments/rail.ts'
import { paymentsWithRest, type Refundable, refundOfPlayer, refundsOfPlayer } from '../payments/refundables.ts'
import { askRefund, type Refund } from '../payments/refunds.ts'
import { MAXIMUM_PAISE } from '../payments/top-ups.ts'
import { WalletError } from '../wallet/errors.ts'
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
import { ID_POSITION, NUMBER_POSITION, paged, pagesOf } from './paging.ts'

/** As the gateway names it: what stands on the payer's own papers, and what support asks for. */
const paymentId = z.string().regex(/^[!-~]{1,200}$/)
const rail = z.enum(rails)

export const paymentSchema = z
  .object({
    id: z.string().openapi({ example: 'pay_29QQoUBi66xm2f', description: 'The gateway’s id of the payment.' }),
    rail,
    topUpId: ulid,
    amountPaise: paise,
    stars: z.int().optional().openapi({ description: 'What was paid instead of rupees.' }),
    refundablePaise: paise.openapi({
      description: 'What can go back now: neither played, nor held for the session, owed or disputed.',
    }),
    creditedAt: time,
  })
  .openapi('Payment')

export const refundSchema = z
  .object({
    id: z.string(),
    paymentId: z.string(),
    rail,
    amountPaise: paise,
    state: z.enum(['Pending', 'Processed', 'Failed']),
    detail: z.string().openapi({ description: 'Where the money is, in a sentence.' }),
    askedBy: z.enum(['Player', 'Operator', 'Gateway']),
    reason: z.string().optional(),
    askedAt: time,
    endedAt: time.optional(),
  })
  .openapi('Refund')

const payments = createRoute({
  ...reading('payments:read', 'Payments'),
  path: '/v1/payments',
  operationId: 'listPayments',
  summary: 'Payments, the newest first, with what of each can go back',
  ...pagesOf('Payments', paymentSchema),
})

const create = createRoute({
  ...writing('payments:write', 'Payments', 'pay'),
  path: '/v1/refunds',
  operationId: 'createRefund',
  summary: 'Get back what was paid and not played',
  description:
    'It goes back to what it was paid with and nowhere else, and is at most what is left of that payment and free in the ' +
    'wallet (`refundablePaise` in /v1/payments). It leaves the wallet at once; if it cannot be paid out, it returns to it. ' +
    'Stars go back whole or not at all.',
  request: {
    headers: idempotencyKey,
    body: jsonBody(
      z.strictObject({
        paymentId: paymentId.openapi({ example: 'pay_29QQoUBi66xm2f', description: 'One of those in /v1/payments.' }),
        amountPaise: z
          .int()
          .min(Number(MINIMUM_REFUND_PAISE))
          .max(Number(MAXIMUM_PAISE))
          .optional()
          .openapi({ example: 10000, description: 'A rupee or more, in paise. Without it, all that can go back.' }),
      }),
    ),
  },
  responses: {
    201: jsonReply('It has left the wallet, and is on its way.', refundSchema),
    ...problems(
      ...POSTED,
      ...SIGNED_IN_STILL,
      ...(['PaymentUnknown', 'NothingToRefund', 'RefundTooLarge', 'RefundNotWhole', 'PaymentDisputed'] as const),
    ),
  },
})

const list = createRoute({
  ...reading('payments:read', 'Payments'),
  path: '/v1/refunds',
  operationId: 'listRefunds',
  summary: 'Refunds, the newest first, whoever asked for them',
  ...pagesOf('Refunds', refundSchema),
})

const one = createRoute({
  ...reading('payments:read', 'Payments'),
  path: '/v1/refunds/{refundId}',
  operationId: 'getRefund',
  summary: 'One refund',
  request: { params: z.strictObject({ refundId: z.string().regex(ID_POSITION) }) },
  responses: {
    200: jsonReply('The refund.', refundSchema),
    ...problems(...SIGNED_IN, 'InvalidRequest', 'RefundUnknown'),
  },
})

export const refundDescriptions = [payments, create, list, one]

export function refundRoutes({ clock }: { clock: Clock }) {
  return group()
    .openapi(payments, async context => {
      const { playerId } = context.get('caller')
      const page = await paged(context.req.valid('query'), {
        of: { list: payments.operationId, playerId },
        pattern: NUMBER_POSITION,
        positionOf: ({ payment }) => payment.handle,
        read: asked => paymentsWithRest(context.get('database'), { playerId, ...asked }),
        shown: shownPayment,
      })
      return context.json(page, 200)
    })
    .openapi(create, async context => {
      const { paymentId: id, amountPaise } = context.req.valid('json')
      const { playerId } = context.get('caller')
      const database = context.get('database')
      const payment = await paymentOfPlayer(database, { playerId, id })
      if (!payment) throw new WalletError('PaymentUnknown')
      const refund = await askRefund(database, {
        ...{ rail: payment.rail, paymentId: id, playerId, by: { askedBy: 'Player' }, now: clock.now() },
        ...(amountPaise === undefined ? {} : { amountPaise: BigInt(amountPaise) }),
      })
      return context.json(shownRefund(refund), 201)
    })
    .openapi(list, async context => {
      const { playerId } = context.get('caller')
      const page = await paged(context.req.valid('query'), {
        of: { list: list.operationId, playerId },
        pattern: ID_POSITION,
        positionOf: ({ id }) => id,
        read: asked => refundsOfPlayer(context.get('database'), { playerId, ...asked }),
        shown: shownRefund,
      })
      return context.json(page, 200)
    })
    .openapi(one, async context => {
      const { refundId: id } = context.req.valid('param')
      const { playerId } = context.get('caller')
      const refund = await refundOfPlayer(context.get('database'), { playerId, id })
      if (!refund) throw new WalletError('RefundUnknown')
      return context.json(shownRefund(refund), 200)
    })
}

export function shownPayment({ payment, leftPaise }: Refundable): z.infer<typeof paymentSchema> {
  const { id, rail: by, topUpId, amountPaise, stars, creditedAt } = payment
  return {
    ...{ id, rail: by, topUpId, amountPaise: paiseOf(amountPaise) },
    ...(stars === undefined ? {} : { stars: Number(stars) }),
    ...{ refundablePaise: paiseOf(leftPaise), creditedAt: creditedAt.toISOString() },
  }
}

/** Not the gateway's own words on why it failed: they are for the log. */
export function shownRefund(refund: Refund): z.infer<typeof refundSchema> {
  const { id, rail: by, paymentId, amountPaise, state, askedBy, reason, askedAt, endedAt } = refund
  return {
    ...{ id, paymentId, rail: by, amountPaise: paiseOf(amountPaise), state, detail: detailOf(refund), askedBy },
    ...(reason === undefined ? {} : { reason }),
    askedAt: askedAt.toISOString(),
    ...(endedAt === undefined ? {} : { endedAt: endedAt.toISOString() }),
  }
}

function detailOf({ state, rail: by }: Refund): string {
  const where = by === 'Stars' ? 'your Telegram balance of Stars' : 'the card, account or UPI that it was paid with'
  switch (state) {
    case 'Pending':
      return `It has left the wallet and is on its way to ${where}. If it cannot be paid out, it returns to the wallet.`
    case 'Processed':
      return `It was paid out to ${where}${by === 'Stars' ? '.' : '; a bank may take some days to show it.'}`
    case 'Failed':
      return 'It could not be paid out. It is in the wallet again, after what was owed was repaid from it.'
    default:
      return state satisfies never
  }
}
