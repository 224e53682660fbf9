// The control API under /simulator: looks at the state, and does what Azure does to people. README.md has its shapes.
import { z } from 'zod'
import type { WireReply, WireRequest } from './arm.ts'
import { allocationMessages, limitOf, placementKey, quotaKey } from './capacity.ts'
import type { ManualClock } from './clock.ts'
import { renderDisk } from './disks.ts'
import { announceEviction, evictable } from './evictions.ts'
import { addFault, faultBody } from './faults.ts'
import { eventsSince } from './guests.ts'
import { key, resourceGroupOf, sameId } from './ids.ts'
import { entriesSince } from './log.ts'
import { renderNetworkInterface } from './network-interfaces.ts'
import { hourlyPrice } from './prices.ts'
import { renderPublicIp } from './public-ips.ts'
import { evictionRates } from './resource-graph.ts'
import { renderSecurityGroup } from './security-groups.ts'
import { regionNamed, sizeNamed } from './sizes.ts'
import { renderSnapshot } from './snapshots.ts'
import type { HeldRequest, Machine, Resource, World } from './state.ts'
import { advance, viewOfId } from './state.ts'
import { failHost } from './virtual-machine-actions.ts'
import { renderMachine } from './virtual-machine-view.ts'
import { renderVirtualNetwork } from './virtual-networks.ts'

class ControlError extends Error {}

type Handler = (world: World, request: WireRequest) => WireReply

const region = z.string().transform((name, context) => {
  const found = regionNamed(name)
  if (found !== undefined) return found.name
  context.addIssue(`there is no region '${name}'`)
  return z.NEVER
})
const size = z.string().transform((name, context) => {
  const found = sizeNamed(name)
  if (found !== undefined) return found.name
  context.addIssue(`there is no size '${name}'`)
  return z.NEVER
})
const zone = z.enum(['1', '2', '3'])
const priority = z.enum(['Spot', 'Regular'])
const refusals = ['SkuNotAvailable', ...Object.keys(allocationMessages)]

const bodies = {
  evict: z.strictObject({
    vm: z.string().optional(),
    resourceGroup: z.string().optional(),
    region: region.optional(),
    zone: zone.optional(),
    noticeSeconds: z.number().min(0).max(86_400).optional(),
  }),
  hostFailure: z.strictObject({ vm: z.string() }),
  agent: z.strictObject({ vm: z.string(), ready: z.boolean() }),
  capacity: z.strictObject({
    region,
    zone: zone.optional(),
    size,
    priority,
    available: z.int().min(0).nullable(),
    refusal: z.enum(refusals).optional(),
  }),
  subscription: z.strictObject({ subscription: z.string(), state: z.enum(['Enabled', 'Disabled']) }),
  quota: z.strictObject({
    subscription: z.string().optional(),
    region: z.union([z.literal('*'), region]),
    name: z.string().min(1),
    limit: z.int().min(0),
  }),
  price: z.strictObject({ region, size, priority, usdPerHour: z.number().min(0) }),
  evictionRate: z.strictObject({ region, size, rate: z.enum(evictionRates) }),
  held: z.strictObject({ resource: z.string().min(1) }),
  throttling: z.strictObject({ enabled: z.boolean() }),
  time: z.strictObject({
    advanceSeconds: z
      .number()
      .min(0)
      .max(10 * 366 * 86_400),
  }),
}

/** Answers what is under /simulator; `undefined` for any other path. */
export function serveControl(world: World, request: WireRequest): WireReply | undefined {
  const path = request.url.pathname.replace(/\/$/, '')
  if (!path.startsWith('/simulator')) return undefined
  const handler = handlers[`${request.method} ${path}`]
  if (handler === undefined)
    return failed(404, 'NotFound', `Nothing answers ${request.method} ${path}. README.md lists what does.`)
  try {
    return handler(world, request)
  } catch (error) {
    if (error instanceof z.ZodError) return failed(400, 'InvalidBody', z.prettifyError(error))
    if (error instanceof ControlError || error instanceof SyntaxError)
      return failed(400, 'InvalidRequest', error.message)
    throw error
  }
}

function failed(status: number, code: string, message: string): WireReply {
  return { status, headers: {}, body: { error: { code, message } } }
}

function ok(body: unknown): WireReply {
  return { status: 200, headers: {}, body }
}

const done: WireReply = { status: 204, headers: {}, body: undefined }

