// Virtual machines as resources: made, changed, shown, deleted.
//
// PUT accepts (201, provisioningState Creating) and holds NICs and disks from then on. The operation ends in Succeeded and
// running, or in Failed: then the machine stays, holding disks and NICs, until somebody deletes it or PUTs it again, and
// the NICs are kept for its name for a while. A deletion overtakes whatever is under way; its end lets NICs and disks go or
// deletes them, as the deleteOption of each says.
import { checkCoreQuota, place, priorityOf, release } from './capacity.ts'
import { milliseconds } from './clock.ts'
import { computeId } from './disks.ts'
import {
  ArmError,
  concurrentRequest,
  type Failure,
  missingParameter,
  preconditionFailed,
  resourceNotFound,
} from './errors.ts'
import { guestBoots, guestStops } from './guests.ts'
import { key, sameId } from './ids.ts'
import { begin, operationHeaders } from './operations.ts'
import { checkSameLocation, locationOf } from './resource-groups.ts'
import { type Call, page, type Reply, type Route } from './routes.ts'
import { type MachineBody, type MachineProperties, machineBody } from './shapes.ts'
import { sizeNamed, sizes } from './sizes.ts'
import type { Machine, NetworkInterface, Placement, ProvisioningState, World } from './state.ts'
import { add, etag, find, sorted } from './state.ts'
import {
  checkChange,
  checkInterfaces,
  checkMaxPrice,
  checkPriority,
  checkSize,
  checkUserData,
  checkZones,
} from './virtual-machine-checks.ts'
import { type DiskWish, planDataDisks, planOsDisk, releaseDisks } from './virtual-machine-disks.ts'
import { instanceView, renderListed, renderMachine, renderStatus } from './virtual-machine-view.ts'

const TYPE = 'Microsoft.Compute/virtualMachines'
/** How much faster a deletion with force is, and a change of tags than one of hardware. */
const FORCED_SHARE = 0.3
const TAGS_SHARE = 0.2

export function machineNamed(world: World, call: Call): Machine {
  const { name = '', resourceGroupName = '' } = call.params
  const machine = find(world.machines, computeId(world, resourceGroupName, 'virtualMachines', name))
  if (machine === undefined) throw resourceNotFound(TYPE, name, resourceGroupName)
  return machine
}

export function setProvisioning(world: World, machine: Machine, state: ProvisioningState, failure?: Failure): void {
  machine.provisioningState = state
  machine.failure = failure
  machine.provisionedAt = world.now
  machine.revision += 1
}

/** Refuses while Azure or another request is at work on the machine. */
export function checkIdle(machine: Machine): void {
  if (machine.operationId !== undefined || machine.evicting) throw concurrentRequest()
}

function put(world: World, call: Call): Reply {
  const { name = '', resourceGroupName = '' } = call.params
  const id = computeId(world, resourceGroupName, 'virtualMachines', name)
  const existing = find(world.machines, id)
  checkPreconditions(call, existing)
  const body = machineBody.parse(call.body)
  const location = locationOf(body.location, TYPE)
  checkSameLocation(existing, location, resourceGroupName)
  if (existing === undefined) return create(world, call, { id, name, location, body })
  const before = existing.tags
  existing.tags = body.tags
  try {
    return change(world, call, existing, body)
  } catch (error) {
    existing.tags = before
    throw error
  }
}

function checkPreconditions(call: Call, existing: Machine | undefined): void {
  const ifNoneMatch = call.header('if-none-match')
  const ifMatch = call.header('if-match')
  const fits = (value: string) => existing !== undefined && (value === '*' || value === etag(existing))
  if (ifNoneMatch !== undefined && fits(ifNoneMatch)) throw preconditionFailed('If-None-Match', ifNoneMatch)
  if (ifMatch !== undefined && !fits(ifMatch)) throw preconditionFailed('If-Match', ifMatch)
}

interface Wanted {
  id: string
  name: string
  location: string
  body: MachineBody
}

