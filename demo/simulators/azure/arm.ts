// One request's way through Azure Resource Manager: token, subscription, route, api-version, faults, limits, resource
// group, schema; then the resource's own handler; then our reply is held against Azure's schema too.
import { milliseconds } from './clock.ts'
import { disksRoutes } from './disks.ts'
import { principalOf } from './entra.ts'
import { ArmError, resourceGroupNotFound } from './errors.ts'
import { type FaultOutcome, faultFor } from './faults.ts'
import { record } from './log.ts'
import { networkInterfaceRoutes } from './network-interfaces.ts'
import { operationRoutes } from './operations.ts'
import { publicIpRoutes } from './public-ips.ts'
import { resourceGraphRoutes } from './resource-graph.ts'
import { resourceGroupRoutes } from './resource-groups.ts'
import { type Call, type Found, type Method, type Reply, type Route, router } from './routes.ts'
import type { SchemaFault } from './schemas.ts'
import { securityGroupRoutes } from './security-groups.ts'
import { skuRoutes } from './skus.ts'
import { snapshotRoutes } from './snapshots.ts'
import { type HeldRequest, viewOfId, type World } from './state.ts'
import { tagRoutes } from './tags.ts'
import { throttle, throttled } from './throttling.ts'
import { usageRoutes } from './usages.ts'
import { virtualMachineActionRoutes } from './virtual-machine-actions.ts'
import { virtualMachineRoutes } from './virtual-machines.ts'
import { virtualNetworkRoutes } from './virtual-networks.ts'

export interface WireRequest {
  method: string
  url: URL
  header: (name: string) => string | undefined
  /** As it came. */
  text: string
}

export interface WireReply {
  status: number
  headers: Record<string, string | string[]>
  /** Sent as JSON; nothing when `undefined`. */
  body: unknown
  /** Cut the connection instead of answering. */
  cut?: true
  /** Milliseconds to wait before answering. */
  delay?: number
}

const ofResources: readonly Route[] = [
  ...resourceGroupRoutes,
  ...usageRoutes,
  ...skuRoutes,
  ...operationRoutes,
  ...virtualMachineRoutes,
  ...virtualMachineActionRoutes,
  ...disksRoutes,
  ...snapshotRoutes,
  ...publicIpRoutes,
  ...networkInterfaceRoutes,
  ...resourceGraphRoutes,
  ...securityGroupRoutes,
  ...virtualNetworkRoutes,
]
const find = router([...ofResources, ...tagRoutes(ofResources)])

/** Those that the schemas here fit; the current SDKs send the last of each. */
const apiVersions = {
  resources: ['2021-04-01', '2022-09-01', '2024-03-01', '2025-04-01'],
  compute: ['2024-07-01', '2024-11-01', '2025-04-01', '2026-03-01', '2026-04-01'],
  disks: ['2024-03-02', '2025-01-02', '2026-03-02'],
  resourceGraph: ['2021-03-01', '2022-10-01', '2024-04-01'],
  skus: ['2021-07-01'],
  network: ['2024-05-01', '2025-01-01', '2025-03-01', '2025-05-01', '2026-01-01', '2026-03-01'],
} as const

