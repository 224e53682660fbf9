// Azure takes a spot machine back: it warns the guest, stops the machine at the hour it named, and deallocates or deletes
// it. provisioningState stays what it was throughout, since nobody asked for anything.
// https://learn.microsoft.com/azure/virtual-machines/spot-vms#eviction-policy
import { isSpot } from './capacity.ts'
import { milliseconds } from './clock.ts'
import { guestStops, guestWarned } from './guests.ts'
import { delayOf } from './operations.ts'
import { annotate } from './resource-graph.ts'
import type { Machine, World } from './state.ts'
import { schedule } from './state.ts'
import { vanish } from './virtual-machine-deletion.ts'
import { touchDisks } from './virtual-machine-disks.ts'

export function evictable(machine: Machine): boolean {
  return (
    isSpot(machine) &&
    machine.powerState === 'running' &&
    machine.preemptAt === undefined &&
    machine.provisioningState !== 'Deleting'
  )
}

/** Gives notice, and stops the machine when the notice is over, unless somebody has stopped it by then. */
export function announceEviction(world: World, machine: Machine, noticeSeconds: number): number {
  const at = world.now + milliseconds(world.clock, noticeSeconds)
  machine.preemptAt = at
  guestWarned(world, machine)
  schedule(world, at, () => takeBack(world, machine, at))
  return at
}

function takeBack(world: World, machine: Machine, at: number): void {
  if (machine.preemptAt !== at) return
  if (machine.powerState === 'starting' && machine.provisioningState !== 'Deleting') {
    // In the middle of a restart: it is taken as soon as it stands.
    schedule(world, world.now + milliseconds(world.clock, 1), () => takeBack(world, machine, at))
    return
  }
  machine.preemptAt = undefined
  if (machine.powerState === 'running' && machine.provisioningState !== 'Deleting') evict(world, machine)
}

/** The hardware is not given back to the pool: Azure needs it, which is why it takes the machine. */
function evict(world: World, machine: Machine): void {
  guestStops(world, machine, 'evicted')
  annotate(world, machine, 'VirtualMachinePreempted')
  machine.powerState = 'deallocating'
  machine.evicting = true
  machine.hostFailed = false
  machine.placement = undefined
  machine.revision += 1
  schedule(world, world.now + delayOf(world, 'evict'), () => {
    if (!machine.evicting) return
    machine.evicting = false
    machine.revision += 1
    if (machine.properties.evictionPolicy === 'Delete') {
      vanish(world, machine)
      return
    }
    machine.powerState = 'deallocated'
    touchDisks(world, machine)
  })
}
