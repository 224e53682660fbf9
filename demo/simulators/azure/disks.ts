// Managed disks: Unattached, Attached to a machine, or Reserved for one that is deallocated.
// https://learn.microsoft.com/rest/api/compute/disks/create-or-update and its DiskState
import { ArmError, missingParameter, resourceNotFound } from './errors.ts'
import { inCapitals, nameOf, sameId } from './ids.ts'
import { begin, operationHeaders } from './operations.ts'
import { checkSameLocation, locationOf } from './resource-groups.ts'
import { type Call, page, type Reply, type Route } from './routes.ts'
import { type DiskProperties, diskBody } from './shapes.ts'
import type { Disk, Snapshot, World } from './state.ts'
import { find, viewOfId } from './state.ts'
import { checkRedundancy, checkZone, zonesOfDisk } from './zones.ts'

const GIB = 2 ** 30

export function computeId(world: World, resourceGroup: string, type: string, name: string): string {
  const { id: subscription } = world.subscription
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/${type}/${name}`
}

function stateOf(world: World, disk: Disk): string {
  if (disk.managedBy === undefined) return 'Unattached'
  return find(world.machines, disk.managedBy)?.powerState === 'deallocated' ? 'Reserved' : 'Attached'
}

export function renderDisk(world: World, disk: Disk) {
  return {
    name: disk.name,
    id: disk.id,
    type: 'Microsoft.Compute/disks',
    location: disk.location,
    ...(disk.tags === undefined ? {} : { tags: disk.tags }),
    ...(disk.zones === undefined ? {} : { zones: disk.zones }),
    sku: { name: disk.sku, tier: disk.sku.startsWith('Premium') ? 'Premium' : 'Standard' },
    ...(disk.managedBy === undefined ? {} : { managedBy: inCapitals(disk.managedBy) }),
    properties: {
      ...disk.properties,
      diskSizeBytes: (disk.properties.diskSizeGB ?? 0) * GIB,
      timeCreated: new Date(disk.createdAt).toISOString(),
      provisioningState: disk.provisioningState,
      diskState: stateOf(world, disk),
      uniqueId: disk.uniqueId,
      ...(disk.ownershipChangedAt === undefined
        ? {}
        : { LastOwnershipUpdateTime: new Date(disk.ownershipChangedAt).toISOString() }),
    },
  }
}

interface NewDisk {
  id: string
  location: string
  zones: readonly string[] | undefined
  tags: Record<string, string> | undefined
  sku: string | undefined
  properties: DiskProperties
}

export function newDisk(world: World, what: NewDisk): Disk {
  return world.disks.add({
    id: what.id,
    name: nameOf(what.id),
    location: what.location,
    tags: what.tags,
    zones: what.zones,
    sku: what.sku ?? 'Standard_LRS',
    properties: {
      encryption: { type: 'EncryptionAtRestWithPlatformKey' },
      networkAccessPolicy: 'AllowAll',
      publicNetworkAccess: 'Enabled',
      ...what.properties,
    },
    revision: 1,
    provisioningState: 'Succeeded',
    operationId: undefined,
    createdAt: world.now,
    uniqueId: world.random.uuid(),
    managedBy: undefined,
    ownershipChangedAt: undefined,
  })
}

/** What a disk or a snapshot is made from: its size, system and security come along. Throws when the source is not to be had. */
export function sourceOf(world: World, sourceId: string, location: string): Disk | Snapshot {
  const owner = viewOfId(world, sourceId)
  const source = find(owner.disks, sourceId) ?? find(owner.snapshots, sourceId)
  if (source === undefined) {
    throw new ArmError(404, 'NotFound', `Resource ${sourceId} is not found.`, { target: 'sourceResourceId' })
  }
  if (source.location !== location) {
    const message = `Source resource ${sourceId} is in ${source.location}, which is not the location '${location}' of the request. Copy a snapshot there first, with createOption CopyStart.`
    throw new ArmError(400, 'InvalidParameter', message, { target: 'sourceResourceId' })
  }
  if ('completedAt' in source && source.completedAt > world.now) {
    const message = `Snapshot ${sourceId} is not yet complete: its completionPercent has to be 100 before it can be used.`
    throw new ArmError(409, 'OperationNotAllowed', message)
  }
  return source
}

function put(world: World, call: Call): Reply {
  const name = call.params.name ?? ''
  const group = call.params.resourceGroupName ?? ''
  const body = diskBody.parse(call.body)
  const id = computeId(world, group, 'disks', name)
  const location = locationOf(body.location, 'Microsoft.Compute/disks')
  const existing = find(world.disks, id)
  checkSameLocation(existing, location, group)
  if (existing !== undefined) return changed(world, call, existing, body)

  const creation = body.properties?.creationData
  if (creation === undefined) throw missingParameter('creationData')
  let inherited: DiskProperties = {}
  if (creation.createOption === 'Copy') {
    if (creation.sourceResourceId === undefined) throw missingParameter('sourceResourceId')
    const { osType, diskSizeGB, securityProfile, hyperVGeneration } = sourceOf(
      world,
      creation.sourceResourceId,
      location,
    ).properties
    inherited = { osType, diskSizeGB, securityProfile, hyperVGeneration }
  } else if (creation.createOption !== 'Empty' && creation.createOption !== 'FromImage') {
    throw new ArmError(
      400,
      'NotSupported',
      `The simulator makes disks with createOption Empty, Copy or FromImage, not ${creation.createOption}.`,
    )
  }
  const properties = { ...inherited, ...body.properties }
  const diskSizeGB = properties.diskSizeGB ?? (creation.createOption === 'FromImage' ? 127 : undefined)
  if (diskSizeGB === undefined) throw missingParameter('diskSizeGB')
  if (inherited.diskSizeGB !== undefined && diskSizeGB < inherited.diskSizeGB) throw shrinks(name, inherited.diskSizeGB)
  checkZone(body.zones, location, `Microsoft.Compute/disks/${name}`)
  checkRedundancy(body.sku?.name, body.zones)
  const disk = newDisk(world, {
    id,
    location,
    zones: zonesOfDisk(body.sku?.name, body.zones, location),
    tags: body.tags,
    sku: body.sku?.name,
    properties: { ...properties, diskSizeGB },
  })
  return working(world, call, disk)
}

function shrinks(name: string, sizeGB: number): ArmError {
  const message = `The size of disk ${name} cannot be less than what it holds now, ${sizeGB} GB.`
  return new ArmError(400, 'ResizeDiskError', message, { target: 'diskSizeGB' })
}

function changed(world: World, call: Call, disk: Disk, body: ReturnType<typeof diskBody.parse>): Reply {
  const machine = find(world.machines, disk.managedBy)
  const { creationData, diskSizeGB, ...rest } = body.properties ?? {}
  if (creationData !== undefined && creationData.createOption !== disk.properties.creationData?.createOption) {
    throw new ArmError(
      409,
      'PropertyChangeNotAllowed',
      "Changing property 'creationData.createOption' is not allowed.",
      { target: 'creationData.createOption' },
    )
  }
  const before = disk.properties.diskSizeGB ?? 0
  if (diskSizeGB !== undefined && diskSizeGB < before) throw shrinks(disk.name, before)
  const isOsDisk = sameId(machine?.properties.storageProfile?.osDisk?.managedDisk?.id, disk.id)
  if (diskSizeGB !== undefined && diskSizeGB > before && isOsDisk && machine?.powerState !== 'deallocated') {
    const message = `Cannot resize disk ${disk.name} while it is attached to running VM ${machine?.id}. Resizing a disk of an Azure Virtual Machine requires the virtual machine to be deallocated. Please stop your VM and retry the operation.`
    throw new ArmError(409, 'OperationNotAllowed', message)
  }
  if (
    body.sku?.name !== undefined &&
    body.sku.name !== disk.sku &&
    machine !== undefined &&
    machine.powerState !== 'deallocated'
  ) {
    const message = `Cannot change the sku of disk ${disk.name} while it is attached to running VM ${machine.id}.`
    throw new ArmError(409, 'OperationNotAllowed', message)
  }
  const { sku, tags, properties } = disk
  disk.sku = body.sku?.name ?? disk.sku
  disk.tags = call.method === 'PUT' ? body.tags : (body.tags ?? disk.tags)
  disk.properties = { ...disk.properties, ...rest, diskSizeGB: diskSizeGB ?? before }
  return working(world, call, disk, () => Object.assign(disk, { sku, tags, properties }))
}

/** `undo`: what a change that fails in the end leaves as it was. */
function working(world: World, call: Call, disk: Disk, undo: () => void = () => undefined): Reply {
  disk.provisioningState = 'Updating'
  const operation = begin(world, call, {
    service: 'disk',
    resource: disk,
    delay: 'disk',
    succeed: () => {
      disk.provisioningState = 'Succeeded'
    },
    fail: () => {
      disk.provisioningState = 'Failed'
      undo()
    },
  })
  return { status: 202, headers: operationHeaders(world, call, operation), body: renderDisk(world, disk) }
}

function named(world: World, call: Call): Disk {
  const { name = '', resourceGroupName = '' } = call.params
  const disk = find(world.disks, computeId(world, resourceGroupName, 'disks', name))
  if (disk === undefined) throw resourceNotFound('Microsoft.Compute/disks', name, resourceGroupName)
  return disk
}

function remove(world: World, call: Call): Reply {
  const { name = '', resourceGroupName = '' } = call.params
  const disk = find(world.disks, computeId(world, resourceGroupName, 'disks', name))
  if (disk === undefined) return { status: 204 }
  if (disk.managedBy !== undefined) {
    throw new ArmError(409, 'OperationNotAllowed', `Disk ${disk.name} is attached to VM ${disk.managedBy}.`)
  }
  disk.provisioningState = 'Deleting'
  const operation = begin(world, call, {
    service: 'disk',
    resource: disk,
    delay: 'disk',
    succeed: () => world.disks.delete(disk.id),
    fail: () => {
      disk.provisioningState = 'Failed'
    },
  })
  return { status: 202, headers: operationHeaders(world, call, operation) }
}

function list(world: World, call: Call): Reply {
  const group = call.params.resourceGroupName
  const prefix = group === undefined ? '' : computeId(world, group, 'disks', '')
  return page(world, call, world.disks.under(prefix), disk => ({
    ...renderDisk(world, disk),
    id: inCapitals(disk.id),
  }))
}

const inGroup = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/disks'
const one = `${inGroup}/{name}`
const common = { kind: 'disks', library: 'compute' } as const

export const disksRoutes: readonly Route[] = [
  { ...common, method: 'PUT', path: one, request: 'Disk', reply: 'Disk', handle: put },
  {
    ...common,
    method: 'PATCH',
    path: one,
    request: 'DiskUpdate',
    reply: 'Disk',
    handle: (world, call) => changed(world, call, named(world, call), diskBody.parse(call.body)),
  },
  {
    ...common,
    method: 'GET',
    path: one,
    reply: 'Disk',
    handle: (world, call) => ({ status: 200, body: renderDisk(world, named(world, call)) }),
  },
  { ...common, method: 'DELETE', path: one, handle: remove },
  { ...common, method: 'GET', path: inGroup, lists: true, reply: 'DiskList', handle: list },
  {
    ...common,
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/disks',
    lists: true,
    reply: 'DiskList',
    handle: list,
  },
]
