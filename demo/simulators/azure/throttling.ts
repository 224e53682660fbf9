// Azure's request limits as token buckets, refilled at the speed of the simulation.
// ARM: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
// Compute: https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
// Network: https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits
import { milliseconds } from './clock.ts'
import { ArmError } from './errors.ts'
import type { Method } from './routes.ts'
import type { World } from './state.ts'

export interface Bucket {
  tokens: number
  at: number
  /** When it is full again: from then on it is as good as none. */
  fullAt: number
}

export type ComputePolicy = 'PutVM' | 'UpdateVM' | 'DeleteVM' | 'GetVM' | 'ListVM' | 'LongRunningOperationStatus'

interface Limit {
  name: string
  /** What one bucket is kept for. */
  per: string
  burst: number
  refillPerSecond: number
  /** How a reply tells what is left; nothing where Azure does not tell. */
  header?: { name: string; value: (left: number) => string }
}

interface Rate {
  refillPerMinute: number
  burst: number
}

const arm = {
  reads: { burst: 250, refillPerSecond: 25 },
  writes: { burst: 200, refillPerSecond: 10 },
  deletes: { burst: 200, refillPerSecond: 10 },
} as const

/** All principals of a subscription together have so many times the limit of one. */
const ALL_PRINCIPALS = 15

const compute: Record<ComputePolicy, { perMachine?: Rate; perSubscription: Rate }> = {
  PutVM: { perMachine: { refillPerMinute: 4, burst: 12 }, perSubscription: { refillPerMinute: 500, burst: 1500 } },
  UpdateVM: { perMachine: { refillPerMinute: 4, burst: 12 }, perSubscription: { refillPerMinute: 500, burst: 1500 } },
  DeleteVM: { perMachine: { refillPerMinute: 4, burst: 12 }, perSubscription: { refillPerMinute: 500, burst: 1500 } },
  GetVM: { perMachine: { refillPerMinute: 12, burst: 36 }, perSubscription: { refillPerMinute: 8000, burst: 24000 } },
  ListVM: { perSubscription: { refillPerMinute: 300, burst: 900 } },
  LongRunningOperationStatus: {
    perMachine: { refillPerMinute: 15, burst: 45 },
    perSubscription: { refillPerMinute: 5000, burst: 15000 },
  },
}

const network = { reads: { burst: 10_000, perSeconds: 300 }, writes: { burst: 1000, perSeconds: 300 } } as const

export interface Throttled {
  method: Method
  path: string
  /** Who asks. */
  clientId: string
  /** Where the machine, or the list, is. */
  region: string
  policy: ComputePolicy | undefined
  /** The id of the machine, or of the operation, that the limit per resource is kept for. */
  resource: string
}

/** Takes a token of every limit that holds for the call: gives the headers that tell what is left, or throws a 429. */
export function throttle(world: World, call: Throttled): Record<string, string | string[]> {
  const limits = limitsOf(world, call)
  for (const limit of limits) {
    const { tokens } = level(world, limit)
    if (tokens < 1) throw tooMany(world, limit, (1 - tokens) / limit.refillPerSecond)
  }
  const headers: Record<string, string | string[]> = {}
  const resources: string[] = []
  for (const limit of limits) {
    const bucket = take(world, limit)
    if (limit.header === undefined) continue
    const value = limit.header.value(Math.floor(bucket.tokens))
    if (limit.header.name === REMAINING_RESOURCE) resources.push(value)
    else headers[limit.header.name] = value
  }
  if (resources.length > 0) {
    headers[REMAINING_RESOURCE] = resources
    headers['x-ms-request-charge'] = '1'
  }
  return headers
}

const REMAINING_RESOURCE = 'x-ms-ratelimit-remaining-resource'

