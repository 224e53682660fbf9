// What must hold at any moment of a life, looked at while it is waited for something.
import { setTimeout as delay } from 'node:timers/promises'
import type { AzureWorld } from '../operator/support/azure.ts'

/** Looks so often while it waits. */
const LOOK_MILLISECONDS = 50
/** A state that does not come in this time is told as what is still pending. */
export const PATIENCE_SECONDS = 60

export interface Looks {
  look(): Promise<void>
  /** Until it is so; `false` when it does not come within as many seconds as are named. Throws when none are. */
  until(what: string, is: () => Promise<boolean>, withinSeconds?: number): Promise<boolean>
}

export function looks(options: {
  azure: AzureWorld
  /** Of the GpuVms, that there are or were. */
  uids: () => readonly string[]
  patienceSeconds?: number
  /** What else must hold. */
  also?: () => Promise<void> | void
}): Looks {
  const { azure, uids, patienceSeconds = PATIENCE_SECONDS, also } = options
  const kept = new Map<string, string>()

  async function look(): Promise<void> {
    const states = await Promise.all(uids().map(async uid => await azure.of(uid)))
    const running = states.flatMap(({ virtualMachines }) =>
      virtualMachines.filter(({ simulator }) => isCosting(simulator.powerState)),
    )
    if (running.length > 1) throw new Error(`I1: two machines run: ${running.map(({ name }) => name).join(', ')}`)
    for (const { disks, publicIPAddresses } of states) {
      for (const { id, properties } of disks) remember(id, properties.uniqueId ?? '', 'disk')
      for (const { id, properties } of publicIPAddresses) remember(id, properties.ipAddress ?? '', 'address')
    }
    await also?.()
  }

  /** I6: what is there once stays what it is. */
  function remember(id: string, identity: string, what: string): void {
    const before = kept.get(id)
    if (identity === '') return
    if (before !== undefined && before !== identity)
      throw new Error(`I6: the ${what} is another: ${before}, ${identity}`)
    kept.set(id, identity)
  }

  return {
    look,
    async until(what, is, withinSeconds) {
      const seconds = withinSeconds ?? patienceSeconds
      for (const deadline = Date.now() + seconds * 1000; ; await delay(LOOK_MILLISECONDS)) {
        await look()
        if (await is()) return true
        if (Date.now() <= deadline) continue
        if (withinSeconds !== undefined) return false
        throw new Error(`Still pending after ${seconds} s: ${what}`)
      }
    },
  }
}

function isCosting(powerState: string | null | undefined): boolean {
  return powerState === 'running' || powerState === 'starting'
}
