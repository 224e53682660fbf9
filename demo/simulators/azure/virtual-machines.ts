// Virtual machines as resources: made, changed, shown, deleted.
//
// PUT accepts (201, provisioningState Creating) and holds NICs and disks from then on. The operation ends in Succeeded and
// running, or in Failed: then the machine stays, holding disks and NICs, until somebody deletes it or PUTs it again, and
// the NICs are kept for its name for a while. A deletion overtakes whatever is under way; its end lets NICs and disks go or
// deletes them, as the deleteOption of each says.
import { computeId } from './disks.ts'
import { ArmError, preconditionFailed } from './errors.ts'
import { MACHINE_TYPE, machineNamed } from './machine-state.ts'
import { checkSameLocation, locationOf } from './resource-groups.ts'
import { type Call, page, type Reply, type Route } from './routes.ts'
import { machineBody } from './shapes.ts'
import type { Machine, World } from './state.ts'
import { etag, find } from './state.ts'
import { change } from './virtual-machine-changes.ts'
import { create } from './virtual-machine-creation.ts'
import { remove } from './virtual-machine-deletion.ts'
import { instanceView, renderListed, renderMachine, renderStatus } from './virtual-machine-view.ts'

function put(world: World, call: Call): Reply {
  const { name = '', resourceGroupName = '' } = call.params
  const id = computeId(world, resourceGroupName, 'virtualMachines', name)
  const existing = find(world.machines, id)
  checkPreconditions(call, existing)
  const body = machineBody.parse(call.body)
  const location = locationOf(body.location, MACHINE_TYPE)
  checkSameLocation(existing, location, resourceGroupName)
  if (existing === undefined) return create(world, call, { id, name, location, body })
  return change(world, call, existing, { body, tags: body.tags })
}

function checkPreconditions(call: Call, existing: Machine | undefined): void {
  const ifNoneMatch = call.header('if-none-match')
  const ifMatch = call.header('if-match')
  const fits = (value: string) => existing !== undefined && (value === '*' || value === etag(existing))
  if (ifNoneMatch !== undefined && fits(ifNoneMatch)) throw preconditionFailed('If-None-Match', ifNoneMatch)
  if (ifMatch !== undefined && !fits(ifMatch)) throw preconditionFailed('If-Match', ifMatch)
}

function patch(world: World, call: Call): Reply {
  const machine = machineNamed(world, call)
  checkPreconditions(call, machine)
  const body = machineBody.parse(call.body)
  return change(world, call, machine, { body, tags: body.tags ?? machine.tags })
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
  const prefix = group === undefined ? '' : computeId(world, group, 'virtualMachines', '')
  const statusOnly = group === undefined && call.query.get('statusOnly')?.toLowerCase() === 'true'
  return page(world, call, world.machines.under(prefix), one =>
    statusOnly ? renderStatus(world, one) : renderListed(world, one),
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
