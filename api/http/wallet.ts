// GET /v1/wallet and /v1/wallet/statement: what is there, what is set aside, and where it came from and went.
import { createRoute, z } from '@hono/zod-openapi'
import { type StatementLine, statement as statementOf } from '../wallet/statement.ts'
import { balanceOf } from '../wallet/wallet.ts'
import { group, jsonReply, limitedBy, paise, paiseOf, problems, SIGNED_IN, securedFor, time } from './api.ts'
import { cut, NUMBER_POSITION, pageOf, pageQuery, positionOf } from './paging.ts'

const security = securedFor('wallet:read')

const walletSchema = z
  .object({
    currency: z.literal('INR'),
    balancePaise: paise.openapi({ description: 'All that is in the wallet.' }),
    heldPaise: paise.openapi({ description: 'Set aside for the running session.' }),
    availablePaise: paise.openapi({ description: 'Free to be spent: the balance less what is held.' }),
    owedPaise: paise.openapi({
      description: 'Taken back after it was spent, by a dispute; the next top-up repays it.',
    }),
  })
  .openapi('Wallet')

export const lineSchema = z
  .object({
    id: z.string(),
    at: time,
    kind: z.string().openapi({ description: 'What it was for, such as TopUp or Play.' }),
    amountPaise: paise.openapi({ description: 'Above zero came in, below zero went out.' }),
    repaidPaise: paise.openapi({ description: 'Above zero repaid what was owed, below zero became owed.' }),
    balancePaise: paise.openapi({ description: 'What the wallet then had.' }),
    source: z.string().optional().openapi({ description: 'The gateway that it came from, or went back to.' }),
    sessionId: z.string().optional(),
    game: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('StatementLine')

const wallet = createRoute({
  security,
  ...limitedBy('read'),
  method: 'get',
  path: '/v1/wallet',
  operationId: 'getWallet',
  tags: ['Wallet'],
  summary: 'The balance',
  responses: { 200: jsonReply('The wallet.', walletSchema), ...problems(...SIGNED_IN) },
})

const statement = createRoute({
  security,
  ...limitedBy('read'),
  method: 'get',
  path: '/v1/wallet/statement',
  operationId: 'getStatement',
  tags: ['Wallet'],
  summary: 'What came in and went out, the newest first',
  request: { query: z.strictObject(pageQuery) },
  responses: {
    200: jsonReply('A page.', pageOf(lineSchema).openapi('Statement')),
    ...problems(...SIGNED_IN, 'InvalidRequest'),
  },
})

export const walletDescriptions = [wallet, statement]

export function walletRoutes() {
  return group()
    .openapi(wallet, async context => {
      const balance = await balanceOf(context.get('database'), context.get('caller').playerId)
      return context.json(
        {
          currency: 'INR' as const,
          balancePaise: paiseOf(balance.postedPaise),
          heldPaise: paiseOf(balance.heldPaise),
          availablePaise: paiseOf(balance.availablePaise),
          owedPaise: paiseOf(balance.owedPaise),
        },
        200,
      )
    })
    .openapi(statement, async context => {
      const { limit, cursor } = context.req.valid('query')
      const before = positionOf(cursor, NUMBER_POSITION)
      const { playerId } = context.get('caller')
      const lines = await statementOf(context.get('database'), {
        ...{ playerId, limit: limit + 1 },
        ...(before === undefined ? {} : { before: BigInt(before) }),
      })
      return context.json(cut(lines.map(shownLine), { limit, positionOf: ({ id }) => id }), 200)
    })
}

export function shownLine(line: StatementLine): z.infer<typeof lineSchema> {
  const { id, at, kind, amountPaise, repaidPaise, balancePaise, source, sessionId, game, reason } = line
  return {
    id: String(id),
    at: at.toISOString(),
    kind,
    amountPaise: paiseOf(amountPaise),
    repaidPaise: paiseOf(repaidPaise),
    balancePaise: paiseOf(balancePaise),
    ...(source === undefined ? {} : { source }),
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(game === undefined ? {} : { game }),
    ...(reason === undefined ? {} : { reason }),
  }
}