export function serveArm(azure: World, request: WireRequest): WireReply {
  const path = request.url.pathname
  const world = viewOfId(azure, path)
  const found = find.find(request.method, path)
  const kind = found === undefined ? `${request.method} unknown` : kindOf(found.route)
  const headers: Record<string, string | string[]> = {
    'x-ms-request-id': world.requestIds.uuid(),
    'x-ms-correlation-request-id': request.header('x-ms-correlation-request-id') ?? world.requestIds.uuid(),
    'x-ms-routing-request-id': `SIMULATOR:${new Date(world.now).toISOString()}:${world.requestIds.uuid()}`,
  }
  let fault: { id: string; outcome: FaultOutcome } | undefined
  let reply: Reply
  let isUnheard = false
  try {
    const clientId = principalOf(world, request.header('authorization'))
    const { route, params } = known(world, found, request)
    checkAccess(world, { method: route.method, path, clientId })
    fault = faultFor(world, { method: request.method, kind, path })
    if (fault !== undefined) refuse(fault.outcome)
    if (fault !== undefined && isNotDone(fault.outcome)) {
      reply = { status: 0 }
      if ('holdBack' in fault.outcome) hold(world, { kind, path, arrive: () => serveArm(azure, request) })
      isUnheard = true
    } else {
      if (world.settings.throttling)
        Object.assign(headers, throttle(world, throttledBy(world, request, route, params, clientId)))
      const apiVersion = versionOf(request, route)
      const call = callOf(world, { request, route, params, kind, apiVersion, fault: fault?.outcome })
      reply = remembered(world, call, checked(world, route, route.handle(world, call)), fault?.outcome)
    }
  } catch (error) {
    if (!(error instanceof ArmError)) throw error
    Object.assign(headers, error.headers, { 'x-ms-error-code': error.code })
    reply = { status: error.status, headers: error.headers, body: error.body() }
  }
  record(world.log, {
    time: new Date(world.now).toISOString(),
    method: request.method,
    path: path + request.url.search,
    kind,
    resource: path.slice(path.lastIndexOf('/') + 1),
    status: reply.status,
    ...(typeof headers['x-ms-error-code'] === 'string' ? { code: headers['x-ms-error-code'] } : {}),
    ...(fault === undefined ? {} : { fault: fault.id }),
  })
  return {
    status: reply.status,
    headers: { ...headers, ...reply.headers },
    body: reply.body,
    ...(isUnheard || (fault !== undefined && 'loseReply' in fault.outcome) ? { cut: true } : {}),
    ...(fault !== undefined && 'delaySeconds' in fault.outcome
      ? { delay: milliseconds(world.clock, fault.outcome.delaySeconds) }
      : {}),
  }
}

function kindOf(route: Route): string {
  return `${route.lists === true ? 'LIST' : route.method} ${route.kind}`
}

function known(world: World, found: Found | undefined, request: WireRequest): Found {
  const path = request.url.pathname
  const [, subscription] = /^\/subscriptions\/([^/]+)/i.exec(path) ?? []
  if (subscription !== undefined && !world.subscriptions.has(subscription.toLowerCase())) {
    throw new ArmError(404, 'SubscriptionNotFound', `The subscription '${subscription}' could not be found.`)
  }
  if (found !== undefined) return found
  if (find.methods(path).length > 0) {
    const message = `The HTTP method '${request.method}' is not supported at scope '${path}'.`
    throw new ArmError(405, 'MethodNotAllowed', message)
  }
  const [, namespace = '', type = ''] = /\/providers\/([^/]+)\/([^/]+)/i.exec(path) ?? []
  if (namespace === '') throw new ArmError(404, 'NotFound', `No route matches '${path}'.`)
  const message = `The resource type '${type}' could not be found in the namespace '${namespace}'.`
  throw new ArmError(404, 'InvalidResourceType', message)
}

