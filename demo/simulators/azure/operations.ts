// Long-running operations: started by a request, asked for at the URL in Azure-AsyncOperation (status) or Location
// (result). https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
import { milliseconds, retryAfter } from './clock.ts'
import { ArmError, type Failure } from './errors.ts'
import type { Call, Reply, Route } from './routes.ts'
import type { Resource, World } from './state.ts'
import { schedule } from './state.ts'

/** Seconds of each kind, before the jitter and the speed. The order of magnitude of what users report; none is official. */
export const defaultDelays = {
  vmCreate: 50,
  vmStart: 40,
  vmDeallocate: 35,
  vmPowerOff: 20,
  vmRestart: 30,
  vmRedeploy: 90,
  vmUpdate: 10,
  vmDelete: 40,
  evict: 20,
  publicIP: 3,
  nic: 3,
  network: 3,
  networkDelete: 5,
  disk: 5,
  snapshot: 10,
} as const

export type DelayKind = keyof typeof defaultDelays

export interface Operation {
  id: string
  /** Whose URL it has: operations of disks are asked for elsewhere than those of machines. */
  service: 'compute' | 'disk' | 'network'
  location: string
  /** What it does, such as `PUT virtualMachines`. */
  kind: string
  resourceId: string
  startedAt: number
  endedAt: number | undefined
  status: 'InProgress' | 'Succeeded' | 'Failed'
  failure: Failure | undefined
}

export interface Work {
  service: Operation['service']
  resource: Resource
  delay: DelayKind
  /** A share of the delay's usual length; 1 when absent. */
  share?: number
  /** What it will fail with, when that is certain now. */
  failure?: Failure | undefined
  succeed: () => void
  /** Not called when a newer operation takes the resource over. */
  fail: (failure: Failure) => void
}

/** The length of one delay in milliseconds of the clock, with jitter. */
export function delayOf(world: World, kind: DelayKind): number {
  const { delays, jitter } = world.settings
  const seconds = delays[kind] * (1 + jitter * (2 * world.random.share() - 1))
  return milliseconds(world.clock, seconds)
}

/** Starts an operation and holds the resource with it; one under way there is preempted, as Azure's newer ones do. */
export function begin(world: World, call: Call, work: Work): Operation {
  const { resource } = work
  const previous = resource.operationId === undefined ? undefined : world.operations.get(resource.operationId)
  if (previous !== undefined) {
    const message = 'Operation execution has been preempted by a more recent operation.'
    end(previous, world.now, { code: 'OperationPreempted', message })
  }
  const operation: Operation = {
    id: world.random.uuid(),
    service: work.service,
    location: resource.location,
    kind: call.kind,
    resourceId: resource.id,
    startedAt: world.now,
    endedAt: undefined,
    status: 'InProgress',
    failure: undefined,
  }
  remember(world, operation)
  resource.operationId = operation.id
  resource.revision += 1
  const failure = call.failLate ?? work.failure
  const usual = delayOf(world, work.delay) * (work.share ?? 1)
  const takes = call.workSeconds === undefined ? usual : milliseconds(world.clock, call.workSeconds)
  schedule(world, world.now + takes, () => {
    if (resource.operationId !== operation.id) return
    resource.operationId = undefined
    resource.revision += 1
    end(operation, world.now, failure)
    if (failure === undefined) work.succeed()
    else work.fail(failure)
  })
  return operation
}

/** Operations kept; past this the oldest that have ended are forgotten, as Azure forgets them after a while. */
const OPERATIONS = 20_000

function remember(world: World, operation: Operation): void {
  world.operations.set(operation.id, operation)
  for (const [id, { status }] of world.operations) {
    if (world.operations.size <= OPERATIONS) return
    if (status !== 'InProgress') world.operations.delete(id)
  }
}

function end(operation: Operation, now: number, failure: Failure | undefined): void {
  operation.endedAt = now
  operation.status = failure === undefined ? 'Succeeded' : 'Failed'
  operation.failure = failure
}

/** Seconds between two questions that Azure asks for in its replies. */
const POLL_SECONDS = { compute: 10, disk: 2, network: 10 } as const

/** The headers by which a client finds the operation. A PUT and a PATCH end at the resource itself, without Location. */
export function operationHeaders(world: World, call: Call, operation: Operation): Record<string, string> {
  const { service, location, id } = operation
  const base = `${call.baseUrl}/subscriptions/${world.subscription.id}/providers`
  const version = `api-version=${call.apiVersion}`
  const headers: Record<string, string> = { 'retry-after': retryAfter(world.clock, POLL_SECONDS[service]) }
  const ends = call.method === 'PUT' || call.method === 'PATCH'
  if (service === 'network') {
    const url = `${base}/Microsoft.Network/locations/${location}`
    headers['azure-asyncoperation'] = `${url}/operations/${id}?${version}`
    if (!ends) headers.location = `${url}/operationResults/${id}?${version}`
  } else {
    const kind = service === 'disk' ? 'DiskOperations' : 'operations'
    const url = `${base}/Microsoft.Compute/locations/${location}/${kind}/${id}?p=${id.slice(0, 8)}&${version}`
    headers['azure-asyncoperation'] = url
    if (!ends) headers.location = `${url}&monitor=true`
  }
  return headers
}

export function operationNamed(world: World, call: Call): Operation {
  const id = call.params.operationId ?? ''
  const operation = world.operations.get(id.toLowerCase())
  if (operation !== undefined) return operation
  throw new ArmError(404, 'NotFound', `The entity was not found. Operation '${id}' is not known.`)
}

function status(world: World, call: Call): Reply {
  const operation = operationNamed(world, call)
  if (call.query.get('monitor') === 'true') return result(world, call)
  const pending = operation.status === 'InProgress'
  return {
    status: 200,
    headers: pending ? { 'retry-after': retryAfter(world.clock, POLL_SECONDS[operation.service]) } : {},
    body: {
      ...(operation.service === 'network' ? {} : { name: operation.id, startTime: iso(operation.startedAt) }),
      ...(operation.endedAt === undefined || operation.service === 'network'
        ? {}
        : { endTime: iso(operation.endedAt) }),
      status: operation.status,
      ...(operation.failure === undefined ? {} : { error: operation.failure }),
    },
  }
}

export function result(world: World, call: Call): Reply {
  const operation = operationNamed(world, call)
  if (operation.status === 'InProgress') {
    const wait = retryAfter(world.clock, POLL_SECONDS[operation.service])
    return { status: 202, headers: { 'retry-after': wait, location: `${call.baseUrl}${call.pathAndQuery}` } }
  }
  if (operation.failure === undefined) return { status: 200 }
  throw new ArmError(409, operation.failure.code, operation.failure.message, operation.failure)
}

function iso(moment: number): string {
  return new Date(moment).toISOString()
}

const subscription = '/subscriptions/{subscriptionId}/providers'

export const operationRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${subscription}/Microsoft.Compute/locations/{location}/operations/{operationId}`,
    kind: 'operations',
    policy: 'LongRunningOperationStatus',
    handle: status,
  },
  {
    method: 'GET',
    path: `${subscription}/Microsoft.Compute/locations/{location}/DiskOperations/{operationId}`,
    kind: 'operations',
    policy: 'LongRunningOperationStatus',
    handle: status,
  },
  {
    method: 'GET',
    path: `${subscription}/Microsoft.Network/locations/{location}/operations/{operationId}`,
    kind: 'operations',
    handle: status,
  },
  {
    method: 'GET',
    path: `${subscription}/Microsoft.Network/locations/{location}/operationResults/{operationId}`,
    kind: 'operations',
    handle: result,
  },
]