function create(world: World, call: Call, { id, name, location, body }: Wanted): Reply {
  const properties = body.properties
  if (properties === undefined) throw missingParameter('properties')
  const size = checkSize(properties.hardwareProfile?.vmSize)
  checkZones(body.zones, location, name)
  checkPriority(properties)
  checkUserData(properties.userData)
  const nics = checkInterfaces(world, { properties, machineId: id, location })
  const wish: DiskWish = { machineId: id, machineName: name, location, zones: body.zones, tags: body.tags, properties }
  const osDisk = planOsDisk(world, wish)
  const dataDisks = planDataDisks(world, wish)
  checkMaxPrice(world, properties, location, 'Create')
  const placement = { region: location, size: size.name, priority: priorityOf({ properties }) }
  const failure = admit(world, { machineId: id, nics, placement, zones: body.zones })

  const machine = add<Machine>(world.machines, {
    id,
    name,
    location,
    tags: body.tags,
    revision: 0,
    provisioningState: 'Creating',
    operationId: undefined,
    vmId: world.random.uuid(),
    createdAt: world.now,
    zones: body.zones,
    properties: withoutSecrets(properties),
    customData: properties.osProfile?.customData,
    powerState: undefined,
    failure: undefined,
    provisionedAt: world.now,
    preemptAt: undefined,
    evicting: false,
    guestRunning: false,
    placement: failure === undefined ? placement : undefined,
  })
  machine.properties = completed(machine.properties, { osDisk: osDisk.apply(), dataDisks: dataDisks.apply() })
  for (const nic of nics) {
    nic.machineId = id
    nic.revision += 1
  }
  return provision(world, call, machine, failure)
}

/** Quota and hardware. A refusal here keeps the NICs for the machine that was refused, as Azure's network does. */
function admit(
  world: World,
  wanted: {
    machineId: string
    nics: readonly NetworkInterface[]
    placement: Placement
    zones: readonly string[] | undefined
    instead?: Machine
  },
): Failure | undefined {
  try {
    checkCoreQuota(world, wanted.placement, wanted.instead)
    return place(world, { ...wanted.placement, zoned: wanted.zones === undefined ? 'regional' : 'zonal' })
  } catch (error) {
    reserve(world, wanted.nics, wanted.machineId)
    throw error
  }
}

function reserve(world: World, nics: readonly NetworkInterface[], machineId: string): void {
  const until = world.now + milliseconds(world.clock, world.settings.nicReservationSeconds)
  for (const nic of nics) nic.reservation = { machineId, until }
}

function provision(world: World, call: Call, machine: Machine, failure: Failure | undefined): Reply {
  setProvisioning(world, machine, 'Creating')
  const operation = begin(world, call, {
    service: 'compute',
    resource: machine,
    delay: 'vmCreate',
    failure,
    succeed: () => {
      setProvisioning(world, machine, 'Succeeded')
      machine.powerState = 'running'
      guestBoots(world, machine, 'created')
    },
    fail: why => {
      setProvisioning(world, machine, 'Failed', why)
      release(world, machine.placement)
      machine.placement = undefined
      reserve(world, interfacesOf(world, machine), machine.id)
    },
  })
  return { status: 201, headers: operationHeaders(world, call, operation), body: renderMachine(world, machine) }
}

function interfacesOf(world: World, machine: Machine): readonly NetworkInterface[] {
  return [...world.networkInterfaces.values()].filter(nic => sameId(nic.machineId, machine.id))
}

function withoutSecrets(properties: MachineProperties): MachineProperties {
  if (properties.osProfile === undefined) return properties
  const { adminPassword: _password, customData: _data, ...osProfile } = properties.osProfile
  return {
    ...properties,
    osProfile: { secrets: [], allowExtensionOperations: true, requireGuestProvisionSignal: true, ...osProfile },
  }
}

type StorageProfile = NonNullable<MachineProperties['storageProfile']>

function completed(
  properties: MachineProperties,
  disks: Pick<StorageProfile, 'osDisk' | 'dataDisks'>,
): MachineProperties {
  const interfaces = properties.networkProfile?.networkInterfaces ?? []
  return {
    ...properties,
    storageProfile: { diskControllerType: 'SCSI', ...properties.storageProfile, ...disks },
    networkProfile: {
      ...properties.networkProfile,
      networkInterfaces: interfaces.map(one => ({ ...one, properties: { deleteOption: 'Detach', ...one.properties } })),
    },
  }
}

function patch(world: World, call: Call): Reply {
  const machine = machineNamed(world, call)
  checkPreconditions(call, machine)
  const body = machineBody.parse(call.body)
  const before = machine.tags
  machine.tags = body.tags ?? machine.tags
  try {
    return change(world, call, machine, body)
  } catch (error) {
    machine.tags = before
    throw error
  }
}

