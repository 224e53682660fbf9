// How Azure shows a machine: the resource, and the instance view with what the hypervisor knows.
// https://learn.microsoft.com/azure/virtual-machines/states-billing
import { inCapitals, key, sameId } from './ids.ts'
import type { Disk, Machine, PowerState, World } from './state.ts'
import { etag } from './state.ts'

const TYPE = 'Microsoft.Compute/virtualMachines'

interface Expand {
  instanceView?: boolean
  userData?: boolean
}

export function renderMachine(world: World, machine: Machine, expand: Expand = {}) {
  const { userData, ...properties } = machine.properties
  return {
    name: machine.name,
    id: machine.id,
    type: TYPE,
    location: machine.location,
    ...(machine.tags === undefined ? {} : { tags: machine.tags }),
    ...(machine.zones === undefined ? {} : { zones: machine.zones }),
    etag: etag(machine),
    properties: {
      ...properties,
      provisioningState: machine.provisioningState,
      vmId: machine.vmId,
      timeCreated: new Date(machine.createdAt).toISOString(),
      ...(expand.userData === true && userData !== undefined ? { userData } : {}),
      ...(expand.instanceView === true ? { instanceView: instanceView(world, machine) } : {}),
    },
  }
}

/** The lists' form: the resource group in capitals. */
export function renderListed(world: World, machine: Machine) {
  return { ...renderMachine(world, machine), id: inCapitals(machine.id) }
}

/** What a list with `statusOnly=true` says: no tags, no profiles, and now and then no power state. */
export function renderStatus(world: World, machine: Machine) {
  const omits = world.requestIds.share() < world.settings.omitPowerState
  const { statuses } = instanceView(world, machine)
  return {
    name: machine.name,
    id: inCapitals(machine.id),
    type: TYPE,
    location: machine.location,
    properties: {
      provisioningState: machine.provisioningState,
      vmId: machine.vmId,
      instanceView: { statuses: omits ? statuses.filter(({ code }) => !code.startsWith('PowerState/')) : statuses },
    },
  }
}

export function instanceView(world: World, machine: Machine) {
  const runs = machine.powerState === 'running'
  const { osProfile, storageProfile } = machine.properties
  return {
    ...(runs
      ? {
          computerName: osProfile?.computerName ?? machine.name,
          osName: storageProfile?.osDisk?.osType === 'Windows' ? 'Windows 11 Pro' : 'ubuntu',
          hyperVGeneration: 'V2',
          vmAgent: {
            vmAgentVersion: isSilent(machine) ? 'Unknown' : '2.7.41491.1150',
            statuses: [agentStatus(machine, new Date(world.now).toISOString())],
          },
        }
      : {}),
    disks: disksOf(world, machine).map(disk => ({
      name: disk.name,
      statuses: [
        {
          code: 'ProvisioningState/succeeded',
          level: 'Info',
          displayStatus: 'Provisioning succeeded',
          time: new Date(disk.ownershipChangedAt ?? disk.createdAt).toISOString(),
        },
      ],
    })),
    statuses: [provisioningStatus(machine), ...powerStatus(machine)],
  }
}

const isSilent = ({ hostFailed, isAgentSilent }: Machine) => hostFailed || isAgentSilent

/** Azure goes on to call a machine running whose host is broken; only the agent inside falls silent. */
function agentStatus(machine: Machine, time: string) {
  const code = 'ProvisioningState'
  if (isSilent(machine)) {
    const message = 'VM status blob is found but not yet populated.'
    return { code: `${code}/Unavailable`, level: 'Warning', displayStatus: 'Not Ready', message, time }
  }
  const message = 'GuestAgent is running and processing the extensions.'
  return { code: `${code}/succeeded`, level: 'Info', displayStatus: 'Ready', message, time }
}

/** The machine's disks, the system's first. */
export function disksOf(world: World, machine: Machine): readonly Disk[] {
  const osDiskId = machine.properties.storageProfile?.osDisk?.managedDisk?.id
  const order = (disk: Disk) => (sameId(disk.id, osDiskId) ? '' : key(disk.id))
  return world.disks.by('holder', machine.id).toSorted((one, other) => (order(one) < order(other) ? -1 : 1))
}

function provisioningStatus(machine: Machine) {
  const time = new Date(machine.provisionedAt).toISOString()
  const state = machine.provisioningState
  if (state === 'Failed' && machine.failure !== undefined) {
    return {
      code: `ProvisioningState/failed/${machine.failure.code}`,
      level: 'Error',
      displayStatus: 'Provisioning failed',
      message: machine.failure.message,
      time,
    }
  }
  const display = state === 'Succeeded' ? 'Provisioning succeeded' : state
  return { code: `ProvisioningState/${state.toLowerCase()}`, level: 'Info', displayStatus: display, time }
}

const displayed: Record<PowerState, string> = {
  starting: 'VM starting',
  running: 'VM running',
  stopping: 'VM stopping',
  stopped: 'VM stopped',
  deallocating: 'VM deallocating',
  deallocated: 'VM deallocated',
}

/** Without a time: Azure gives none here. */
function powerStatus({ powerState }: Machine) {
  if (powerState === undefined) return []
  return [{ code: `PowerState/${powerState}`, level: 'Info', displayStatus: displayed[powerState] }]
}