const handlers: Record<string, Handler> = {
  'GET /simulator/state': (world, request) => ok(stateOf(world, request.url.searchParams.get('name') ?? '')),
  'GET /simulator/log': (world, request) => {
    const since = sinceOf(request)
    const { next, counts } = world.log
    return ok({
      entries: entriesSince(world.log, since),
      next,
      counts: Object.fromEntries([...counts].sort()),
    })
  },
  'GET /simulator/guests': (world, request) =>
    ok({ events: eventsSince(world, sinceOf(request)), next: world.guests.next }),
  'POST /simulator/evict': evict,
  'POST /simulator/host-failure': (world, request) => {
    const machine = runningMachine(world, bodies.hostFailure.parse(JSON.parse(request.text)))
    failHost(viewOfId(world, machine.id), machine)
    return done
  },
  'POST /simulator/agent': (world, request) => {
    const { ready, ...named } = bodies.agent.parse(JSON.parse(request.text))
    runningMachine(world, named).isAgentSilent = !ready
    return done
  },
  'POST /simulator/faults': (world, request) => {
    const { id } = addFault(world, faultBody.parse(JSON.parse(request.text)))
    return { status: 201, headers: {}, body: { id } }
  },
  'GET /simulator/faults': world => ok({ faults: world.faults }),
  'DELETE /simulator/faults': (world, request) => {
    const id = request.url.searchParams.get('id')
    world.faults = id === null ? [] : world.faults.filter(fault => fault.id !== id)
    return done
  },
  'POST /simulator/held': (world, request) => {
    const { resource } = bodies.held.parse(JSON.parse(request.text))
    const isMeant = ({ path }: HeldRequest) => path.toLowerCase().includes(resource.toLowerCase())
    const arriving = world.held.filter(isMeant)
    world.held = world.held.filter(one => !isMeant(one))
    return ok({ arrived: arriving.map(({ kind, path, arrive }) => ({ kind, path, status: arrive().status })) })
  },
  'POST /simulator/throttling': (world, request) => {
    world.settings.throttling = bodies.throttling.parse(JSON.parse(request.text)).enabled
    return done
  },
  'POST /simulator/capacity': (world, request) => {
    const { available, refusal, ...placement } = bodies.capacity.parse(JSON.parse(request.text))
    world.capacity.set(placementKey(placement), { available: available ?? undefined, refusal })
    return done
  },
  'POST /simulator/quota': (world, request) => {
    const { subscription, region, name, limit } = bodies.quota.parse(JSON.parse(request.text))
    subscriptionNamed(world, subscription).quotas.set(quotaKey(region, name), limit)
    return done
  },
  'POST /simulator/subscription': (world, request) => {
    const { subscription, state } = bodies.subscription.parse(JSON.parse(request.text))
    subscriptionNamed(world, subscription).subscription.state = state
    return done
  },
  'POST /simulator/price': price,
  'POST /simulator/eviction-rate': (world, request) => {
    const { rate, ...place } = bodies.evictionRate.parse(JSON.parse(request.text))
    world.evictionRates.set(placementKey({ ...place, priority: 'Spot' }), rate)
    return done
  },
  'POST /simulator/time': (world, request) => {
    const { advanceSeconds } = bodies.time.parse(JSON.parse(request.text))
    if (!isManual(world.clock))
      throw new ControlError('Time runs by itself. Start the simulator with --clock manual to move it.')
    world.clock.advance(advanceSeconds)
    advance(world, world.clock.now())
    return ok({ time: new Date(world.now).toISOString(), feed: world.guests.next })
  },
}

function isManual(clock: World['clock']): clock is ManualClock {
  return clock.kind === 'manual'
}

function sinceOf(request: WireRequest): number {
  const since = request.url.searchParams.get('since') ?? '0'
  if (!/^\d+$/.test(since))
    throw new ControlError(`since has to be a number that an answer gave as 'next', not '${since}'.`)
  return Number(since)
}

/** By name or id, of whichever subscription. */
function machinesNamed(world: World, vm: string): readonly Machine[] {
  return views(world).flatMap(({ machines }) => machines.get(vm) ?? machines.by('name', vm))
}

function runningMachine(world: World, { vm }: { vm: string }): Machine {
  const [machine] = machinesNamed(world, vm)
  if (machine?.powerState !== 'running') throw new ControlError(`VM '${vm}' is not running.`)
  return machine
}

/** The first where none is named. */
function subscriptionNamed(world: World, id: string | undefined): World {
  const view = id === undefined ? world : world.subscriptions.get(id.toLowerCase())
  if (view === undefined) throw new ControlError(`There is no subscription '${id}'.`)
  return view
}

function views(world: World): readonly World[] {
  return [...world.subscriptions.values()]
}

