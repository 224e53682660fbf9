// /v1/me: who one is here, and the way out.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Clock } from '../../lib/process/clock.ts'
import { deletePlayer } from '../players/deletion.ts'
import { PlayerError } from '../players/errors.ts'
import { type Player, playerById } from '../players/players.ts'
import {
  type ApiEnvironment,
  group,
  jsonReply,
  limitedBy,
  problems,
  reading,
  SIGNED_IN,
  SIGNED_IN_STILL,
  securedFor,
  time,
  ulid,
} from './api.ts'

export const playerSchema = z
  .object({
    id: ulid,
    telegramUserId: z.string().openapi({ description: 'Decimal: it may be larger than a double holds.' }),
    firstName: z.string(),
    languageCode: z.string().optional(),
    createdAt: time,
  })
  .openapi('Player')

const me = createRoute({
  ...reading('me:read', 'Player'),
  path: '/v1/me',
  operationId: 'getMe',
  summary: 'Who I am here',
  responses: { 200: jsonReply('The player.', playerSchema), ...problems(...SIGNED_IN) },
})

const deleteMe = createRoute({
  security: securedFor('me:write'),
  ...limitedBy('write'),
  method: 'delete',
  path: '/v1/me',
  operationId: 'deleteMe',
  tags: ['Player'],
  summary: 'Delete my account',
  description:
    'Final. Name, language and Telegram account are erased, with Razorpay’s messages about payments, and every sign-in ends. ' +
    'The books stay, under an id that says nothing of who it was. What is paid afterwards goes back to whoever paid it.',
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

export const meDescriptions = [me, deleteMe]

export function meRoutes({ clock }: { clock: Clock }) {
  return group()
    .openapi(me, async context => context.json(shownPlayer(await playerOf(context)), 200))
    .openapi(deleteMe, async context => {
      const forfeitMoney = context.req.valid('query').forfeitMoney === 'true'
      const { playerId } = context.get('caller')
      await deletePlayer(context.get('database'), { playerId, forfeitMoney, now: clock.now() })
      return context.body(null, 204)
    })
}

/** A token outlives its player by minutes at most; it then speaks for nobody. */
export async function playerOf(context: Context<ApiEnvironment>): Promise<Player> {
  const player = await playerById(context.get('database'), context.get('caller').playerId)
  if (!player) throw new PlayerError('Unauthenticated')
  return player
}

export function shownPlayer(player: Player): z.infer<typeof playerSchema> {
  const { id, telegramUserId, firstName, languageCode, createdAt } = player
  return {
    id,
    telegramUserId: String(telegramUserId),
    firstName,
    ...(languageCode === undefined ? {} : { languageCode }),
    createdAt: createdAt.toISOString(),
  }
}