/** PUT and PATCH of a machine that is there: what the body leaves out stays. */
function change(world: World, call: Call, machine: Machine, body: MachineBody): Reply {
  if (machine.provisioningState === 'Deleting') throw concurrentRequest()
  checkIdle(machine)
  const wanted = body.properties ?? {}
  checkChange(machine, wanted, body.zones)
  checkUserData(wanted.userData)
  const size = wanted.hardwareProfile?.vmSize === undefined ? undefined : checkSize(wanted.hardwareProfile.vmSize)
  const properties = merged(machine.properties, withoutSecrets(wanted))
  checkPriority(properties)
  const wish = {
    machineId: machine.id,
    machineName: machine.name,
    location: machine.location,
    zones: machine.zones,
    tags: machine.tags,
    properties,
  }
  const dataDisks = planDataDisks(world, wish, machine)
  const resized = size !== undefined && size.name !== machine.properties.hardwareProfile?.vmSize
  const neverPlaced = machine.provisioningState === 'Failed' && machine.powerState === undefined
  if (neverPlaced) return provisionAgain(world, call, machine, properties)
  const failure = resized ? resize(world, machine, size.name) : undefined

  const before = machine.properties
  const osDisk = properties.storageProfile?.osDisk
  machine.properties = completed(properties, { osDisk, dataDisks: dataDisks.apply() })
  const restarts = resized && machine.powerState === 'running'
  if (restarts) guestStops(world, machine, 'resized')
  setProvisioning(world, machine, 'Updating')
  const operation = begin(world, call, {
    service: 'compute',
    resource: machine,
    delay: restarts ? 'vmRestart' : 'vmUpdate',
    share: body.properties === undefined ? TAGS_SHARE : 1,
    failure,
    succeed: () => {
      setProvisioning(world, machine, 'Succeeded')
      if (restarts) guestBoots(world, machine, 'restarted')
    },
    fail: why => {
      setProvisioning(world, machine, 'Failed', why)
      if (resized) machine.properties = { ...machine.properties, hardwareProfile: before.hardwareProfile }
      if (restarts) guestBoots(world, machine, 'restarted')
    },
  })
  return { status: 200, headers: operationHeaders(world, call, operation), body: renderMachine(world, machine) }
}

function provisionAgain(world: World, call: Call, machine: Machine, properties: MachineProperties): Reply {
  const nics = interfacesOf(world, machine)
  const placement = {
    region: machine.location,
    size: properties.hardwareProfile?.vmSize ?? '',
    priority: priorityOf({ properties }),
  }
  const failure = admit(world, { machineId: machine.id, nics, placement, zones: machine.zones, instead: machine })
  machine.properties = properties
  machine.placement = failure === undefined ? placement : undefined
  return { ...provision(world, call, machine, failure), status: 200 }
}

/** Moves the machine's hardware to another size: at once on paper when deallocated, within the same family otherwise. */
function resize(world: World, machine: Machine, size: string): Failure | undefined {
  const priority = priorityOf(machine)
  const placement = { region: machine.location, size, priority }
  checkCoreQuota(world, placement, machine)
  if (machine.placement === undefined) return undefined
  const family = sizeNamed(machine.placement.size)?.family
  if (sizeNamed(size)?.family !== family) {
    const list = sizes
      .filter(one => one.family === family)
      .map(one => one.name)
      .join(', ')
    const message = `Unable to resize the VM ${machine.name} because the requested size ${size} is not available in the current hardware cluster. The available sizes in this cluster are: ${list}. Read more on VM resizing strategy at https://aka.ms/azure-resizevm.`
    throw new ArmError(409, 'OperationNotAllowed', message)
  }
  const failure = place(world, { ...placement, zoned: machine.zones === undefined ? 'regional' : 'zonal' })
  if (failure !== undefined) return failure
  release(world, machine.placement)
  machine.placement = placement
  return undefined
}

/** Objects are merged, everything else is replaced. */
function merged(before: MachineProperties, next: MachineProperties): MachineProperties {
  const storageProfile = { ...before.storageProfile, ...next.storageProfile }
  const beforeDisk = before.storageProfile?.osDisk
  const nextDisk = next.storageProfile?.osDisk
  const osDisk =
    beforeDisk === undefined
      ? nextDisk
      : { ...beforeDisk, ...nextDisk, managedDisk: { ...beforeDisk.managedDisk, ...nextDisk?.managedDisk } }
  return {
    ...before,
    ...next,
    hardwareProfile: { ...before.hardwareProfile, ...next.hardwareProfile },
    storageProfile: { ...storageProfile, osDisk },
    networkProfile: { ...before.networkProfile, ...next.networkProfile },
    ...(before.osProfile === undefined ? {} : { osProfile: { ...before.osProfile, ...next.osProfile } }),
    ...(before.securityProfile === undefined && next.securityProfile === undefined
      ? {}
      : { securityProfile: { ...before.securityProfile, ...next.securityProfile } }),
  }
}

