// GET /v1/catalogue: what can be played, and what it costs.
import { createRoute, z } from '@hono/zod-openapi'
import type { Catalogue } from '../../crds/catalogue.ts'
import { group, jsonReply, limitedBy, problems } from './api.ts'

const tierSchema = z
  .object({
    key: z.string().openapi({ example: 'standard' }),
    title: z.string(),
    description: z.string().optional(),
    pricePaisePerHour: z.int().openapi({ example: 6000, description: 'Paise for an hour of play, tax included.' }),
  })
  .openapi('Tier')

const gameSchema = z
  .object({
    key: z.string().openapi({ example: 'quake' }),
    title: z.string(),
    description: z.string().optional(),
    tiers: z.array(z.string()).openapi({ description: 'Keys of tiers, the recommended one first.' }),
  })
  .openapi('Game')

const catalogueSchema = z
  .object({ currency: z.literal('INR'), games: z.array(gameSchema), tiers: z.array(tierSchema) })
  .openapi('Catalogue')

const route = createRoute({
  ...limitedBy('read'),
  tags: ['Play'],
  method: 'get',
  path: '/v1/catalogue',
  operationId: 'getCatalogue',
  summary: 'Games, tiers and prices',
  responses: { 200: jsonReply('The catalogue.', catalogueSchema), ...problems() },
})

export const catalogueDescriptions = [route]

export function catalogueRoutes(current: () => Catalogue) {
  return group().openapi(route, context =>
    context.json(shown(current()), 200, { 'Cache-Control': 'public, max-age=60' }),
  )
}

/** Named field by field: sizes, images and subscriptions are nobody's business. */
function shown({ games, tiers }: Catalogue): z.infer<typeof catalogueSchema> {
  return {
    currency: 'INR',
    games: Object.entries(games).map(([key, { title, description, tiers: tierKeys }]) => ({
      key,
      title,
      ...(description === undefined ? {} : { description }),
      tiers: tierKeys,
    })),
    tiers: Object.entries(tiers).map(([key, { title, description, pricePaisePerHour }]) => ({
      key,
      title,
      ...(description === undefined ? {} : { description }),
      pricePaisePerHour,
    })),
  }
}
