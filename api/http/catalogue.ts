// GET /v1/catalogue: what can be played, and what it costs.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Catalogue } from '../../crds/catalogue.ts'
import { problemSchema } from './problem.ts'

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
  method: 'get',
  path: '/v1/catalogue',
  operationId: 'getCatalogue',
  summary: 'Games, tiers and prices',
  responses: {
    200: { description: 'The catalogue.', content: { 'application/json': { schema: catalogueSchema } } },
    429: {
      description: 'Too many requests from this address.',
      content: { 'application/problem+json': { schema: problemSchema } },
    },
  },
})

export function catalogueRoutes(current: () => Catalogue): OpenAPIHono {
  return new OpenAPIHono().openapi(route, context =>
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
