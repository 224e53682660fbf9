// Deletes what carries this installation's tag in Azure and belongs to no GpuVm any more, or has served the one that it
// belongs to. Azure is listed before the cluster, so that what is made in between is never taken for an orphan. An empty
// cluster list, or one of another installation's objects, must not delete the world, however small: more than a set share
// at once, or anything while the cluster has shown nothing of ours yet, stops the sweep, loudly, until a person has looked
// or something of ours stands there.
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Store } from '../../lib/kube/store.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { decideOn } from '../azure/decisions.ts'
import { AzureError } from '../azure/errors.ts'
import type { Azure, Place, TaggedResource } from '../azure/provider.ts'
import { isAnothers } from '../installation.ts'
import type { SweeperMetrics } from './metrics.ts'
import { isOwned, type Orphan, orphansOf, sweepable } from './orphans.ts'
import { type Borne, borne, ownersAmong } from './owners.ts'
import { secondsUntilNextSweep } from './pace.ts'

export interface SweeperOptions {
  azure: Azure
  kube: KubeClient
  clock: Clock
  log: Logger
  metrics: SweeperMetrics
  installationId: string
  /** Seconds between sweeps, for as long as Azure's List budget bears that. */
  sweepSeconds: number
  /** How many times faster than in earnest Azure's time runs. 1 against the real Azure. */
  speed?: number
  /** Seconds for which a resource must have been seen without an owner. */
  graceSeconds: number
  subscriptions: () => string[]
  /** Of all that is tagged ours, so much may go in one round. 0 to 1. */
  largestShare: number
  /** What would go is told, and nothing is deleted. */
  isDryRun: boolean
  /** Told when a sweep begins to be halted. */
  onHalted: (orphans: number) => void
  /** The namespaces to look for owners in; all when empty. What is elsewhere is never swept. */
  namespaces: string[]
  /** The store may be behind: what has no owner in it is a reason to ask the server, and proves nothing. */
  machines: Pick<Store<GpuVm>, 'list'>
  sessions: Pick<Store<GameSession>, 'list'>
}

