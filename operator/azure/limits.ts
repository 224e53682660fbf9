// Which of Azure's request limits a call counts against, and what a reply tells of them. Pure.
//
// ARM counts by principal and subscription; Compute by subscription and region, and by machine; Network by
// subscription and region.
// ARM: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
// Compute: https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
// Network: https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits

/** One token bucket: it holds `burst` calls when full and gains `refillPerSecond`. */
export interface Limit {
  /** Unique among all limits of one principal. */
  bucket: string
  burst: number
  refillPerSecond: number
}

export interface RequestedCall {
  method: string
  url: string
  /** Azure's short name of the region of what is called, where the URL does not tell it. */
  region: string | undefined
}

/** What a reply says of one bucket. */
export type Reading =
  /** So many calls are left in it. */
  | { bucket: string; left: number }
  /** It is empty, and Azure listens again after so many seconds. */
  | { bucket: string; pausedSeconds: number }

type Operation = 'reads' | 'writes' | 'deletes'
type ComputePolicy = 'PutVM' | 'UpdateVM' | 'DeleteVM' | 'GetVM' | 'ListVM' | 'LongRunningOperationStatus'

const arm = {
  reads: { burst: 250, refillPerSecond: 25 },
  writes: { burst: 200, refillPerSecond: 10 },
  deletes: { burst: 200, refillPerSecond: 10 },
} as const satisfies Record<Operation, object>

const compute = {
  PutVM: { perMachine: [12, 4], perSubscription: [1500, 500] },
  UpdateVM: { perMachine: [12, 4], perSubscription: [1500, 500] },
  DeleteVM: { perMachine: [12, 4], perSubscription: [1500, 500] },
  GetVM: { perMachine: [36, 12], perSubscription: [24_000, 8000] },
  ListVM: { perMachine: undefined, perSubscription: [900, 300] },
  LongRunningOperationStatus: { perMachine: [45, 15], perSubscription: [15_000, 5000] },
} as const satisfies Record<ComputePolicy, object>

/**
 * Azure permits 10,000 and 1,000 at once and does not tell how many are left: a call counts there when it arrives, and the
 * refill begins then, so that somewhat less is reckoned with.
 */
const network = {
  reads: { burst: 9500, refillPerSecond: 10_000 / 300 },
  writes: { burst: 950, refillPerSecond: 1000 / 300 },
} as const

/** Azure's own seconds after a refusal that names none. */
const USUAL_PAUSE_SECONDS = 60

export function limitsOf(call: RequestedCall): Limit[] {
  const { subscription, policy, machine, isNetwork, place } = addressOf(call)
  if (subscription === undefined) return []
  const operation = operationOf(call.method)
  const limits: Limit[] = [{ bucket: armBucket(subscription, operation), ...arm[operation] }]
  if (policy !== undefined) {
    const { perMachine, perSubscription } = compute[policy]
    if (perMachine) limits.push(perMinute(computeBucket(`${policy}ResourceMaximum`, machine), perMachine))
    limits.push(perMinute(computeBucket(`${policy}SubscriptionMaximum`, place), perSubscription))
  }
  if (isNetwork) limits.push({ bucket: networkBucket(place, operation), ...network[networkOperation(operation)] })
  return limits
}

export interface Reply {
  status: number
  header: (name: string) => string | undefined
  /** Its text, where it is an error. */
  body?: string | undefined
}

/** What the reply to `call` says of the buckets that it counts against; a bucket that it does not name is not told of. */
export function readingsOf(call: RequestedCall, reply: Reply): Reading[] {
  const { subscription, machine, place, isNetwork } = addressOf(call)
  if (subscription === undefined) return []
  const operation = operationOf(call.method)
  const readings: Reading[] = []
  const left = Number(reply.header(`x-ms-ratelimit-remaining-subscription-${operation}`) ?? Number.NaN)
  if (left >= 0) readings.push({ bucket: armBucket(subscription, operation), left })
  for (const [policy, remaining] of remainingOf(reply)) {
    const of = policy.endsWith('ResourceMaximum') ? machine : place
    readings.push({ bucket: computeBucket(policy, of), left: remaining })
  }
  if (reply.status !== 429) return readings

  const bucket = refusingBucket(reply, { subscription, machine, place, isNetwork, operation })
  if (bucket === undefined) return readings
  const retryAfter = Number(reply.header('retry-after') ?? Number.NaN)
  return [...readings, { bucket, pausedSeconds: retryAfter >= 0 ? retryAfter : USUAL_PAUSE_SECONDS }]
}