/** Whether the principal has a role in the subscription, and whether that may be changed at all. */
function checkAccess(
  world: World,
  { method, path, clientId }: { method: Method; path: string; clientId: string },
): void {
  const { id, clients, state } = world.subscription
  if (!/^\/subscriptions\//i.test(path)) return // Of no subscription's.
  const isOurs = (one: string) => one.toLowerCase() === clientId.toLowerCase()
  if (!clients.some(isOurs)) {
    const message = `The client '${clientId}' with object id '${clientId}' does not have authorization to perform action '${method}' over scope '${path}' or the scope is invalid. If access was recently granted, please refresh your credentials.`
    throw new ArmError(403, 'AuthorizationFailed', message)
  }
  if (state === 'Enabled' || !['PUT', 'PATCH', 'POST'].includes(method)) return
  const message = `The subscription '${id}' is disabled and therefore marked as read only. You cannot perform any write actions on this subscription until it is re-enabled.`
  throw new ArmError(409, 'ReadOnlyDisabledSubscription', message)
}

/** Lists whose last answer is kept. */
const LISTS = 200

/** A stale list is what the same list was when it was last asked for without that fault. */
function remembered(world: World, { kind, pathAndQuery }: Call, reply: Reply, fault: FaultOutcome | undefined): Reply {
  if (!kind.startsWith('LIST')) return reply
  if (fault !== undefined && 'stale' in fault) return world.lists.get(pathAndQuery) ?? reply
  world.lists.delete(pathAndQuery)
  world.lists.set(pathAndQuery, reply)
  const oldest = world.lists.keys().next().value
  if (world.lists.size > LISTS && oldest !== undefined) world.lists.delete(oldest)
  return reply
}

/** Whoever asked hears nothing, and nothing is done, or not yet. */
function isNotDone(fault: FaultOutcome): boolean {
  return 'loseRequest' in fault || 'holdBack' in fault
}

/** Requests on their way at once. */
const HELD = 1000

function hold(world: World, request: HeldRequest): void {
  if (world.held.length >= HELD) throw new ArmError(503, 'ServerBusy', `No more than ${HELD} requests are held back.`)
  world.held.push(request)
}

/** Ends the call when a fault refuses it. */
function refuse(fault: FaultOutcome): void {
  if ('throttle' in fault) throw throttled({ ...fault.throttle, policy: 'SimulatedFault' })
  if (!('status' in fault)) return
  const headers = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) }
  throw new ArmError(fault.status, fault.code, fault.message, { ...fault, headers })
}

/** ARM has the machine's provider change them: whether Azure counts that as an update is not documented. Here it is one. */
function isTagging({ kind, method }: Route): boolean {
  return kind === 'tags' && method !== 'GET'
}

function throttledBy(
  world: World,
  request: WireRequest,
  route: Route,
  params: Record<string, string>,
  clientId: string,
) {
  const path = request.url.pathname
  const [machinePath] = /^.*\/virtualMachines\/[^/]+/i.exec(path) ?? []
  const machine = machinePath === undefined ? undefined : world.machines.get(machinePath)
  const group = world.resourceGroups.get((params.resourceGroupName ?? '').toLowerCase())
  return {
    method: route.method,
    path,
    clientId,
    region: machine?.location ?? params.location ?? group?.location ?? world.subscription.id,
    policy: route.policy ?? (machine !== undefined && isTagging(route) ? 'UpdateVM' : undefined),
    // A limit per machine holds for the machine that the operation is about.
    resource: machinePath ?? world.operations.get(params.operationId ?? '')?.resourceId ?? '',
  }
}

