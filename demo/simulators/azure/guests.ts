// What becomes of the machines themselves, for whoever plays them: they boot, are warned, and stop.
import { resourceGroupOf } from './ids.ts'
import type { Machine, NetworkInterface, World } from './state.ts'
import { find } from './state.ts'

/** Events kept; a reader further behind has to start anew from the state. */
const LIMIT = 50_000

export interface GuestEvent {
  seq: number
  time: string
  vmName: string
  resourceGroup: string
  region: string
  vmId: string
  publicIP?: string
  privateIP?: string
  state: 'running' | 'stopped'
  preemptAt?: string
  reason: string
  tags: Record<string, string>
  osDiskId?: string
  osDiskUniqueId?: string
  computerName?: string
  userData?: string
  customData?: string
}

export interface GuestFeed {
  events: GuestEvent[]
  next: number
}

/** Tells that a machine boots. */
export function guestBoots(world: World, machine: Machine, reason: string): void {
  machine.guestRunning = true
  machine.isAgentSilent = false
  tell(world, machine, 'running', reason)
}

/** Tells a running machine's end; nothing when it was not running. */
export function guestStops(world: World, machine: Machine, reason: string): void {
  if (!machine.guestRunning) return
  machine.guestRunning = false
  tell(world, machine, 'stopped', reason)
}

/** The Preempt notice, as scheduled events would tell it inside the machine. */
export function guestWarned(world: World, machine: Machine): void {
  if (machine.guestRunning) tell(world, machine, 'running', 'preempt')
}

export function eventsSince(world: World, since: number): readonly GuestEvent[] {
  const [oldest] = world.guests.events
  return oldest === undefined ? [] : world.guests.events.slice(Math.max(0, since - oldest.seq))
}

function tell(world: World, machine: Machine, state: GuestEvent['state'], reason: string): void {
  const { osProfile, storageProfile, userData } = machine.properties
  const [nic] = world.networkInterfaces.by('machine', machine.id)
  const publicIP = addressOf(world, nic)
  const privateIP = nic?.ipConfigurations[0]?.privateIPAddress
  const osDiskId = storageProfile?.osDisk?.managedDisk?.id
  const osDisk = find(world.disks, osDiskId)
  world.guests.events.push({
    seq: world.guests.next,
    time: new Date(world.now).toISOString(),
    vmName: machine.name,
    resourceGroup: resourceGroupOf(machine.id),
    region: machine.location,
    vmId: machine.vmId,
    ...(publicIP === undefined ? {} : { publicIP }),
    ...(privateIP === undefined ? {} : { privateIP }),
    state,
    ...(machine.preemptAt === undefined ? {} : { preemptAt: new Date(machine.preemptAt).toISOString() }),
    reason,
    tags: machine.tags ?? {},
    ...(osDiskId === undefined ? {} : { osDiskId }),
    ...(osDisk === undefined ? {} : { osDiskUniqueId: osDisk.uniqueId }),
    ...(osProfile?.computerName === undefined ? {} : { computerName: osProfile.computerName }),
    ...(userData === undefined ? {} : { userData }),
    ...(machine.customData === undefined ? {} : { customData: machine.customData }),
  })
  world.guests.next += 1
  if (world.guests.events.length > LIMIT) world.guests.events.splice(0, world.guests.events.length - LIMIT)
}

function addressOf(world: World, nic: NetworkInterface | undefined): string | undefined {
  const configuration = nic?.ipConfigurations.find(one => one.publicIpId !== undefined)
  return find(world.publicIps, configuration?.publicIpId)?.ipAddress
}
