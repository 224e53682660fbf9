// Makes Azure hold what a GpuVm asks for, one step a pass, from what live reads show.
//
// The phases in order: `deletion` gives all of it back; `operationUnderWay` waits for what Azure is doing already;
// `catalogued` refuses what cannot be begun; `eviction` and `change` raise the incarnation when the machine is to be
// another one; `network` makes what outlives machines; `creation` removes the predecessor and makes the machine;
// `power` starts and stops it. When none of them has anything to say, Azure holds what the spec asks for.
import { isDeepStrictEqual } from 'node:util'
import type { CatalogueFile } from '../../crds/catalogue-file.ts'
import { type GpuVm, type GpuVmStatus, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { controller, type Reconcile } from '../../lib/kube/controller.ts'
import type { Recorder } from '../../lib/kube/events.ts'
import { addFinalizer, hasFinalizer } from '../../lib/kube/finalizers.ts'
import type { OwnWrites } from '../../lib/kube/own-writes.ts'
import { annotationsChanged, anyOf, generationChanged, labelsChanged } from '../../lib/kube/predicates.ts'
import type { Change, Reflector } from '../../lib/kube/reflector.ts'
import { referenceOf } from '../../lib/kube/resource.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { type RawSource, reflected } from '../../lib/kube/sources.ts'
import type { Azure } from '../azure/provider.ts'
import { bootstrap } from './bootstrap.ts'
import { catalogued } from './catalogued.ts'
import { change } from './change.ts'
import { creation } from './creation.ts'
import { decide, type GpuVmSettings, incarnationOf, isLeaving, type Seen, type Verdict } from './decision.ts'
import { deletion } from './deletion.ts'
import { tell } from './events.ts'
import { eviction } from './eviction.ts'
import type { Fleet } from './fleet.ts'
import { network } from './network.ts'
import { observe, placeOf } from './observe.ts'
import { operationUnderWay } from './operation.ts'
import { FINALIZER, type Hands, perform } from './perform.ts'
import { power } from './power.ts'
import type { Prober } from './prober.ts'
import { isSettled } from './settled.ts'
import { type Outcome, statusOf } from './status.ts'

/** Order is policy: giving back overtakes waiting, and an eviction a change of mind. */
const phases = [deletion, operationUnderWay, catalogued, bootstrap, eviction, change, network, creation, power]

export interface Outside {
  runtime: Runtime
  kube: KubeClient
  azure: Azure
  catalogue: CatalogueFile
  machines: Reflector<GpuVm>
  ownWrites: OwnWrites
  recorder: Recorder
  prober: Prober
  fleet: Fleet
  /** Where fleet, prober and catalogue ask for a look. */
  nudges: RawSource
  settings: GpuVmSettings & { concurrency: number }
  onRefused: Hands['onRefused']
}

export function gpuVmController(outside: Outside) {
  const { runtime, machines, ownWrites, nudges, settings } = outside
  return controller({
    runtime,
    name: 'gpuvm.lifecycle',
    reconcile: gpuVmReconciler(outside),
    sources: [reflected(machines, { predicate: isOfInterest }), nudges],
    concurrency: settings.concurrency,
    backoff: { initialSeconds: 1, maximumSeconds: 60 },
    reconcileTimeoutSeconds: 120,
    ready: key => ownWrites.caughtUp(key),
  })
}

/** Our own status writes are no reason to look again; a notice from the machine itself is. */
function isOfInterest(change: Change<GpuVm>): boolean {
  if (anyOf(generationChanged, annotationsChanged, labelsChanged)(change)) return true
  return change.old?.status?.guest?.preemptAt !== change.object.status?.guest?.preemptAt
}

export function gpuVmReconciler(outside: Outside): Reconcile {
  const { kube, machines, ownWrites } = outside

  return async (key, signal) => {
    const found = machines.store.get(key)
    if (!found?.metadata.uid) return
    const machine = await withFinalizer(found, outside, signal)
    if (!machine || !hasFinalizer(machine, FINALIZER)) return
    if (isSettled(machine, outside)) return

    const seen = await look(machine, outside, signal)
    const verdict = decide(phases, seen)
    if (verdict.step?.do === 'DeallocateVirtualMachine') await intend(seen, verdict, outside, signal)
    const outcome = verdict.step ? await perform(verdict.step, seen, outside, signal) : {}
    if (verdict.step?.do === 'ReleaseObject') return outside.prober.forget(seen.uid)

    const next = await record(seen, verdict, outcome, outside, signal)
    follow(seen, next, outside)
    return outcome.refused ? { requeueAfterSeconds: 0 } : { requeueAfterSeconds: verdict.requeueAfterSeconds }
  }

  async function withFinalizer(found: GpuVm, { prober }: Outside, signal: AbortSignal): Promise<GpuVm | undefined> {
    if (hasFinalizer(found, FINALIZER)) return found
    if (isLeaving(found)) {
      prober.forget(found.metadata.uid ?? '')
      return undefined
    }
    const claimed = await addFinalizer(kube, gpuVms, found, FINALIZER, { signal })
    ownWrites.remember(gpuVms, claimed)
    return claimed
  }
}

async function look(
  machine: GpuVm,
  { azure, kube, catalogue, prober, runtime, settings }: Outside,
  signal: AbortSignal,
): Promise<Seen> {
  const { uid = '', namespace = '' } = machine.metadata
  const current = catalogue.current()
  const place = placeOf(machine, current)
  const now = runtime.clock.now()
  const observed = await observe({ azure, kube, machine, uid, place, now, signal })
  return {
    machine,
    uid,
    namespace,
    place,
    region: current.regions[machine.spec.region],
    image: current.images[machine.spec.image],
    incarnation: incarnationOf(machine, now),
    observed,
    stream: prober.seen(uid),
    now: runtime.clock.now(),
    settings,
  }
}

/** Stopping a machine looks like an eviction from outside; the intent is on record before anything can be seen of it. */
async function intend(seen: Seen, verdict: Verdict, outside: Outside, signal: AbortSignal): Promise<void> {
  const { uid, incarnation, now } = seen
  const operation = {
    kind: 'Deallocate' as const,
    resource: uid,
    incarnation: incarnation.number,
    since: now.toISOString(),
  }
  const written = await write(seen.machine, statusOf(seen, verdict, { operation }), outside, signal)
  seen.machine = written
}

async function record(
  seen: Seen,
  verdict: Verdict,
  outcome: Outcome,
  outside: Outside,
  signal: AbortSignal,
): Promise<GpuVmStatus> {
  const next = statusOf(seen, verdict, outcome)
  tell(outside.recorder, seen, verdict, outcome, next)
  await write(seen.machine, next, outside, signal)
  return next
}

/** No change, no write. A status that was read too early is refused by the server, and the pass begins anew. */
async function write(
  machine: GpuVm,
  status: GpuVmStatus,
  { kube, ownWrites }: Outside,
  signal: AbortSignal,
): Promise<GpuVm> {
  if (isDeepStrictEqual(machine.status, status)) return machine
  const written = await kube.replaceStatus(gpuVms, { ...machine, status }, { signal })
  ownWrites.remember(gpuVms, written)
  return written
}

function follow({ machine, uid }: Seen, status: GpuVmStatus, { prober }: Outside): void {
  const { publicIP, powerState } = status
  if (publicIP !== undefined && powerState === 'Running')
    prober.follow({ uid, key: referenceOf(machine), host: publicIP })
  else if (powerState !== 'Unknown') prober.forget(uid)
}
