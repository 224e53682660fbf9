// Sees from list pages alone which machines changed. What it shows is a reason to look, never a proof: a list may be
// stale or omit a power state, and the live GET decides.
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
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
  /** Whether the newest list shows already what the machine's operation is to bring about. */
  isEndInSight(machine: GpuVm): boolean
  /** Machines for which Azure is at work, be it by an operation of ours or an eviction, at the last comparison. */
  readonly operations: number
}

/** Machines on a page of Azure's list. */
const PAGE = 200
/** With the sweeper's pages (sweeper/pace.ts) and the quotas' somewhat less than half of the List budget of 300 a minute. */
const PAGES_PER_MINUTE = 90

export function fleet(options: {
  azure: Pick<Azure, 'fleet'>
  clock: Clock
  log: Logger
  /** Seconds between lists, for as long as our part of Azure's List budget bears that: 5 does up to some 1,500 machines. */
  pollSeconds: number
  /** How many times faster than in earnest Azure's time runs. 1 against the real Azure. */
  speed?: number
  /** The subscriptions in use now. */
  subscriptions: () => string[]
  machines: Pick<Store<GpuVm>, 'list' | 'size'>
  /** This machine is not as its status says. */
  onDifference: (key: ObjectReference) => void
}): Fleet {
  const { azure, clock, log, pollSeconds, machines, speed = 1 } = options
  let operations = 0
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
      if (failing.delete(subscription.toLowerCase())) log.info({ subscription }, 'The fleet can be listed again')
    } catch (error) {
      if (signal.aborted) return
      lists.delete(subscription) // An old list proves nothing, and must not read as "unchanged".
      if (error instanceof AzureError && error.retryAfterSeconds !== undefined)
        notBefore.set(subscription, clock.monotonic() + error.retryAfterSeconds * 1000)
      if (!failing.has(subscription.toLowerCase())) log.warn({ subscription, error }, 'The fleet cannot be listed')
      failing.add(subscription.toLowerCase())
    }
  }

  /** By the largest subscription: each has a budget of its own. */
  function secondsBetween(): number {
    const pages = [...lists.values()].map(list => Math.max(1, Math.ceil(list.size / PAGE)))
    return Math.max(pollSeconds, (Math.max(1, ...pages) * 60) / PAGES_PER_MINUTE / speed)
  }

  /** Whether the list shows already what the operation is to bring about; then its own poll need not be waited for. */
  function isEndInSight({ operation, resources }: GpuVmStatus): boolean {
    const { kind, resource } = operation ?? {}
    const state = powerState(resource?.toLowerCase() ?? '')
    if (kind === 'Create' || kind === 'Start') return state === 'Running'
    if (kind === 'Delete') return state === undefined && lists.size > 0 && !isUnlisted(resources)
    return kind === 'Deallocate' && state === 'Deallocated'
  }

  /** It may stand in a list that is missing: in that of its own subscription, or in any where that is not known. */
  function isUnlisted({ virtualMachine, publicIPAddress }: NonNullable<GpuVmStatus['resources']> = {}): boolean {
    const id = virtualMachine ?? publicIPAddress ?? ''
    const [, subscription] = /^\/subscriptions\/([^/]+)/i.exec(id) ?? []
    return subscription === undefined ? failing.size > 0 : failing.has(subscription.toLowerCase())
  }

  function compare(): void {
    operations = 0
    for (const machine of machines.list()) {
      const uid = rootUidOf(machine)
      const { status } = machine
      if (uid === undefined || status?.incarnation === undefined) continue
      if (status.operation !== undefined) {
        operations += 1
        if (isEndInSight(status)) options.onDifference(referenceOf(machine))
        continue
      }
      if (status.vmId === undefined) {
        if (!isBeingEvicted(status)) continue
        operations += 1
        const before = virtualMachineName(uid, status.incarnation.number - 1)
        if (powerState(before.toLowerCase()) === 'Deallocated') options.onDifference(referenceOf(machine))
        continue
      }
      const state = powerState(virtualMachineName(uid, status.incarnation.number).toLowerCase())
      if (state === 'Unknown' || state === status.powerState) continue
      if (state === undefined && isUnlisted(status.resources)) continue
      operations += 1 // Before anybody has looked at it: of thousands evicted together none looks at all too soon.
      options.onDifference(referenceOf(machine))
    }
  }

  return {
    name: 'fleet',
    listed,
    powerState: name => powerState(name.toLowerCase()),
    isEndInSight: ({ status = {} }) => status.operation?.kind !== 'Delete' && isEndInSight(status),
    get operations() {
      return operations
    },
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        // With nothing of ours in the cluster there is nothing to compare: the sweeper looks for what is left over.
        if (machines.size > 0) {
          await Promise.all(options.subscriptions().map(subscription => list(subscription, stop)))
          compare()
        }
        markListed()
        await clock.sleep(secondsBetween() * 1000, stop).catch(() => undefined)
      }
    },
  }
}

/** Its successor is on record, and waits for Azure to be done with it. */
function isBeingEvicted({ incarnation, operation }: GpuVmStatus): boolean {
  return incarnation?.reason === 'Evicted' && incarnation.number > 1 && operation === undefined
}
