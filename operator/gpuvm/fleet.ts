// Sees from list pages alone which machines changed. What it shows is a reason to look, never a proof: a list may be
// stale or omit a power state, and the live GET decides.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { type ObjectReference, referenceOf } from '../../lib/kube/resource.ts'
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Store } from '../../lib/kube/store.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { AzureError } from '../azure/errors.ts'
import { virtualMachineName } from '../azure/names.ts'
import type { Azure, PowerState } from '../azure/provider.ts'
import { rootUidOf } from './decision.ts'

export interface Fleet extends Runnable {
  /** Resolves when every subscription was listed once, or could not be. */
  readonly listed: Promise<void>
  /** The power state in the newest list; `undefined` when the machine or the list is missing. */
  powerState(virtualMachine: string): PowerState | undefined
}

export function fleet(options: {
  azure: Pick<Azure, 'fleet'>
  clock: Clock
  log: Logger
  /** Seconds between lists. Half of Azure's List budget at 200 machines a page: 5 serves some 2,000 machines. */
  pollSeconds: number
  /** The subscriptions in use now. */
  subscriptions: () => string[]
  machines: Pick<Store<GpuVm>, 'list' | 'size'>
  /** This machine is not as its status says. */
  onDifference: (key: ObjectReference) => void
}): Fleet {
  const { azure, clock, log, pollSeconds, machines } = options
  const lists = new Map<string, Map<string, PowerState>>()
  const failing = new Set<string>()
  /** Azure said when it will list again. */
  const notBefore = new Map<string, number>()
  let markListed: () => void
  const listed = new Promise<void>(resolve => {
    markListed = resolve
  })
  const powerState = (name: string) =>
    [...lists.values()].map(list => list.get(name)).find(state => state !== undefined)

  async function list(subscription: string, signal: AbortSignal): Promise<void> {
    if ((notBefore.get(subscription) ?? 0) > clock.monotonic()) return
    try {
      const found = await azure.fleet(subscription, signal)
      lists.set(subscription, new Map(found.map(machine => [machine.name.toLowerCase(), machine.powerState])))
      if (failing.delete(subscription)) log.info({ subscription }, 'The fleet can be listed again')
    } catch (error) {
      if (signal.aborted) return
      lists.delete(subscription) // An old list proves nothing, and must not read as "unchanged".
      if (error instanceof AzureError && error.retryAfterSeconds !== undefined)
        notBefore.set(subscription, clock.monotonic() + error.retryAfterSeconds * 1000)
      if (!failing.has(subscription)) log.warn({ subscription, error }, 'The fleet cannot be listed')
      failing.add(subscription)
    }
  }

  function compare(): void {
    for (const machine of machines.list()) {
      const uid = rootUidOf(machine)
      const { status } = machine
      if (
        uid === undefined ||
        status?.incarnation === undefined ||
        status.vmId === undefined ||
        status.operation !== undefined
      )
        continue
      const state = powerState(virtualMachineName(uid, status.incarnation.number).toLowerCase())
      if (state === 'Unknown' || state === status.powerState) continue
      if (state === undefined && failing.size > 0) continue // It may stand in the list that is missing.
      options.onDifference(referenceOf(machine))
    }
  }

  return {
    name: 'fleet',
    listed,
    powerState: name => powerState(name.toLowerCase()),
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        // With nothing of ours in the cluster there is nothing to compare: the sweeper looks for what is left over.
        if (machines.size > 0) {
          await Promise.all(options.subscriptions().map(subscription => list(subscription, stop)))
          compare()
        }
        markListed()
        await clock.sleep(pollSeconds * 1000, stop).catch(() => undefined)
      }
    },
  }
}