export function sweeper(options: SweeperOptions): Runnable {
  const { azure, kube, clock, log, metrics, machines, sessions } = options
  /** When each orphan was first seen without an owner, by id. Lost at a restart, which only adds to the grace. */
  let since = new Map<string, number>()
  /** How many resources the last sweep listed. */
  let lately = 0
  let wasHalted = false
  /** In this sweep, or in one before it. */
  let isShown = false

  async function sweep(signal: AbortSignal): Promise<void> {
    let tagged = 0
    const suspects: Orphan[] = []
    const inSight = ownersAmong(machines.list().map(borneBy))
    isShown ||= inSight.ours > 0 || sessions.list().some(session => !isAnothers(session, options))
    // Of a fleet nearly all has its owner in sight; only what has none is worth keeping, and a list of the cluster.
    const isWanted = (resource: TaggedResource) => {
      tagged += 1
      return !isOwned(resource, inSight)
    }
    for (const subscription of options.subscriptions()) {
      const found = await listed(subscription, isWanted, signal)
      for (const resource of found) suspects.push({ subscription, resource })
    }
    const owners = suspects.length === 0 ? ownersAmong([]) : ownersAmong(await living(signal))
    lately = tagged

    const orphans = orphansOf({ tagged: suspects, owners, namespaces: options.namespaces })
    const now = clock.monotonic()
    since = new Map(orphans.map(({ resource }) => [resource.id, since.get(resource.id) ?? now]))
    const ripe = orphans.filter(({ resource }) => now - (since.get(resource.id) ?? now) >= options.graceSeconds * 1000)

    const { largestShare } = options
    const plan = sweepable({ ripe, tagged, owners: owners.ours, isShown, largestShare })
    metrics.orphans.set(orphans.length)
    metrics.halted.set(plan.halted ? 1 : 0)
    if (plan.halted && !wasHalted) options.onHalted(ripe.length)
    wasHalted = plan.halted
    if (plan.halted) {
      log.error(
        { orphans: ripe.length, tagged },
        'The sweep would delete too much at once and does nothing. Look at the cluster and the subscription',
      )
      return
    }
    if (options.isDryRun) {
      const ids = plan.delete.map(({ resource }) => resource.id)
      if (ids.length > 0) log.warn({ ids }, 'A dry run: these Azure resources without an owner would be deleted')
      return
    }
    for (const orphan of plan.delete) await remove(orphan, signal)
  }

  const borneBy = (machine: GpuVm): Borne => borne(machine, options)

  /** A subscription that cannot be listed keeps nobody from sweeping the others; of what it holds nothing is known. */
  async function listed(
    subscription: string,
    isWanted: (resource: TaggedResource) => boolean,
    signal: AbortSignal,
  ): Promise<TaggedResource[]> {
    try {
      return await azure.tagged(subscription, { installationId: options.installationId, isWanted }, signal)
    } catch (error) {
      if (!(error instanceof AzureError)) throw error
      log.warn({ subscription, code: error.code, error }, 'A subscription cannot be listed, and is not swept')
      return []
    }
  }

  /** Live, never from a store: a store that is behind would make orphans of what has just been made. */
  async function living(signal: AbortSignal): Promise<Borne[]> {
    const found: Borne[] = []
    for (const namespace of options.namespaces.length > 0 ? options.namespaces : [undefined]) {
      let next: string | undefined
      do {
        const page: { items: GpuVm[]; metadata: { continue?: string } } = await kube.list(gpuVms, {
          namespace,
          limit: 500,
          continue: next,
          signal,
        })
        found.push(...page.items.map(borneBy))
        next = page.metadata.continue || undefined
      } while (next !== undefined)
    }
    return found
  }

  async function remove({ subscription, resource }: Orphan, signal: AbortSignal): Promise<void> {
    const { id, kind } = resource
    try {
      await deletion(
        azure,
        { subscriptionId: subscription, resourceGroup: resource.resourceGroup, region: '' },
        resource,
        signal,
      )
      metrics.deleted.inc({ kind })
      log.warn({ id, tags: resource.tags }, 'Deleted an Azure resource without an owner')
    } catch (error) {
      if (!(error instanceof AzureError)) throw error
      // What is still held by another orphan goes in a later round, when that one is gone. One that a person has to
      // help with (a lock, a missing right) must not keep the others.
      const fields = { id, code: error.code, error }
      if (decideOn(error).do === 'Stall') log.error(fields, 'An Azure resource without an owner cannot be deleted')
      else log.info(fields, 'An Azure resource without an owner cannot be deleted yet')
    }
  }

  function untilNext(): number {
    const { sweepSeconds, graceSeconds, speed = 1 } = options
    const now = clock.monotonic()
    const ripeInSeconds = [...since.values()].map(at => graceSeconds - (now - at) / 1000)
    return secondsUntilNextSweep({ sweepSeconds, tagged: lately, ripeInSeconds, speed })
  }

  return {
    name: 'sweeper',
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        await sweep(stop).catch(error => {
          if (!stop.aborted) log.warn({ error }, 'The sweep was broken off and is tried again at its next turn')
        })
        await clock.sleep(untilNext() * 1000, stop).catch(() => undefined)
      }
    },
  }
}

async function deletion(
  azure: Azure,
  place: Place,
  { kind, name }: TaggedResource,
  signal: AbortSignal,
): Promise<unknown> {
  switch (kind) {
    case 'virtualMachine':
      await azure.deleteVirtualMachine(place, name, signal)
      return
    case 'networkInterface':
      return await azure.deleteNetworkInterface(place, name, signal)
    case 'publicIPAddress':
      return await azure.deletePublicIPAddress(place, name, signal)
    case 'networkSecurityGroup':
      return await azure.deleteNetworkSecurityGroup(place, name, signal)
    case 'disk':
      return await azure.deleteDisk(place, name, signal)
    case 'snapshot':
      return await azure.deleteSnapshot(place, name, signal)
    default:
      return kind satisfies never
  }
}
