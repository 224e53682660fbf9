// /v1/me: who one is here, all that is stored of one, and the way out.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Queries } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { type RefundRow, refundsOfPlayer } from '../payments/refunds.ts'
import { deletePlayer } from '../players/deletion.ts'
import { PlayerError } from '../players/errors.ts'
import { type Player, playerById } from '../players/players.ts'
import { signInsOf } from '../players/sign-ins.ts'
import { sessionRecords } from '../sessions/history.ts'
import { type Receipt, receiptsOf } from '../wallet/receipts.ts'
import { statement } from '../wallet/statement.ts'
import {
  type ApiEnvironment,
  group,
  jsonReply,
  limitedBy,
  paise,
  paiseOf,
  problems,
  SIGNED_IN,
  SIGNED_IN_STILL,
  securedFor,
  time,
  ulid,
} from './api.ts'
import { shownTopUp, type TopUpOutside, topUpsOf } from './payments.ts'
import { sessionSchema, shownSession } from './sessions.ts'
import { lineSchema, shownLine } from './wallet.ts'

const tags = ['Player']

const playerSchema = z
  .object({
    id: ulid,
    telegramUserId: z.string().openapi({ description: 'Decimal: it may be larger than a double holds.' }),
    firstName: z.string(),
    languageCode: z.string().optional(),
    createdAt: time,
  })
  .openapi('Player')

const me = createRoute({
  tags,
  security: securedFor('me:read'),
  ...limitedBy('read'),
  method: 'get',
  path: '/v1/me',
  operationId: 'getMe',
  summary: 'Who I am here',
  responses: { 200: jsonReply('The player.', playerSchema), ...problems(...SIGNED_IN) },
})

/** Of each list at most; the newest are given. */
const EXPORTED = 10_000
const BATCH = 500

const receiptSchema = z.object({
  number: z.string(),
  sessionId: ulid,
  issuedAt: time,
  totalPaise: paise,
  tax: z.object({ name: z.string(), basisPoints: z.int(), paise }),
  lines: z.array(
    z.object({ at: time, kind: z.string(), seconds: z.int(), cause: z.string().optional(), paise: z.int() }),
  ),
})
const refundSchema = z.object({
  id: z.string(),
  rail: z.string(),
  amountPaise: paise,
  state: z.string(),
  askedBy: z.string(),
  askedAt: time,
  reason: z.string().optional(),
})

const exportMe = createRoute({
  tags,
  security: securedFor('me:read'),
  ...limitedBy('export'),
  method: 'get',
  path: '/v1/me/export',
  operationId: 'exportMe',
  summary: 'All that is stored of me',
  description: `As one file. Of each list the newest ${EXPORTED}.`,
  responses: {
    200: jsonReply(
      'The file.',
      z
        .object({
          exportedAt: time,
          player: playerSchema,
          signIns: z.array(
            z.object({ id: ulid, method: z.string(), createdAt: time, expiresAt: time, revokedAt: time.optional() }),
          ),
          statement: z.array(lineSchema),
          receipts: z.array(receiptSchema),
          refunds: z.array(refundSchema),
          topUps: z.array(z.unknown()),
          sessions: z.array(sessionSchema),
        })
        .openapi('Export'),
    ),
    ...problems(...SIGNED_IN),
  },
})

const deleteMe = createRoute({
  tags,
  security: securedFor('me:write'),
  ...limitedBy('write'),
  method: 'delete',
  path: '/v1/me',
  operationId: 'deleteMe',
  summary: 'Delete my account',
  description:
    'Final. Name, language and Telegram account are erased, and every sign-in ends. The books stay, under an id that says ' +
    'nothing of who it was.',
  request: {
    query: z.strictObject({
      forfeitMoney: z
        .enum(['true', 'false'])
        .default('false')
        .openapi({ description: 'Gives up what is still in the wallet.' }),
    }),
  },
  responses: {
    204: { description: 'Deleted.' },
    ...problems(...SIGNED_IN_STILL, 'InvalidRequest', 'SessionLives', 'MoneyLeft'),
  },
})

export const meDescriptions = [me, exportMe, deleteMe]

export function meRoutes(outside: TopUpOutside) {
  const { clock } = outside
  return group()
    .openapi(me, async context => context.json(shownPlayer(await playerOf(context)), 200))
    .openapi(exportMe, async context => {
      const player = await playerOf(context)
      const everything = await exported(context.get('database'), outside, player)
      context.header('Content-Disposition', 'attachment; filename="wasd-cloud.json"')
      return context.json(everything, 200)
    })
    .openapi(deleteMe, async context => {
      const forfeitMoney = context.req.valid('query').forfeitMoney === 'true'
      const { playerId } = context.get('caller')
      await deletePlayer(context.get('database'), { playerId, forfeitMoney, now: clock.now() })
      return context.body(null, 204)
    })
}

/** A token outlives its player by minutes at most; it then speaks for nobody. */
async function playerOf(context: Context<ApiEnvironment>): Promise<Player> {
  const player = await playerById(context.get('database'), context.get('caller').playerId)
  if (!player) throw new PlayerError('Unauthenticated')
  return player
}

function shownPlayer(player: Player): z.infer<typeof playerSchema> {
  const { id, telegramUserId, firstName, languageCode, createdAt } = player
  return {
    id,
    telegramUserId: String(telegramUserId),
    firstName,
    ...(languageCode === undefined ? {} : { languageCode }),
    createdAt: createdAt.toISOString(),
  }
}

async function exported(database: Queries, outside: TopUpOutside & { clock: Clock }, player: Player) {
  const now = outside.clock.now()
  const playerId = player.id
  const lines = await collected(
    ({ before, limit }) =>
      statement(database, { playerId, limit, ...(before === undefined ? {} : { before: BigInt(before) }) }),
    ({ id }) => String(id),
  )
  const topUps = await collected(
    page => topUpsOf(database, { playerId, ...page }),
    ({ id }) => id,
  )
  const sessions = await collected(
    page => sessionRecords(database, { playerId, now, ...page }),
    ({ session }) => session.id,
  )
  const signIns = await signInsOf(database, playerId)
  const receipts = await receiptsOf(database, { playerId, limit: EXPORTED })
  const refunds = await refundsOfPlayer(database, playerId)
  return {
    exportedAt: now.toISOString(),
    player: shownPlayer(player),
    signIns: signIns.map(({ id, method, createdAt, expiresAt, revokedAt }) => ({
      id,
      method,
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
      ...(revokedAt === undefined ? {} : { revokedAt: revokedAt.toISOString() }),
    })),
    statement: lines.map(shownLine),
    receipts: receipts.map(shownReceipt),
    refunds: refunds.map(shownRefund),
    topUps: topUps.map(topUp => shownTopUp(topUp, outside)),
    sessions: sessions.map(shownSession),
  }
}

function shownReceipt({ number, sessionId, issuedAt, totalPaise, tax, taxPaise, lines }: Receipt) {
  return {
    ...{ number, sessionId, issuedAt: issuedAt.toISOString(), totalPaise: paiseOf(totalPaise) },
    tax: { ...tax, paise: paiseOf(taxPaise) },
    lines: lines.map(({ cause, ...line }) => ({ ...line, ...(cause === undefined ? {} : { cause }) })),
  }
}

function shownRefund({ id, rail, amount_paise, state, asked_by: askedBy, asked_at, reason }: RefundRow) {
  const about = { id, rail, amountPaise: paiseOf(amount_paise), state, askedBy, askedAt: asked_at.toISOString() }
  return { ...about, ...(reason === null ? {} : { reason }) }
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
