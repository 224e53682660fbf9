// What is done to a machine's power. Stopped keeps the hardware (and is billed); deallocated gives it back, and a start
// from there needs hardware anew, which may not be there.
// https://learn.microsoft.com/azure/virtual-machines/states-billing
import { place, priorityOf, release } from './capacity.ts'
import { ArmError, concurrentRequest, type Failure } from './errors.ts'
import { announceEviction, evictable } from './evictions.ts'
import { guestBoots, guestStops } from './guests.ts'
import { checkIdle, machineNamed, setProvisioning } from './machine-state.ts'
import { begin, type DelayKind, operationHeaders } from './operations.ts'
import { annotate } from './resource-graph.ts'
import type { Call, Reply, Route } from './routes.ts'
import type { Machine, PowerState, World } from './state.ts'
import { checkMaxPrice } from './virtual-machine-checks.ts'
import { touchDisks } from './virtual-machine-disks.ts'

/** What an action that has nothing to do takes of its usual time. */
const NOTHING_TO_DO = 0.05

interface Action {
  delay: DelayKind
  share?: number
  failure?: Failure | undefined
  succeed: () => void
  fail?: () => void
}

function act(world: World, call: Call, machine: Machine, action: Action): Reply {
  setProvisioning(world, machine, 'Updating')
  const operation = begin(world, call, {
    service: 'compute',
    resource: machine,
    delay: action.delay,
    share: action.share ?? 1,
    failure: action.failure,
    succeed: () => {
      action.succeed()
      setProvisioning(world, machine, 'Succeeded')
    },
    fail: why => {
      action.fail?.()
      setProvisioning(world, machine, 'Failed', why)
    },
  })
  return { status: 202, headers: operationHeaders(world, call, operation) }
}

/** The machine, if it was ever placed and nobody is at work on it. */
function idle(world: World, call: Call): Machine {
  const machine = machineNamed(world, call)
  checkIdle(machine)
  checkMade(machine)
  return machine
}

function checkMade(machine: Machine): void {
  if (machine.powerState !== undefined) return
  throw notAllowed(`Virtual machine ${machine.name} was never provisioned. Delete it, or create it again with a PUT.`)
}

function notAllowed(message: string): ArmError {
  return new ArmError(409, 'OperationNotAllowed', message)
}

function start(world: World, call: Call): Reply {
  const machine = idle(world, call)
  if (machine.powerState === 'running') {
    return act(world, call, machine, { delay: 'vmStart', share: NOTHING_TO_DO, succeed: () => undefined })
  }
  const before = machine.powerState
  const failure = machine.placement === undefined ? allocate(world, machine) : undefined
  machine.powerState = 'starting'
  return act(world, call, machine, {
    delay: 'vmStart',
    failure,
    succeed: () => {
      machine.powerState = 'running'
      touchDisks(world, machine)
      // Stopped keeps its host, broken or not.
      if (!machine.hostFailed) guestBoots(world, machine, 'started')
    },
    fail: () => {
      machine.powerState = before
      if (before !== 'deallocated') return
      release(world, machine.placement)
      machine.placement = undefined
    },
  })
}

function allocate(world: World, machine: Machine): Failure | undefined {
  checkMaxPrice(world, machine.properties, machine.location, 'Start')
  const size = machine.properties.hardwareProfile?.vmSize ?? ''
  const placement = { region: machine.location, zone: machine.zones?.[0], size, priority: priorityOf(machine) }
  const failure = place(world, placement)
  machine.placement = failure === undefined ? placement : undefined
  return failure
}

/** Overtakes a start or a stop that is under way, and Azure's own eviction; not a creation. */
function deallocate(world: World, call: Call): Reply {
  const machine = machineNamed(world, call)
  if (machine.provisioningState === 'Deleting' || machine.provisioningState === 'Creating') throw concurrentRequest()
  checkMade(machine)
  if (machine.powerState === 'deallocated') {
    return act(world, call, machine, { delay: 'vmDeallocate', share: NOTHING_TO_DO, succeed: () => undefined })
  }
  machine.hostFailed = false
  guestStops(world, machine, 'deallocated')
  annotate(world, machine, 'VirtualMachineDeallocationInitiated')
  const before = machine.powerState
  machine.powerState = 'deallocating'
  machine.evicting = false
  machine.preemptAt = undefined
  return act(world, call, machine, {
    delay: 'vmDeallocate',
    succeed: () => {
      machine.powerState = 'deallocated'
      release(world, machine.placement)
      machine.placement = undefined
      touchDisks(world, machine)
    },
    fail: () => standsAgain(world, machine, before),
  })
}

function powerOff(world: World, call: Call): Reply {
  const machine = idle(world, call)
  if (machine.powerState === 'stopped' || machine.powerState === 'deallocated') {
    return act(world, call, machine, { delay: 'vmPowerOff', share: NOTHING_TO_DO, succeed: () => undefined })
  }
  guestStops(world, machine, 'poweredOff')
  const before = machine.powerState
  machine.powerState = 'stopping'
  return act(world, call, machine, {
    delay: 'vmPowerOff',
    succeed: () => {
      machine.powerState = 'stopped'
    },
    fail: () => standsAgain(world, machine, before),
  })
}

/** After a stop that failed, the machine is what it was. */
function standsAgain(world: World, machine: Machine, before: PowerState | undefined): void {
  machine.powerState = before
  if (before === 'running' && !machine.hostFailed) guestBoots(world, machine, 'restarted')
}

function reboot(delay: DelayKind, reason: 'restarted' | 'redeployed') {
  return (world: World, call: Call): Reply => {
    const machine = idle(world, call)
    if (machine.powerState !== 'running') {
      throw notAllowed(`Operation is not allowed since the virtual machine ${machine.name} is not running.`)
    }
    guestStops(world, machine, reason)
    machine.powerState = 'starting'
    const runs = () => {
      machine.powerState = 'running'
      // A restart stays on the broken host; only a redeploy moves.
      if (reason === 'redeployed') machine.hostFailed = false
      if (!machine.hostFailed) guestBoots(world, machine, reason)
    }
    return act(world, call, machine, { delay, succeed: runs, fail: runs })
  }
}

/** The host breaks under a machine. Azure's own states do not show it, and only what is on the machine falls silent. */
export function failHost(world: World, machine: Machine): void {
  machine.hostFailed = true
  guestStops(world, machine, 'hostFailed')
  annotate(world, machine, 'VirtualMachineHostRebootedForRepair')
}

function simulateEviction(world: World, call: Call): Reply {
  const machine = machineNamed(world, call)
  if (priorityOf(machine) !== 'Spot')
    throw notAllowed('Simulate eviction is supported for Azure Spot Virtual Machines only.')
  if (!evictable(machine))
    throw notAllowed(`Virtual machine ${machine.name} is not running, or is being evicted already.`)
  announceEviction(world, machine, world.settings.preemptNoticeSeconds)
  return { status: 204 }
}

function action(name: string, policy: Route['policy'] & string, handle: Route['handle']): Route {
  const path = `/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/virtualMachines/{name}/${name}`
  return { method: 'POST', path, kind: `virtualMachines/${name}`, policy, handle }
}

export const virtualMachineActionRoutes: readonly Route[] = [
  action('start', 'UpdateVM', start),
  action('deallocate', 'DeleteVM', deallocate),
  action('powerOff', 'UpdateVM', powerOff),
  action('restart', 'UpdateVM', reboot('vmRestart', 'restarted')),
  action('redeploy', 'UpdateVM', reboot('vmRedeploy', 'redeployed')),
  action('simulateEviction', 'DeleteVM', simulateEviction),
]
