// The Retail Prices API, over prices invented for the simulation: on-demand from sizes.ts (real figures for eastus and
// westeurope, factors elsewhere), spot a share of it that differs by size and region, Windows dearer by a sum per vCPU.
// https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices

import type { WireReply, WireRequest } from './arm.ts'
import { placementKey } from './capacity.ts'
import { ArmError } from './errors.ts'
import { type Region, regionNamed, regions, type Size, sizeNamed, sizes } from './sizes.ts'
import type { Placement, Priority, World } from './state.ts'

/** US dollars per vCPU and hour that Windows costs. */
const WINDOWS_PER_VCPU = 0.046
/** Spot prices lie between these shares of the on-demand price. */
const SPOT_SHARES = { least: 0.18, span: 0.24 } as const
const PAGE_SIZE = 100
const PATH = '/api/retail/prices'

/** US dollars per hour, Linux; `undefined` for a size or region that does not exist. */
export function hourlyPrice(world: World, placement: Placement): number | undefined {
  const set = world.prices.get(placementKey(placement))
  const size = sizeNamed(placement.size)
  const region = regionNamed(placement.region)
  if (set !== undefined || size === undefined || region === undefined) return set
  return builtIn(size, region, placement.priority)
}

function builtIn(size: Size, region: Region, priority: Priority): number {
  const regular = size[region.price.column] * region.price.factor
  if (priority === 'Regular') return rounded(regular)
  return rounded(regular * (SPOT_SHARES.least + SPOT_SHARES.span * shareOf(`${size.name} in ${region.name}`)))
}

/** From 0 to below 1, always the same for one text. https://en.wikipedia.org/wiki/Fowler-Noll-Vo_hash_function */
export function shareOf(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0
  return hash / 2 ** 32
}

function rounded(price: number): number {
  return Math.round(price * 1e6) / 1e6
}

export function servePrices(world: World, request: WireRequest): WireReply | undefined {
  if (request.url.pathname.replace(/\/$/, '') !== PATH) return undefined
  if (request.method !== 'GET') return { status: 405, headers: { allow: 'GET' }, body: undefined }
  try {
    return { status: 200, headers: {}, body: pageOf(request.url, items(world)) }
  } catch (error) {
    if (!(error instanceof ArmError)) throw error
    return { status: error.status, headers: {}, body: { Error: { Code: error.code, Message: error.message } } }
  }
}

function pageOf(url: URL, all: readonly Item[]) {
  const currency = (url.searchParams.get('currencyCode') ?? 'USD').replaceAll("'", '')
  if (currency !== 'USD')
    throw new ArmError(400, 'BadRequest', `The simulator knows prices in USD only, not in ${currency}.`)
  const conditions = parsed(url.searchParams.get('$filter') ?? '')
  const found = all.filter(item => conditions.every(condition => condition(item)))
  const skip = Number(url.searchParams.get('$skip') ?? '0') || 0
  const Items = found.slice(skip, skip + PAGE_SIZE)
  const end = skip + Items.length
  const next = new URL(url)
  next.searchParams.set('$skip', String(end))
  return {
    BillingCurrency: 'USD',
    CustomerEntityId: 'Default',
    CustomerEntityType: 'Retail',
    Items,
    NextPageLink: end < found.length ? next.href : null,
    Count: Items.length,
  }
}

type Item = Record<string, string | number | boolean>

function items(world: World): readonly Item[] {
  return regions.flatMap(region =>
    sizes.flatMap(size =>
      (['Regular', 'Spot'] as const).flatMap(priority => {
        const linux = hourlyPrice(world, { region: region.name, size: size.name, priority }) ?? 0
        const windows = rounded(linux + WINDOWS_PER_VCPU * size.vCPUs)
        return [item(size, region, priority, 'Linux', linux), item(size, region, priority, 'Windows', windows)]
      }),
    ),
  )
}

function item(size: Size, region: Region, priority: Priority, system: 'Linux' | 'Windows', price: number): Item {
  const short = size.name.replace('Standard_', '')
  const meterName = `${short.replaceAll('_', ' ')}${priority === 'Spot' ? ' Spot' : ''}`
  const series = size.family.replace(/^Standard\s*/, '').replace(/\s*Family$/, '')
  const id = `${short}/${region.name}/${priority}/${system}`
  return {
    currencyCode: 'USD',
    tierMinimumUnits: 0,
    retailPrice: price,
    unitPrice: price,
    armRegionName: region.name,
    location: region.displayName,
    effectiveStartDate: '2026-01-01T00:00:00Z',
    meterId: id,
    meterName,
    productId: series,
    skuId: id,
    productName: `Virtual Machines ${series} Series${system === 'Windows' ? ' Windows' : ''}`,
    skuName: meterName,
    serviceName: 'Virtual Machines',
    serviceId: 'DZH313Z7MMC8',
    serviceFamily: 'Compute',
    unitOfMeasure: '1 Hour',
    type: 'Consumption',
    isPrimaryMeterRegion: true,
    armSkuName: size.name,
  }
}

/** `a eq 'b'`, `a ne 'b'`, `contains(a, 'b')`, `endswith(a, 'b')`, joined by `and`. As in Azure, values are compared with their case. */
function parsed(filter: string): readonly ((item: Item) => boolean)[] {
  if (filter.trim() === '') return []
  return filter.split(/\s+and\s+/i).map(part => {
    const [, name, operator, value = ''] = /^\s*\(?\s*(\w+)\s+(eq|ne)\s+'([^']*)'\s*\)?\s*$/i.exec(part) ?? []
    if (name !== undefined) {
      return item => (String(item[fieldOf(name)]) === value) === (operator?.toLowerCase() === 'eq')
    }
    const [, call, field, text = ''] =
      /^\s*(contains|endswith|startswith)\(\s*(\w+)\s*,\s*'([^']*)'\s*\)\s*$/i.exec(part) ?? []
    if (call === undefined || field === undefined) {
      throw new ArmError(400, 'BadRequest', `Invalid OData parameters supplied: cannot read '${part}'.`)
    }
    const key = fieldOf(field)
    return item => {
      const whole = String(item[key])
      if (call.toLowerCase() === 'contains') return whole.includes(text)
      return call.toLowerCase() === 'endswith' ? whole.endsWith(text) : whole.startsWith(text)
    }
  })
}

const fields = [
  'armRegionName',
  'location',
  'meterId',
  'meterName',
  'productId',
  'skuId',
  'productName',
  'skuName',
  'serviceName',
  'serviceId',
  'serviceFamily',
  'armSkuName',
  'type',
]

/** `priceType` is asked for, `type` is what the items call it. */
function fieldOf(name: string): string {
  const wanted = name.toLowerCase() === 'pricetype' ? 'type' : name.toLowerCase()
  const found = fields.find(field => field.toLowerCase() === wanted)
  if (found === undefined)
    throw new ArmError(400, 'BadRequest', `Invalid OData parameters supplied: no filter on '${name}'.`)
  return found
}
