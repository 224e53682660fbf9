// How often Azure says that it takes spot machines back, from Resource Graph's table of spot resources.
// https://learn.microsoft.com/azure/virtual-machines/spot-vms#pricing-and-eviction-history
import { z } from 'zod'
import type { SubscriptionClients } from './clients.ts'
import type { SpotRate } from './provider.ts'

const MAXIMUM_PAGES = 10

const rows = z.array(z.object({ size: z.string(), region: z.string(), range: z.string() }))

/** Names come from the catalogue, whose schema lets in letters, digits and underscores alone. */
export async function listSpotRates(
  { graph }: Pick<SubscriptionClients, 'graph'>,
  asked: { subscriptionId: string; regions: readonly string[]; sizes: readonly string[] },
  abortSignal: AbortSignal,
): Promise<SpotRate[]> {
  const listed = (names: readonly string[]) => names.map(name => `'${name.toLowerCase()}'`).join(', ')
  const query = [
    'SpotResources',
    "| where type =~ 'microsoft.compute/skuspotevictionrate/location'",
    `| where sku.name in~ (${listed(asked.sizes)}) and location in~ (${listed(asked.regions)})`,
    '| project size = tostring(sku.name), region = location, range = tostring(properties.evictionRate)',
  ].join(' ')
  const found: SpotRate[] = []
  let skipToken: string | undefined
  for (let page = 0; page < MAXIMUM_PAGES; page += 1) {
    const options = { resultFormat: 'objectArray' as const, ...(skipToken !== undefined && { skipToken }) }
    const reply = await graph.resources({ query, subscriptions: [asked.subscriptionId], options }, { abortSignal })
    found.push(...rows.parse(reply.data))
    skipToken = reply.skipToken
    if (skipToken === undefined) break
  }
  return found
}
