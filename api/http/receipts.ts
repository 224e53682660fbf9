// GET /v1/sessions/{sessionId}/receipt: the document over what a session cost, as it was issued.
import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../lib/process/clock.ts'
import { type Receipt, receiptOf } from '../wallet/receipts.ts'
import { group, jsonReply, paise, paiseOf, problems, reading, SIGNED_IN, time, ulid } from './api.ts'
import { HttpError } from './errors.ts'
import { ownSession } from './sessions.ts'

export const receiptSchema = z
  .object({
    number: z.string().openapi({ example: '26-27/0000042', description: 'Consecutive within India’s financial year.' }),
    sessionId: ulid,
    issuedAt: time,
    totalPaise: paise.openapi({ description: 'The tax is included.' }),
    tax: z.object({ name: z.string(), basisPoints: z.int().openapi({ example: 1800 }), paise }),
    lines: z
      .array(z.object({ at: time, kind: z.string(), seconds: z.int(), cause: z.string().optional(), paise }))
      .openapi({ description: 'The session’s time: stretches of play, and the interruptions, which cost nothing.' }),
  })
  .openapi('Receipt')

const route = createRoute({
  ...reading('sessions:read', 'Play'),
  path: '/v1/sessions/{sessionId}/receipt',
  operationId: 'getReceipt',
  summary: 'The receipt of a session that is over',
  request: { params: z.strictObject({ sessionId: ulid }) },
  responses: {
    200: jsonReply('The receipt.', receiptSchema),
    ...problems(...SIGNED_IN, 'InvalidRequest', 'SessionUnknown', 'ReceiptUnknown'),
  },
})

export const receiptDescriptions = [route]

export function receiptRoutes({ clock }: { clock: Clock }) {
  return group().openapi(route, async context => {
    const which = { playerId: context.get('caller').playerId, ...context.req.valid('param') }
    const database = context.get('database')
    const receipt = await receiptOf(database, which)
    if (receipt) return context.json(shownReceipt(receipt), 200)
    await ownSession(database, { ...which, now: clock.now() })
    throw new HttpError('ReceiptUnknown')
  })
}

export function shownReceipt(receipt: Receipt): z.infer<typeof receiptSchema> {
  const { number, sessionId, issuedAt, totalPaise, tax, taxPaise, lines } = receipt
  return {
    ...{ number, sessionId, issuedAt: issuedAt.toISOString(), totalPaise: paiseOf(totalPaise) },
    tax: { ...tax, paise: paiseOf(taxPaise) },
    lines: lines.map(({ cause, ...line }) => ({ ...line, ...(cause === undefined ? {} : { cause }) })),
  }
}
