// Snapshots, and their copies to another region: a copy answers soon and fills up afterwards (completionPercent), or stands
// still and tells why (copyCompletionError), though its operation has ended well.
// https://learn.microsoft.com/azure/virtual-machines/disks-copy-incremental-snapshot-across-regions
// https://learn.microsoft.com/rest/api/compute/snapshots/get#copycompletionerror
import { computeId, sourceOf } from './disks.ts'
import { ArmError, missingParameter, resourceNotFound } from './errors.ts'
import { inCapitals, sameId } from './ids.ts'
import { begin, delayOf, operationHeaders } from './operations.ts'
import { checkSameLocation, locationOf } from './resource-groups.ts'
import { type Call, page, type Reply, type Route } from './routes.ts'
import { diskBody } from './shapes.ts'
import type { Snapshot, World } from './state.ts'
import { find, viewOfId } from './state.ts'

const GIB = 2 ** 30
/** How many times as long as a snapshot its copy to another region takes. */
const COPY_FACTOR = 12

export function renderSnapshot(world: World, snapshot: Snapshot) {
  const copied = snapshot.properties.creationData?.createOption === 'CopyStart'
  return {
    name: snapshot.name,
    id: snapshot.id,
    type: 'Microsoft.Compute/snapshots',
    location: snapshot.location,
    ...(snapshot.tags === undefined ? {} : { tags: snapshot.tags }),
    sku: { name: snapshot.sku, tier: 'Standard' },
    properties: {
      ...snapshot.properties,
      ...(copied ? { completionPercent: percentOf(world, snapshot), ...copyErrorOf(world, snapshot) } : {}),
      diskSizeBytes: (snapshot.properties.diskSizeGB ?? 0) * GIB,
      timeCreated: new Date(snapshot.createdAt).toISOString(),
      provisioningState: snapshot.provisioningState,
      diskState: 'Unattached',
      uniqueId: snapshot.uniqueId,
    },
  }
}

function percentOf(world: World, { createdAt, completedAt, copyFailure }: Snapshot): number {
  const end = copyFailure ?? { at: completedAt, percent: 100 }
  if (end.at <= world.now) return end.percent
  return Math.floor((end.percent * (world.now - createdAt)) / (end.at - createdAt))
}

/** Azure has this one code for it. */
function copyErrorOf(world: World, { copyFailure }: Snapshot) {
  if (copyFailure === undefined || copyFailure.at > world.now) return {}
  return { copyCompletionError: { errorCode: 'CopySourceNotFound', errorMessage: copyFailure.message } }
}

/** Copies that are still under way lose what they are made from. */
function sourceGoes(world: World, source: Snapshot): void {
  const lost = (one: Snapshot) =>
    one.completedAt > world.now &&
    one.copyFailure === undefined &&
    sameId(one.properties.creationData?.sourceResourceId, source.id)
  for (const copy of [...world.subscriptions.values()].flatMap(({ snapshots }) => snapshots.all().filter(lost))) {
    const message = `The source snapshot ${source.id} was deleted while it was copied.`
    copy.copyFailure = { at: world.now, percent: percentOf(world, copy), message }
    copy.completedAt = Number.POSITIVE_INFINITY
  }
}

function put(world: World, call: Call): Reply {
  const { name = '', resourceGroupName = '' } = call.params
  const body = diskBody.parse(call.body)
  const id = computeId(world, resourceGroupName, 'snapshots', name)
  const location = locationOf(body.location, 'Microsoft.Compute/snapshots')
  const existing = find(world.snapshots, id)
  checkSameLocation(existing, location, resourceGroupName)
  if (existing !== undefined) {
    existing.tags = body.tags
    return working(world, call, existing)
  }
  const creation = body.properties?.creationData
  if (creation === undefined) throw missingParameter('creationData')
  if (creation.sourceResourceId === undefined) throw missingParameter('sourceResourceId')
  const properties = body.properties ?? {}
  const source =
    creation.createOption === 'CopyStart'
      ? sourceOfCopy(world, creation.sourceResourceId, properties.incremental)
      : sourceOf(world, creation.sourceResourceId, location)
  const { osType, diskSizeGB, securityProfile, hyperVGeneration } = source.properties
  const copies = creation.createOption === 'CopyStart'
  const takes = copies ? delayOf(world, 'snapshot') * COPY_FACTOR : 0
  const fails = copies ? call.failCopy : undefined
  const snapshot = world.snapshots.add({
    id,
    name,
    location,
    tags: body.tags,
    revision: 0,
    provisioningState: 'Creating',
    operationId: undefined,
    createdAt: world.now,
    sku: body.sku?.name ?? 'Standard_LRS',
    properties: { osType, diskSizeGB, securityProfile, hyperVGeneration, ...properties },
    uniqueId: world.random.uuid(),
    completedAt: fails ? Number.POSITIVE_INFINITY : world.now + takes,
    copyFailure: fails && { message: fails.message, at: world.now + takes / 2, percent: 50 },
  })
  return working(world, call, snapshot)
}

