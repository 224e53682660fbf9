// Resource Graph: what Spot costs and how often it is taken back, and the platform's notes on machines that went down.
// It is told late, as in Azure: a note is seen when `--resource-graph-seconds` have gone by, and hides the one before.
// https://learn.microsoft.com/azure/virtual-machines/spot-vms#pricing-and-eviction-history
// https://learn.microsoft.com/azure/virtual-machines/resource-graph-availability
// https://learn.microsoft.com/azure/service-health/resource-health-vm-annotation
import { z } from 'zod'
import { placementKey } from './capacity.ts'
import { milliseconds } from './clock.ts'
import { ArmError } from './errors.ts'
import { answer, QueryError, type Row } from './kusto.ts'
import { hourlyPrice, shareOf } from './prices.ts'
import type { Call, Reply, Route } from './routes.ts'
import { regions, sizes } from './sizes.ts'
import type { Machine, World } from './state.ts'

/** As Azure gives them: the share of machines taken back in an hour, in percent. */
export const evictionRates = ['0-5', '5-10', '10-15', '15-20', '20+'] as const
export type EvictionRate = (typeof evictionRates)[number]

const annotationKinds = {
  VirtualMachinePreempted: {
    context: 'Platform Initiated',
    category: 'Unplanned',
    impactType: 'Informational',
    reason: 'Virtual machine preempted',
    summary:
      'The Spot virtual machine was evicted because Azure needs its capacity, or its price is above the maximum.',
  },
  VirtualMachineDeallocationInitiated: {
    context: 'Customer Initiated',
    category: 'Not Applicable',
    impactType: 'Informational',
    reason: 'Stop and deallocate by user or process',
    summary: 'The virtual machine is stopped and deallocated as an authorized user or process asked.',
  },
  VirtualMachineHostRebootedForRepair: {
    context: 'Platform Initiated',
    category: 'Unplanned',
    impactType: 'Downtime Reboot',
    reason: 'Unexpected host failure',
    summary: 'The host that the virtual machine was on failed unexpectedly.',
  },
} as const
export type AnnotationKind = keyof typeof annotationKinds

/** What the platform noted about one machine. */
export interface Annotation {
  name: AnnotationKind
  machineId: string
  region: string
  occurredAt: number
}

/** Notes kept; the oldest go first. Azure keeps fourteen days of them. */
const ANNOTATIONS = 10_000
const PAGE_SIZE = 1000

const body = z.looseObject({
  query: z.string().min(1),
  subscriptions: z.array(z.string()).optional(),
  options: z
    .looseObject({
      $top: z.int().min(1).max(PAGE_SIZE).optional(),
      $skipToken: z.string().optional(),
      resultFormat: z.enum(['objectArray']).optional(),
    })
    .optional(),
})

export function annotate(world: World, machine: Machine, name: AnnotationKind): void {
  world.annotations.push({ name, machineId: machine.id, region: machine.location, occurredAt: world.now })
  if (world.annotations.length > ANNOTATIONS) world.annotations.shift()
}

function query(world: World, call: Call): Reply {
  const asked = body.safeParse(call.body)
  if (!asked.success) throw new ArmError(400, 'BadRequest', z.prettifyError(asked.error))
  const { query: text, subscriptions, options = {} } = asked.data
  const scope = (subscriptions ?? [...world.subscriptions.keys()]).map(one => one.toLowerCase())
  const isSeen = scope.some(one => world.subscriptions.has(one))
  const isAsked = ({ machineId }: Annotation) =>
    scope.some(one => machineId.toLowerCase().startsWith(`/subscriptions/${one}/`))
  const rows = answered(text, {
    SpotResources: () => (isSeen ? spotResources(world) : []),
    HealthResources: () => healthResources(world, world.annotations.filter(isAsked)),
  })
  const skip = Number(options.$skipToken ?? '0') || 0
  const data = rows.slice(skip, skip + (options.$top ?? PAGE_SIZE))
  const end = skip + data.length
  return {
    status: 200,
    // What one asker may have in five seconds; the simulator does not hold anybody to it.
    headers: { 'x-ms-user-quota-remaining': '14', 'x-ms-user-quota-resets-after': '00:00:05' },
    body: {
      totalRecords: rows.length,
      count: data.length,
      data,
      facets: [],
      resultTruncated: 'false',
      ...(end < rows.length ? { $skipToken: String(end) } : {}),
    },
  }
}

function answered(text: string, tables: Parameters<typeof answer>[1]): Row[] {
  try {
    return answer(text, tables)
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    const details = [{ code: 'InvalidQuery', message: `Query is invalid. ${error.message}` }]
    throw new ArmError(400, 'BadRequest', 'Please provide below info when asking for support.', { details })
  }
}

function spotResources(world: World): Row[] {
  return regions.flatMap(({ name: location }) =>
    sizes.flatMap(({ name }): Row[] => {
      const sku = { name: name.toLowerCase() }
      const priced = (osType: string): Row => ({
        id: `/providers/Microsoft.Compute/skuSpotPriceHistory/${sku.name}/${osType}/${location}`,
        type: 'microsoft.compute/skuspotpricehistory/ostype/location',
        name: sku.name,
        location,
        sku,
        properties: {
          osType,
          spotPrices: [
            {
              effectiveDate: new Date(world.now).toISOString(),
              priceUSD: hourlyPrice(world, { region: location, size: name, priority: 'Spot' }) ?? 0,
            },
          ],
        },
      })
      return [
        {
          id: `/providers/Microsoft.Compute/skuSpotEvictionRate/${sku.name}/${location}`,
          type: 'microsoft.compute/skuspotevictionrate/location',
          name: sku.name,
          location,
          sku,
          properties: { evictionRate: evictionRateOf(world, location, name) },
        },
        priced('linux'),
        priced('windows'),
      ]
    }),
  )
}

/** Set by hand, or invented: always the same for one size and region. */
function evictionRateOf(world: World, region: string, size: string): EvictionRate {
  const set = world.evictionRates.get(placementKey({ region, size, priority: 'Spot' }))
  const invented = evictionRates[Math.floor(shareOf(`${size} taken back in ${region}`) * evictionRates.length)]
  return set ?? invented ?? '0-5'
}

/** The latest note on each machine, on those that are gone too. */
function healthResources(world: World, annotations: readonly Annotation[]): Row[] {
  const late = milliseconds(world.clock, world.settings.resourceGraphSeconds)
  const told = annotations.filter(({ occurredAt }) => occurredAt + late <= world.now)
  const latest = new Map(told.map(one => [one.machineId.toLowerCase(), one]))
  return [...latest].map(([id, { name, region, occurredAt }]) => ({
    id: `${id}/providers/microsoft.resourcehealth/resourceannotations/current`,
    type: 'microsoft.resourcehealth/resourceannotations',
    name: 'current',
    location: region,
    properties: {
      targetResourceId: id,
      targetResourceType: 'Microsoft.Compute/virtualMachines',
      annotationName: name,
      occurredTime: new Date(occurredAt).toISOString(),
      ...annotationKinds[name],
    },
  }))
}

export const resourceGraphRoutes: readonly Route[] = [
  { method: 'POST', path: '/providers/Microsoft.ResourceGraph/resources', kind: 'resourceGraph', handle: query },
]