function remove(world: World, call: Call): Reply {
  const { name = '', resourceGroupName = '' } = call.params
  const machine = find(world.machines, computeId(world, resourceGroupName, 'virtualMachines', name))
  if (machine === undefined) return { status: 204 }
  const deleting =
    machine.provisioningState === 'Deleting' ? world.operations.get(machine.operationId ?? '') : undefined
  if (deleting !== undefined) return { status: 202, headers: operationHeaders(world, call, deleting) }
  guestStops(world, machine, 'deleted')
  setProvisioning(world, machine, 'Deleting')
  if (machine.powerState === 'running' || machine.powerState === 'starting') machine.powerState = 'stopping'
  machine.evicting = false
  const operation = begin(world, call, {
    service: 'compute',
    resource: machine,
    delay: 'vmDelete',
    share: call.query.get('forceDeletion') === 'true' ? FORCED_SHARE : 1,
    succeed: () => {
      release(world, machine.placement)
      vanish(world, machine)
    },
    fail: why => setProvisioning(world, machine, 'Failed', why),
  })
  return { status: 202, headers: operationHeaders(world, call, operation) }
}

/** Takes the machine out of Azure, with what goes with it. */
export function vanish(world: World, machine: Machine): void {
  world.machines.delete(key(machine.id))
  releaseDisks(world, machine)
  for (const nic of interfacesOf(world, machine)) {
    const reference = machine.properties.networkProfile?.networkInterfaces?.find(one => sameId(one.id, nic.id))
    nic.machineId = undefined
    nic.revision += 1
    if (reference?.properties?.deleteOption !== 'Delete') continue
    world.networkInterfaces.delete(key(nic.id))
    for (const { publicIpId, publicIpDeleteOption } of nic.ipConfigurations) {
      if (publicIpDeleteOption === 'Delete' && publicIpId !== undefined) world.publicIps.delete(key(publicIpId))
    }
  }
}

function get(world: World, call: Call): Reply {
  const machine = machineNamed(world, call)
  const expand = (call.query.get('$expand') ?? '').toLowerCase().split(',')
  const body = renderMachine(world, machine, {
    instanceView: expand.includes('instanceview'),
    userData: expand.includes('userdata'),
  })
  return { status: 200, headers: { etag: etag(machine) }, body }
}

function list(world: World, call: Call): Reply {
  if (call.query.get('$expand') !== null && call.query.get('$filter') === null) {
    const message = '$expand is supported only together with a $filter on virtualMachineScaleSet. Use statusOnly=true.'
    throw new ArmError(400, 'InvalidParameter', message, { target: '$expand' })
  }
  const group = call.params.resourceGroupName
  const prefix = group === undefined ? '' : key(computeId(world, group, 'virtualMachines', ''))
  const machines = sorted(world.machines).filter(machine => key(machine.id).startsWith(prefix))
  const statusOnly = group === undefined && call.query.get('statusOnly')?.toLowerCase() === 'true'
  return page(
    world,
    call,
    machines.map(one => (statusOnly ? renderStatus(world, one) : renderListed(world, one))),
  )
}

const inGroup =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/virtualMachines'
const one = `${inGroup}/{name}`
const all = '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/virtualMachines'
const common = { kind: 'virtualMachines', library: 'compute' } as const

export const virtualMachineRoutes: readonly Route[] = [
  {
    ...common,
    method: 'PUT',
    path: one,
    request: 'VirtualMachine',
    reply: 'VirtualMachine',
    policy: 'PutVM',
    handle: put,
  },
  {
    ...common,
    method: 'PATCH',
    path: one,
    request: 'VirtualMachineUpdate',
    reply: 'VirtualMachine',
    policy: 'UpdateVM',
    handle: patch,
  },
  { ...common, method: 'GET', path: one, reply: 'VirtualMachine', policy: 'GetVM', handle: get },
  { ...common, method: 'DELETE', path: one, policy: 'DeleteVM', handle: remove },
  {
    method: 'GET',
    path: `${one}/instanceView`,
    kind: 'virtualMachines/instanceView',
    library: 'compute',
    reply: 'VirtualMachineInstanceView',
    policy: 'GetVM',
    handle: (world, call) => ({ status: 200, body: instanceView(world, machineNamed(world, call)) }),
  },
  {
    ...common,
    method: 'GET',
    path: inGroup,
    lists: true,
    reply: 'VirtualMachineListResult',
    policy: 'ListVM',
    handle: list,
  },
  {
    ...common,
    method: 'GET',
    path: all,
    lists: true,
    reply: 'VirtualMachineListResult',
    policy: 'ListVM',
    handle: list,
  },
]
