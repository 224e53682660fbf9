// GET /v1/quotes: what play would cost, how long the balance lasts, and when it could begin. Nothing is reserved by it.
import { createRoute, z } from '@hono/zod-openapi'
import type { Catalogue } from '../../crds/catalogue.ts'
import { quote, regionsOf } from '../sessions/quote.ts'
import { balanceOf } from '../wallet/wallet.ts'
import { group, jsonReply, paise, paiseOf, problems, reading, SIGNED_IN } from './api.ts'
import type { OperatorHints } from './operator-hints.ts'

export interface QuoteOutside {
  catalogue: () => Catalogue
  hints: OperatorHints
  defaultRegions: readonly string[]
}

export const catalogueKey = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
export const regionName = z.string().regex(/^[a-z0-9]{1,20}$/)

const quoteSchema = z
  .object({
    game: z.string(),
    tier: z.string(),
    regions: z.array(z.string()).openapi({ description: 'Where it would be played, in order of preference.' }),
    currency: z.literal('INR'),
    pricePaisePerHour: paise,
    pricePaisePerMinute: paise,
    neededPaise: paise.openapi({ description: 'What a start needs in the wallet at least.' }),
    isAffordable: z.boolean(),
    minutes: z.int().openapi({ description: 'Whole minutes of play that the balance buys.' }),
    expectedStart: z
      .object({ seconds: z.int(), sessionsAhead: z.int() })
      .nullable()
      .openapi({ description: 'When play could begin, if it were ordered now; null when nobody knows.' }),
  })
  .openapi('Quote')

const route = createRoute({
  ...reading('wallet:read', 'Play'),
  path: '/v1/quotes',
  operationId: 'getQuote',
  summary: 'What play would cost',
  request: {
    query: z.strictObject({
      game: catalogueKey.openapi({ example: 'star-caravan' }),
      tier: catalogueKey.openapi({ example: 'standard' }),
      region: regionName.optional().openapi({ description: 'One of the catalogue’s; without it, ours.' }),
    }),
  },
  responses: {
    200: jsonReply('The quote.', quoteSchema),
    ...problems(...SIGNED_IN, 'InvalidRequest', 'GameUnknown', 'TierUnknown', 'RegionUnknown'),
  },
})

export const quoteDescriptions = [route]

export function quoteRoutes({ catalogue, hints, defaultRegions }: QuoteOutside) {
  return group().openapi(route, async context => {
    const { game, tier, region } = context.req.valid('query')
    const offer = catalogue()
    const { availablePaise } = await balanceOf(context.get('database'), context.get('caller').playerId)
    const offered = quote({ catalogue: offer, game, tier, availablePaise })
    const regions = regionsOf({
      catalogue: offer,
      regions: region === undefined ? undefined : [region],
      defaultRegions,
    })
    return context.json(
      {
        game,
        tier,
        regions,
        currency: 'INR' as const,
        pricePaisePerHour: paiseOf(offered.ratePaisePerHour),
        pricePaisePerMinute: paiseOf(offered.paisePerMinute),
        neededPaise: paiseOf(offered.neededPaise),
        isAffordable: offered.isAffordable,
        minutes: offered.minutes,
        expectedStart: await hints.expectedStart({ tier, regions }),
      },
      200,
    )
  })
}
