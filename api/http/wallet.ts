// GET /v1/wallet and /v1/wallet/statement: what is there, what is set aside, and where it came from and went.
import { createRoute, z } from '@hono/zod-openapi'
import { type StatementLine, statement as statementOf } from '../wallet/statement.ts'
import { balanceOf } from '../wallet/wallet.ts'
import { group, jsonReply, paise, paiseOf, problems, reading, SIGNED_IN, time } from './api.ts'
import { NUMBER_POSITION, paged, pagesOf } from './paging.ts'

const walletSchema = z
  .object({
    currency: z.literal('INR'),
    balancePaise: paise.openapi({ description: 'All that is in the wallet.' }),
    heldPaise: paise.openapi({ description: 'Set aside for the running session.' }),
    availablePaise: paise.openapi({ description: 'Free to be spent: the balance less what is held.' }),
    owedPaise: paise.openapi({
      description:
        'Taken back after it was spent, by a dispute; what a session leaves over and the next top-up repay it.',
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
  ...reading('wallet:read', 'Wallet'),
  path: '/v1/wallet',
  operationId: 'getWallet',
  summary: 'The balance',
  responses: { 200: jsonReply('The wallet.', walletSchema), ...problems(...SIGNED_IN) },
})

const statement = createRoute({
  ...reading('wallet:read', 'Wallet'),
  path: '/v1/wallet/statement',
  operationId: 'getStatement',
  summary: 'What came in and went out, the newest first',
  ...pagesOf('Statement', lineSchema),
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
      const { playerId } = context.get('caller')
      const page = await paged(context.req.valid('query'), {
        of: { list: statement.operationId, playerId },
        pattern: NUMBER_POSITION,
        positionOf: ({ id }) => String(id),
        read: ({ before, limit }) =>
          statementOf(context.get('database'), {
            ...{ playerId, limit },
            ...(before === undefined ? {} : { before: BigInt(before) }),
          }),
        shown: shownLine,
      })
      return context.json(page, 200)
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