function sourceOfCopy(world: World, sourceId: string, incremental: boolean | undefined): Snapshot {
  const source = find(viewOfId(world, sourceId).snapshots, sourceId)
  if (source === undefined) {
    throw new ArmError(404, 'NotFound', `Resource ${sourceId} is not found.`, { target: 'sourceResourceId' })
  }
  if (source.properties.incremental !== true || incremental !== true) {
    const message = 'CreateOption CopyStart is supported for incremental snapshots only, of an incremental snapshot.'
    throw new ArmError(400, 'InvalidParameter', message, { target: 'incremental' })
  }
  return source
}

function working(world: World, call: Call, snapshot: Snapshot): Reply {
  snapshot.provisioningState = snapshot.revision === 0 ? 'Creating' : 'Updating'
  const operation = begin(world, call, {
    service: 'disk',
    resource: snapshot,
    delay: 'snapshot',
    succeed: () => {
      snapshot.provisioningState = 'Succeeded'
    },
    fail: () => {
      snapshot.provisioningState = 'Failed'
    },
  })
  return { status: 202, headers: operationHeaders(world, call, operation), body: renderSnapshot(world, snapshot) }
}

function named(world: World, call: Call): Snapshot {
  const { name = '', resourceGroupName = '' } = call.params
  const snapshot = find(world.snapshots, computeId(world, resourceGroupName, 'snapshots', name))
  if (snapshot === undefined) throw resourceNotFound('Microsoft.Compute/snapshots', name, resourceGroupName)
  return snapshot
}

function patch(world: World, call: Call): Reply {
  const snapshot = named(world, call)
  const body = diskBody.parse(call.body)
  snapshot.tags = body.tags ?? snapshot.tags
  return working(world, call, snapshot)
}

function remove(world: World, call: Call): Reply {
  const { name = '', resourceGroupName = '' } = call.params
  const snapshot = find(world.snapshots, computeId(world, resourceGroupName, 'snapshots', name))
  if (snapshot === undefined) return { status: 204 }
  snapshot.provisioningState = 'Deleting'
  const operation = begin(world, call, {
    service: 'disk',
    resource: snapshot,
    delay: 'snapshot',
    succeed: () => {
      world.snapshots.delete(snapshot.id)
      sourceGoes(world, snapshot)
    },
    fail: () => {
      snapshot.provisioningState = 'Failed'
    },
  })
  return { status: 202, headers: operationHeaders(world, call, operation) }
}

function list(world: World, call: Call): Reply {
  const group = call.params.resourceGroupName
  const prefix = group === undefined ? '' : computeId(world, group, 'snapshots', '')
  return page(world, call, world.snapshots.under(prefix), one => ({
    ...renderSnapshot(world, one),
    id: inCapitals(one.id),
  }))
}

const inGroup =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/snapshots'
const one = `${inGroup}/{name}`
const common = { kind: 'snapshots', library: 'compute' } as const

export const snapshotRoutes: readonly Route[] = [
  { ...common, method: 'PUT', path: one, request: 'Snapshot', reply: 'Snapshot', handle: put },
  { ...common, method: 'PATCH', path: one, request: 'SnapshotUpdate', reply: 'Snapshot', handle: patch },
  {
    ...common,
    method: 'GET',
    path: one,
    reply: 'Snapshot',
    handle: (world, call) => ({ status: 200, body: renderSnapshot(world, named(world, call)) }),
  },
  { ...common, method: 'DELETE', path: one, handle: remove },
  { ...common, method: 'GET', path: inGroup, lists: true, reply: 'SnapshotList', handle: list },
  {
    ...common,
    method: 'GET',
    path: '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/snapshots',
    lists: true,
    reply: 'SnapshotList',
    handle: list,
  },
]
