// What must hold at any moment of a life, looked at while it is waited for something.
import type { Clock } from '../../lib/process/clock.ts'
import type { AzureState, AzureWorld } from '../operator/support/azure.ts'
import { patientFor } from '../until.ts'

/** Looks so often while it waits. */
const LOOK_MILLISECONDS = 120
/** A state that does not come in this time is told as what never came. */
const PATIENCE_SECONDS = 60
/** So long it is waited for what cannot come. */
const IN_VAIN_SECONDS = 5

/** Given what was just seen in Azure. */
type Is = (states: AzureState[]) => Promise<boolean>

export interface Looks {
  /** What Azure holds of each. */
  look(): Promise<AzureState[]>
  /** Until it is so; throws when it does not come. */
  until(what: string, is: Is): Promise<void>
  /** Until it is so, but no longer than these seconds of the clock's. */
  atMost(seconds: number, is: Is): Promise<void>
}

export function looks(options: {
  azure: AzureWorld
  clock: Clock
  /** Of the GpuVms, that there are or were. */
  uids: () => readonly string[]
  /** What is waited for and, by a mistake made on purpose, cannot come. */
  neverComes?: string | undefined
  /** What else must hold. */
  also?: () => Promise<void> | void
}): Looks {
  const { azure, clock, uids, neverComes, also } = options
  const kept = new Map<string, string>()

  async function look(): Promise<AzureState[]> {
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
    return states
  }

  /** I6: what is there once stays what it is. */
  function remember(id: string, identity: string, what: string): void {
    const before = kept.get(id)
    if (identity === '') return
    if (before !== undefined && before !== identity)
      throw new Error(`I6: the ${what} is another: ${before}, ${identity}`)
    kept.set(id, identity)
  }

  const patient = (seconds: number) => patientFor(seconds, { lookMilliseconds: LOOK_MILLISECONDS, clock })

  return {
    look,
    async until(what, is) {
      await patient(what === neverComes ? IN_VAIN_SECONDS : PATIENCE_SECONDS)(what, async () => await is(await look()))
    },
    async atMost(seconds, is) {
      const deadline = clock.monotonic() + seconds * 1000
      await patient(PATIENCE_SECONDS)('time goes on', async () => {
        return (await is(await look())) || clock.monotonic() > deadline
      })
    },
  }
}

function isCosting(powerState: string | null | undefined): boolean {
  return powerState === 'running' || powerState === 'starting'
}
