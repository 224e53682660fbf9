// What Azure's price list says of one size in one region. Its items tell spot, system and the rest by their names.
// https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
import { request } from 'undici'
import { z } from 'zod'
import type { BilledOs } from './rank.ts'

/** One size in one region has a dozen meters; more pages than this are not a price list. */
const MAXIMUM_PAGES = 10
const TIMEOUT_SECONDS = 20

const itemSchema = z.object({
  retailPrice: z.number().nonnegative(),
  currencyCode: z.string(),
  meterName: z.string(),
  productName: z.string(),
  unitOfMeasure: z.string(),
  type: z.string(),
})
const pageSchema = z.object({
  Items: z.array(itemSchema),
  NextPageLink: z.string().nullish(),
})
type Item = z.infer<typeof itemSchema>

export interface Price {
  priority: 'Spot' | 'Regular'
  os: BilledOs
  usdPerHour: number
}

/** The prices of one size in one region. Throws when no answer came, or none that is a price list. */
export async function fetchPrices(
  { endpoint, region, size }: { endpoint: string; region: string; size: string },
  signal: AbortSignal,
): Promise<Price[]> {
  const filter = `armRegionName eq '${region}' and armSkuName eq '${size}' and priceType eq 'Consumption'`
  const first = new URL('/api/retail/prices', endpoint)
  first.searchParams.set('$filter', filter)

  const items: Item[] = []
  let next: string | undefined = first.href
  for (let page = 0; next !== undefined && page < MAXIMUM_PAGES; page += 1) {
    const { Items, NextPageLink } = await fetchPage(next, signal)
    items.push(...Items)
    next = NextPageLink ?? undefined
    if (next !== undefined && new URL(next).host !== first.host) next = undefined // Not where we were told to ask.
  }
  return items.flatMap(priceOf)
}

async function fetchPage(url: string, signal: AbortSignal): Promise<z.infer<typeof pageSchema>> {
  const { statusCode, body } = await request(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_SECONDS * 1000)]),
  })
  if (statusCode !== 200) {
    await body.dump()
    throw new Error(`The price list answered with HTTP status ${statusCode}.`)
  }
  return pageSchema.parse(await body.json())
}

/** Nothing for what is not a plain hour of the machine: reservations, "Low Priority" and other currencies. */
function priceOf(item: Item): Price[] {
  const { retailPrice, currencyCode, meterName, productName, unitOfMeasure, type } = item
  if (currencyCode !== 'USD' || unitOfMeasure !== '1 Hour' || type !== 'Consumption') return []
  if (/\bLow Priority$/.test(meterName) || /\bCloudServices\b|\bDedicated Host\b/.test(productName)) return []
  const priority = /\bSpot$/.test(meterName) ? 'Spot' : 'Regular'
  return [{ priority, os: /\bWindows$/.test(productName) ? 'Windows' : 'Linux', usdPerHour: retailPrice }]
}