function versionOf(request: WireRequest, route: Route): string {
  const version = request.url.searchParams.get('api-version')
  if (version === null || version === '') {
    const message =
      "The api-version query parameter (?api-version=) is required for all requests. For example, add '?api-version=2026-04-01' to the end of the request URL."
    throw new ArmError(400, 'MissingApiVersionParameter', message)
  }
  // A long-running operation is asked for with the version of the request that started it, whatever that was.
  if (route.kind === 'operations') return version
  const supported: readonly string[] = apiVersions[serviceOf(route)]
  if (supported.includes(version)) return version
  const [, namespace = 'Microsoft.Resources', type = route.kind] =
    /\/providers\/([^/]+)\/([^/{]+)/.exec(route.path) ?? []
  const list = supported.map(one => `'${one}'`).join(', ')
  const message = `The resource type '${type}' could not be found in the namespace '${namespace}' for api version '${version}'. The supported api-versions are ${list}.`
  throw new ArmError(400, 'InvalidResourceType', message)
}

function serviceOf({ path, kind }: Route): keyof typeof apiVersions {
  if (path.includes('/Microsoft.Network/')) return 'network'
  if (path.includes('/Microsoft.ResourceGraph/')) return 'resourceGraph'
  if (!path.includes('/Microsoft.Compute/')) return 'resources'
  if (kind === 'skus') return 'skus'
  return kind.startsWith('disks') || kind.startsWith('snapshots') ? 'disks' : 'compute'
}

interface Incoming extends Found {
  request: WireRequest
  kind: string
  apiVersion: string
  fault: FaultOutcome | undefined
}

function callOf(world: World, { request, route, params, kind, apiVersion, fault }: Incoming): Call {
  const group = params.resourceGroupName
  if (group !== undefined && route.kind !== 'resourceGroups' && !world.resourceGroups.has(group.toLowerCase())) {
    throw resourceGroupNotFound(group)
  }
  const method: Method = route.method
  return {
    method,
    kind,
    path: request.url.pathname,
    pathAndQuery: request.url.pathname + request.url.search,
    params,
    query: request.url.searchParams,
    header: request.header,
    apiVersion,
    baseUrl: request.url.origin,
    body: bodyOf(world, route, request.text),
    failLate: fault !== undefined && 'failLate' in fault ? fault.failLate : undefined,
    workSeconds: fault !== undefined && 'workSeconds' in fault ? fault.workSeconds : undefined,
    failCopy: fault !== undefined && 'failCopy' in fault ? fault.failCopy : undefined,
  }
}

function bodyOf(world: World, route: Route, text: string): unknown {
  if (route.method === 'GET' || route.method === 'HEAD' || route.method === 'DELETE') return undefined
  if (text === '') {
    if (route.method === 'POST') return undefined
    throw new ArmError(400, 'MissingRequestBody', 'The request body is required but was not provided.')
  }
  const body = parsed(text)
  if (route.request === undefined || route.library === undefined) return body
  const result = world.schemas.checkRequest(route.library, route.request, body)
  const [fault] = result.faults
  if (fault !== undefined) throw schemaRefusal(fault)
  return result.body
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const message = `The request content was invalid and could not be deserialized: '${error.message}'.`
    throw new ArmError(400, 'InvalidRequestContent', message)
  }
}

function schemaRefusal(fault: SchemaFault): ArmError {
  const deserialized = (why: string) => {
    const message = `The request content was invalid and could not be deserialized: '${why} Path '${fault.path}', line 1, position 1.'.`
    return new ArmError(400, 'InvalidRequestContent', message, { target: fault.path })
  }
  switch (fault.kind) {
    case 'missing': {
      const message = `Required parameter '${fault.path.replace('properties.', '')}' is missing (null).`
      return new ArmError(400, 'InvalidParameter', message, { target: fault.path })
    }
    case 'value not known': {
      const message = `The value '${fault.found}' of parameter '${fault.path}' is not allowed. Allowed values are ${fault.expected}.`
      return new ArmError(400, 'InvalidParameter', message, { target: fault.path })
    }
    case 'unknown':
      return deserialized(`Could not find member '${fault.found}' on object of type '${fault.className}'.`)
    case 'wrong type':
      return deserialized(`Error converting value ${fault.found} to type '${fault.expected}'.`)
    default:
      return fault.kind satisfies never
  }
}

/** A reply that Azure could not have given is a mistake of the simulator, and must not pass for Azure. */
function checked(world: World, route: Route, reply: Reply): Reply {
  if (reply.body === undefined || route.reply === undefined || route.library === undefined) return reply
  const faults = world.schemas.checkReply(route.library, route.reply, reply.body)
  if (faults.length === 0) return reply
  const list = faults.map(fault => `${fault.path}: ${fault.kind}, found ${fault.found}, expected ${fault.expected}`)
  console.error(
    `SIMULATOR MISTAKE: ${route.method} ${route.path} answered what Azure's schema forbids:\n  ${list.join('\n  ')}`,
  )
  throw new ArmError(
    500,
    'SimulatorReplyInvalid',
    `The simulator's own reply breaks Azure's schema: ${list.join('; ')}`,
  )
}