function evict(world: World, request: WireRequest): WireReply {
  const wanted = bodies.evict.parse(JSON.parse(request.text))
  if ((wanted.vm === undefined) === (wanted.region === undefined)) {
    throw new ControlError('Name either a vm (its name or id) or a region.')
  }
  const inGroup = (machine: Machine) =>
    wanted.resourceGroup === undefined || sameId(resourceGroupOf(machine.id), wanted.resourceGroup)
  const inPlace = ({ location, zones }: Machine) =>
    location === wanted.region && (wanted.zone === undefined || zones?.[0] === wanted.zone)
  const machines =
    wanted.vm === undefined
      ? views(world).flatMap(({ machines }) => machines.all().filter(inPlace))
      : machinesNamed(world, wanted.vm).filter(inGroup)
  if (wanted.vm !== undefined) {
    if (machines.length === 0) throw new ControlError(`There is no VM '${wanted.vm}'.`)
    if (!machines.some(evictable))
      throw new ControlError(`VM '${wanted.vm}' is no running spot VM, or is being evicted already.`)
  }
  const notice = wanted.noticeSeconds ?? world.settings.preemptNoticeSeconds
  const evicting = machines.filter(evictable).map(machine => ({
    vmName: machine.name,
    resourceGroup: resourceGroupOf(machine.id),
    preemptAt: new Date(announceEviction(viewOfId(world, machine.id), machine, notice)).toISOString(),
  }))
  return ok({ evicting })
}

/** A spot price above what its owner would pay takes a machine away. */
function price(world: World, request: WireRequest): WireReply {
  const { usdPerHour, ...placement } = bodies.price.parse(JSON.parse(request.text))
  world.prices.set(placementKey(placement), usdPerHour)
  for (const machine of views(world).flatMap(({ machines }) => machines.all())) {
    const maxPrice = machine.properties.billingProfile?.maxPrice ?? -1
    const size = machine.properties.hardwareProfile?.vmSize ?? ''
    const asked = hourlyPrice(world, { region: machine.location, size, priority: 'Spot' }) ?? 0
    if (maxPrice !== -1 && maxPrice < asked && evictable(machine)) {
      announceEviction(viewOfId(world, machine.id), machine, world.settings.preemptNoticeSeconds)
    }
  }
  return done
}

/** All of it, or of the resources only those with this text in their names. */
function stateOf(world: World, name: string) {
  const running = [...world.operations.values()].filter(operation => operation.status === 'InProgress')
  const parts = views(world).map(view => resourcesOf(view, name))
  const types = Object.keys(parts[0] ?? {})
  return {
    time: new Date(world.now).toISOString(),
    ...Object.fromEntries(types.map(type => [type, parts.flatMap(part => part[type] ?? [])])),
    operations: running.map(({ id, kind, resourceId, startedAt }) => ({
      id,
      kind,
      resourceId,
      startedAt: new Date(startedAt).toISOString(),
    })),
    capacity: [...world.capacity]
      .sort()
      .map(([place, { available, refusal }]) => ({ place, available: available ?? null, refusal: refusal ?? null })),
    quotas: [...world.quotas.keys()].sort().map(place => {
      const [region = '', name = ''] = place.split('/')
      return { region, name, limit: limitOf(world, region, name) }
    }),
  }
}

/** Of one subscription. */
function resourcesOf(world: World, name: string): Record<string, readonly unknown[]> {
  const those = <R extends Resource>(table: { all(): readonly R[] }) =>
    table.all().filter(resource => resource.name.includes(name))
  return {
    virtualMachines: those(world.machines).map(machine => ({
      ...renderMachine(world, machine, { instanceView: true }),
      simulator: {
        powerState: machine.powerState ?? null,
        ...(machine.failure === undefined ? {} : { lastError: machine.failure }),
        ...(machine.preemptAt === undefined ? {} : { preemptAt: new Date(machine.preemptAt).toISOString() }),
        ...(machine.customData === undefined ? {} : { customData: machine.customData }),
        ...(machine.properties.userData === undefined ? {} : { userData: machine.properties.userData }),
      },
    })),
    networkInterfaces: those(world.networkInterfaces).map(nic => ({
      ...renderNetworkInterface(world, nic),
      ...(nic.reservation === undefined || nic.reservation.until <= world.now
        ? {}
        : {
            simulator: { reservedFor: nic.reservation.machineId, until: new Date(nic.reservation.until).toISOString() },
          }),
    })),
    publicIPAddresses: those(world.publicIps).map(ip => renderPublicIp(world, ip)),
    disks: those(world.disks).map(disk => renderDisk(world, disk)),
    snapshots: those(world.snapshots).map(snapshot => renderSnapshot(world, snapshot)),
    networkSecurityGroups: those(world.securityGroups).map(group => renderSecurityGroup(world, group)),
    virtualNetworks: those(world.virtualNetworks).map(network => renderVirtualNetwork(world, network)),
    resourceGroups: [...world.resourceGroups.values()].sort((one, other) => (key(one.name) < key(other.name) ? -1 : 1)),
  }
}