function limitsOf(world: World, call: Throttled): readonly Limit[] {
  const kind =
    call.method === 'GET' || call.method === 'HEAD' ? 'reads' : call.method === 'DELETE' ? 'deletes' : 'writes'
  const header = (scope: string) => ({ name: `x-ms-ratelimit-remaining-${scope}-${kind}`, value: String })
  const limits: Limit[] = [
    { name: `arm ${kind}`, per: call.clientId, ...arm[kind], header: header('subscription') },
    {
      name: `arm global ${kind}`,
      per: world.subscription.id,
      burst: arm[kind].burst * ALL_PRINCIPALS,
      refillPerSecond: arm[kind].refillPerSecond * ALL_PRINCIPALS,
      header: header('subscription-global'),
    },
  ]
  if (call.policy !== undefined) {
    const { perMachine, perSubscription } = compute[call.policy]
    if (perMachine !== undefined) limits.push(computeLimit(`${call.policy}ResourceMaximum`, call.resource, perMachine))
    limits.push(computeLimit(`${call.policy}SubscriptionMaximum`, call.region, perSubscription))
  }
  if (/\/providers\/Microsoft\.Network\//i.test(call.path)) {
    const { burst, perSeconds } = network[kind === 'reads' ? 'reads' : 'writes']
    const name = `network ${kind === 'reads' ? 'reads' : 'writes'}`
    limits.push({ name, per: call.region, burst, refillPerSecond: burst / perSeconds })
  }
  return limits
}

function computeLimit(policy: string, per: string, rate: Rate): Limit {
  return {
    name: policy,
    per: per.toLowerCase(),
    burst: rate.burst,
    refillPerSecond: rate.refillPerMinute / 60,
    header: { name: REMAINING_RESOURCE, value: left => `Microsoft.Compute/${policy};${left}` },
  }
}

/** Buckets kept before the full ones are dropped. */
export const BUCKETS = 20_000

function level(world: World, limit: Limit): Bucket {
  const name = bucketName(limit)
  const bucket = world.buckets.get(name) ?? { tokens: limit.burst, at: world.now, fullAt: world.now }
  const seconds = ((world.now - bucket.at) / 1000) * world.clock.speed
  bucket.tokens = Math.min(limit.burst, bucket.tokens + seconds * limit.refillPerSecond)
  bucket.at = world.now
  return bucket
}

function take(world: World, limit: Limit): Bucket {
  const bucket = level(world, limit)
  bucket.tokens -= 1
  bucket.fullAt = world.now + milliseconds(world.clock, (limit.burst - bucket.tokens) / limit.refillPerSecond)
  world.buckets.set(bucketName(limit), bucket)
  if (world.buckets.size > world.bucketLimit) {
    for (const [name, { fullAt }] of world.buckets) if (fullAt <= world.now) world.buckets.delete(name)
    // Those that are left are in use: they are looked at again when there are twice as many.
    world.bucketLimit = Math.max(BUCKETS, 2 * world.buckets.size)
  }
  return bucket
}

function bucketName({ name, per }: Limit): string {
  return `${name} ${per}`
}

function tooMany(world: World, limit: Limit, azureSeconds: number): ArmError {
  const wait = Math.max(1, Math.ceil(azureSeconds / world.clock.speed))
  return throttled({
    retryAfterSeconds: wait,
    policy: limit.header?.name === REMAINING_RESOURCE ? limit.name : undefined,
    limit: limit.burst,
  })
}

/** A 429 as ARM gives it, or with a policy, as Compute does. */
export function throttled(what: { retryAfterSeconds: number; policy?: string | undefined; limit?: number }): ArmError {
  const headers = { 'retry-after': String(what.retryAfterSeconds) }
  if (what.policy === undefined) {
    const message = `Number of requests for the subscription exceeded the limit of '${what.limit ?? 0}'. Please try again after '${what.retryAfterSeconds}' seconds.`
    return new ArmError(429, 'SubscriptionRequestsThrottled', message, { headers })
  }
  const message = 'The server rejected the request because too many requests have been received for this subscription.'
  const measured = { operationGroup: what.policy, allowedRequestCount: what.limit, measuredRequestCount: what.limit }
  const details = [{ code: 'TooManyRequests', target: what.policy, message: JSON.stringify(measured) }]
  return new ArmError(429, 'OperationNotAllowed', message, { headers, details })
}