/** `Microsoft.Compute/PutVMSubscriptionMaximum;1200`, several of them in one header or in several. */
function remainingOf({ header }: Reply): [policy: string, left: number][] {
  const text = header('x-ms-ratelimit-remaining-resource') ?? ''
  return [...text.matchAll(/Microsoft\.Compute\/(\w+);(\d+)/gi)].map(([, policy = '', left]) => [policy, Number(left)])
}

/** A 429 names its limit, or it is the subscription's; one that tells of a lock is no matter of limits. */
function refusingBucket(
  { body = '' }: Reply,
  of: { subscription: string; machine: string; place: string; isNetwork: boolean; operation: Operation },
): string | undefined {
  if (/RetryableErrorDueToAnotherOperation/.test(body)) return undefined
  if (/SubscriptionRequestsThrottled/.test(body)) return armBucket(of.subscription, of.operation)
  const [, policy] = /"target"\s*:\s*"(?:Microsoft\.Compute\/)?(\w+Maximum)"/.exec(body) ?? []
  if (policy !== undefined) return computeBucket(policy, policy.endsWith('ResourceMaximum') ? of.machine : of.place)
  return of.isNetwork ? networkBucket(of.place, of.operation) : armBucket(of.subscription, of.operation)
}

function addressOf({ method, url, region }: RequestedCall) {
  const path = URL.canParse(url) ? new URL(url).pathname : url
  const subscription = /^\/subscriptions\/([^/]+)/i.exec(path)?.[1]?.toLowerCase()
  const located = /\/locations\/([^/]+)\//i.exec(path)?.[1] ?? region ?? ''
  return {
    subscription,
    place: `${subscription}/${located.toLowerCase()}`,
    policy: policyOf(method, path),
    machine: path.toLowerCase().replace(NOT_OF_ID, ''),
    isNetwork: /\/providers\/Microsoft\.Network\//i.test(path),
  }
}

/** What follows a machine's id in the path of a call that is about it. */
const NOT_OF_ID =
  /\/(instanceview|start|deallocate|redeploy|simulateeviction|providers\/microsoft\.resources\/tags\/default)$/

const policies: readonly (readonly [method: string, path: RegExp, policy: ComputePolicy])[] = [
  ['GET', /\/Microsoft\.Compute\/locations\/[^/]+\/operations\/[^/]+$/i, 'LongRunningOperationStatus'],
  ['GET', /\/Microsoft\.Compute\/virtualMachines$/i, 'ListVM'],
  ['GET', /\/Microsoft\.Compute\/virtualMachines\/[^/]+(\/instanceView)?$/i, 'GetVM'],
  ['PUT', /\/Microsoft\.Compute\/virtualMachines\/[^/]+$/i, 'PutVM'],
  ['PATCH', /\/Microsoft\.Compute\/virtualMachines\/[^/]+$/i, 'UpdateVM'],
  // ARM has tags changed by the resource's provider. Whether Compute counts that as an update is not documented: it is
  // reckoned with, and the headers of a reply would correct it.
  [
    'PATCH',
    /\/Microsoft\.Compute\/virtualMachines\/[^/]+\/providers\/Microsoft\.Resources\/tags\/default$/i,
    'UpdateVM',
  ],
  ['DELETE', /\/Microsoft\.Compute\/virtualMachines\/[^/]+$/i, 'DeleteVM'],
  ['POST', /\/Microsoft\.Compute\/virtualMachines\/[^/]+\/(deallocate|simulateEviction)$/i, 'DeleteVM'],
  ['POST', /\/Microsoft\.Compute\/virtualMachines\/[^/]+\/\w+$/i, 'UpdateVM'],
]

function policyOf(method: string, path: string): ComputePolicy | undefined {
  return policies.find(([its, pattern]) => its === method && pattern.test(path))?.[2]
}

function operationOf(method: string): Operation {
  if (method === 'GET' || method === 'HEAD') return 'reads'
  return method === 'DELETE' ? 'deletes' : 'writes'
}

function networkOperation(operation: Operation): 'reads' | 'writes' {
  return operation === 'reads' ? 'reads' : 'writes'
}

function armBucket(subscription: string, operation: Operation): string {
  return `arm/${subscription}/${operation}`
}

function networkBucket(place: string, operation: Operation): string {
  return `network/${place}/${networkOperation(operation)}`
}

function computeBucket(policy: string, of: string): string {
  return `compute/${policy}/${of}`.toLowerCase()
}

function perMinute(bucket: string, [burst, refill]: readonly [burst: number, refillPerMinute: number]): Limit {
  return { bucket, burst, refillPerSecond: refill / 60 }
}
