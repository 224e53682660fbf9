// A machine that is there is changed: tags, size, data disks, what its deletion takes along.
import { checkCoreQuota, place, priorityOf, release } from './capacity.ts'
import { ArmError, concurrentRequest, type Failure } from './errors.ts'
import { guestBoots, guestStops } from './guests.ts'
import { completed, merged, withoutSecrets } from './machine-profile.ts'
import { checkIdle, setProvisioning } from './machine-state.ts'
import { begin, operationHeaders } from './operations.ts'
import type { Call, Reply } from './routes.ts'
import type { MachineBody } from './shapes.ts'
import { sizeNamed, sizes } from './sizes.ts'
import type { Machine, World } from './state.ts'
import { checkChange, checkPriority, checkSize, checkUserData } from './virtual-machine-checks.ts'
import { provisionAgain } from './virtual-machine-creation.ts'
import { planDataDisks } from './virtual-machine-disks.ts'
import { renderMachine } from './virtual-machine-view.ts'

/** How much shorter a change of tags is than one of hardware. */
const TAGS_SHARE = 0.2

interface Change {
  body: MachineBody
  /** As they will be. */
  tags: Record<string, string> | undefined
}

/** PUT and PATCH of a machine that is there: what the body leaves out stays. */
export function change(world: World, call: Call, machine: Machine, { body, tags }: Change): Reply {
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
    tags,
    properties,
  }
  const dataDisks = planDataDisks(world, wish, machine)
  const resized = size !== undefined && size.name !== machine.properties.hardwareProfile?.vmSize
  const neverPlaced = machine.provisioningState === 'Failed' && machine.powerState === undefined
  if (neverPlaced && call.method === 'PUT') return provisionAgain(world, call, machine, { properties, tags })
  const failure = resized ? resize(world, machine, size.name) : undefined

  const { properties: before, tags: tagsBefore, failure: oldFailure } = machine
  const osDisk = properties.storageProfile?.osDisk
  machine.properties = completed(properties, { osDisk, dataDisks: dataDisks.apply() })
  world.machines.changed(machine)
  machine.tags = tags
  const restarts = resized && machine.powerState === 'running'
  if (restarts) {
    guestStops(world, machine, 'resized')
    machine.hostFailed = false
    machine.powerState = 'starting'
  }
  const runsAgain = () => {
    if (!restarts) return
    machine.powerState = 'running'
    guestBoots(world, machine, 'restarted')
  }
  setProvisioning(world, machine, 'Updating')
  const operation = begin(world, call, {
    service: 'compute',
    resource: machine,
    delay: restarts ? 'vmRestart' : 'vmUpdate',
    share: body.properties === undefined ? TAGS_SHARE : 1,
    failure,
    succeed: () => {
      // New tags do not make a machine out of one that could not be placed.
      if (neverPlaced) setProvisioning(world, machine, 'Failed', oldFailure)
      else setProvisioning(world, machine, 'Succeeded')
      runsAgain()
    },
    fail: why => {
      setProvisioning(world, machine, 'Failed', why)
      machine.tags = tagsBefore
      if (resized) machine.properties = { ...machine.properties, hardwareProfile: before.hardwareProfile }
      world.machines.changed(machine)
      runsAgain()
    },
  })
  return { status: 200, headers: operationHeaders(world, call, operation), body: renderMachine(world, machine) }
}

/** Moves the machine's hardware to another size: at once on paper when deallocated, within the same family otherwise. */
function resize(world: World, machine: Machine, size: string): Failure | undefined {
  const priority = priorityOf(machine)
  const placement = { region: machine.location, zone: machine.zones?.[0], size, priority }
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
  const failure = place(world, placement)
  if (failure !== undefined) return failure
  release(world, machine.placement)
  machine.placement = placement
  return undefined
}
