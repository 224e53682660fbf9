// A machine is made: everything is checked first, then quota and hardware, then it holds its disks and NICs.
import { checkCoreQuota, place, priorityOf, release } from './capacity.ts'
import { milliseconds } from './clock.ts'
import { type Failure, missingParameter } from './errors.ts'
import { guestBoots } from './guests.ts'
import { completed, withoutSecrets } from './machine-profile.ts'
import { interfacesOf, setProvisioning } from './machine-state.ts'
import { begin, operationHeaders } from './operations.ts'
import type { Call, Reply } from './routes.ts'
import type { MachineBody } from './shapes.ts'
import type { Machine, NetworkInterface, Placement, World } from './state.ts'
import { checkInterfaces, checkMaxPrice, checkPriority, checkSize, checkUserData } from './virtual-machine-checks.ts'
import { type DiskWish, planDataDisks, planOsDisk } from './virtual-machine-disks.ts'
import { renderMachine } from './virtual-machine-view.ts'
import { checkAddressesFit, checkZone } from './zones.ts'

interface Wanted {
  id: string
  name: string
  location: string
  body: MachineBody
}

export function create(world: World, call: Call, { id, name, location, body }: Wanted): Reply {
  const properties = body.properties
  if (properties === undefined) throw missingParameter('properties')
  const size = checkSize(properties.hardwareProfile?.vmSize)
  checkZone(body.zones, location, `Microsoft.Compute/virtualMachines/${name}`)
  checkPriority(properties)
  checkUserData(properties.userData)
  const nics = checkInterfaces(world, { properties, machineId: id, location })
  checkAddressesFit(world, nics, { machineId: id, zones: body.zones })
  const wish: DiskWish = { machineId: id, machineName: name, location, zones: body.zones, tags: body.tags, properties }
  const osDisk = planOsDisk(world, wish)
  const dataDisks = planDataDisks(world, wish)
  checkMaxPrice(world, properties, location, 'Create')
  const zone = body.zones?.[0]
  const placement = { region: location, zone, size: size.name, priority: priorityOf({ properties }) }
  const failure = admit(world, { machineId: id, nics, placement })

  const machine = world.machines.add({
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
    hostFailed: false,
    isAgentSilent: false,
    guestRunning: false,
    placement: failure === undefined ? placement : undefined,
  })
  machine.properties = completed(machine.properties, { osDisk: osDisk.apply(), dataDisks: dataDisks.apply() })
  for (const nic of nics) {
    nic.machineId = id
    world.networkInterfaces.changed(nic)
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
    instead?: Machine
  },
): Failure | undefined {
  try {
    checkCoreQuota(world, wanted.placement, wanted.instead)
    return place(world, wanted.placement)
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

/** A PUT on a machine whose creation failed tries it again, on the disks and NICs that it holds. */
export function provisionAgain(
  world: World,
  call: Call,
  machine: Machine,
  { properties, tags }: Pick<Machine, 'properties' | 'tags'>,
): Reply {
  const nics = interfacesOf(world, machine)
  const size = properties.hardwareProfile?.vmSize ?? ''
  const placement = { region: machine.location, zone: machine.zones?.[0], size, priority: priorityOf({ properties }) }
  const failure = admit(world, { machineId: machine.id, nics, placement, instead: machine })
  machine.properties = properties
  world.machines.changed(machine)
  machine.tags = tags
  machine.placement = failure === undefined ? placement : undefined
  return { ...provision(world, call, machine, failure), status: 200 }
}
