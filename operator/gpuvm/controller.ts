// Makes Azure hold what a GpuVm asks for, one step a pass, from what live reads show. What is decided, and in which
// order, is told in phases.ts; when no phase has anything to say, Azure holds what the spec asks for.
import type { CatalogueFile } from '../../crds/catalogue-file.ts'
import { type GpuVm, type GpuVmStatus, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { controller, type Reconcile, type Verdictish } from '../../lib/kube/controller.ts'
import type { Recorder } from '../../lib/kube/events.ts'
import { removeFinalizer } from '../../lib/kube/finalizers.ts'
import type { OwnWrites } from '../../lib/kube/own-writes.ts'
import {
  annotationsChanged,
  anyOf,
  finalizersChanged,
  generationChanged,
  labelsChanged,
} from '../../lib/kube/predicates.ts'
import type { Change, Reflector } from '../../lib/kube/reflector.ts'
import { referenceOf } from '../../lib/kube/resource.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { type RawSource, reflected } from '../../lib/kube/sources.ts'
import type { Urgency } from '../azure/budget.ts'
import { AzureError } from '../azure/errors.ts'
import { virtualMachineName } from '../azure/names.ts'
import type { Azure } from '../azure/provider.ts'
import { claimed, strangers } from '../installation.ts'
import { type StatusRecord, statusRecord } from '../status-record.ts'
import { decide, type GpuVmSettings, incarnationOf, isLeaving, rootUidOf, type Seen, type Verdict } from './decision.ts'
import { abandoned, tell } from './events.ts'
import type { Fleet } from './fleet.ts'
import { type Hindrance, hindranceOf } from './hindrance.ts'
import type { Holdings } from './holdings.ts'
import { isNoteworthy } from './noteworthy.ts'
import { nothing, observe, placeOf } from './observe.ts'
import { FINALIZER, perform } from './perform.ts'
import { phases } from './phases.ts'
import type { Prober } from './prober.ts'
import { decisionOn, lateFailure } from './refusal.ts'
import { isSettled } from './settled.ts'
import { type Outcome, statusOf } from './status.ts'
import { isAbandoned, suspended } from './suspension.ts'
import { urgencyOf } from './urgency.ts'

export interface Outside {
  runtime: Runtime
  kube: KubeClient
  /** All draw on one budget of requests; who is more urgent goes first. */
  azure: (urgency: Urgency) => Azure
  catalogue: Pick<CatalogueFile, 'current'>
  machines: Reflector<GpuVm>
  ownWrites: OwnWrites
  recorder: Pick<Recorder, 'event'>
  prober: Prober
  fleet: Fleet
  holdings: Holdings
  /** Where fleet, prober and catalogue ask for a look. */
  nudges: RawSource
  settings: GpuVmSettings & { concurrency: number }
  /** Told of every decision with all that it was made from. */
  onDecided: (decision: Decided) => void
  /** Told of every refusal of capacity, at once or late, so that rankings and history know. */
  onRefused: (refusal: { seen: Seen; code: string; message: string }) => void
}

export function gpuVmController(outside: Outside) {
  const { runtime, machines, ownWrites, nudges, settings, prober, fleet } = outside
  const records = statusRecord({ ...outside, client: outside.kube, resource: gpuVms, others: OTHERS })
  machines.onChange(({ type, object }) => {
    if (type !== 'Deleted') return
    outside.holdings.gone(object)
    prober.forget(object.metadata.uid ?? '')
    records.forget(object.metadata.uid ?? '')
  })
  return controller({
    runtime,
    name: 'gpuvm.lifecycle',
    reconcile: gpuVmReconciler({ ...outside, records }),
    // After a restart the first list of the fleet says which of the standing machines need a look of their own.
    sources: [
      reflected(machines, { predicate: change => isOfInterest(change, records) }),
      { ...nudges, synced: fleet.listed },
    ],
    concurrency: settings.concurrency,
    backoff: { initialSeconds: 0.05, maximumSeconds: 60 },
    reconcileTimeoutSeconds: 120,
    ready: key => ownWrites.caughtUp(key),
  })
}

/** What the API writes of what the guest reports. */
const OTHERS = ['guest'] as const

/** Our own status writes are no reason to look again; somebody else's are, and a notice from the machine itself is. */
function isOfInterest(change: Change<GpuVm>, records: StatusRecord<GpuVm>): boolean {
  if (anyOf(generationChanged, annotationsChanged, labelsChanged, finalizersChanged)(change)) return true
  if (!records.isOurs(change.object)) return true
  return change.old?.status?.guest?.preemptAt !== change.object.status?.guest?.preemptAt
}

interface Inside extends Outside {
  records: StatusRecord<GpuVm>
}

function gpuVmReconciler(outside: Inside): Reconcile {
  const { machines, prober, fleet, runtime, settings } = outside
  const isAnothers = strangers({ log: runtime.log, ...settings })

  return async (key, signal) => {
    const found = machines.store.get(key)
    if (!found?.metadata.uid) return
    if (isAnothers(found)) return
    const machine = await takenOn(found, outside, signal)
    if (isSettled(machine, { fleet, prober, settings, now: runtime.clock.now() })) return

    const seen = sight(machine, outside)
    const { verdict, outcome, hindrance } = await attempt(seen, outside, signal)
    if (verdict.step) runtime.log.info(fieldsOf(seen, verdict, hindrance), 'Took a step for a machine')
    if (verdict.step?.do === 'ReleaseObject' && !hindrance) return prober.forget(seen.uid)
    if (hindrance && hindrance.is !== 'Busy' && isAbandoned(machine)) return await abandon(seen, outside, signal)
    if (hindrance?.is === 'Unanswered') return later(hindrance, outside)

    await record({ seen, verdict: hindrance?.verdict ?? verdict, outcome }, outside, signal)
    return { requeueAfterSeconds: (hindrance?.verdict ?? verdict).requeueAfterSeconds }
  }
}

/** With our finalizer on it, and its status as it is on record. */
async function takenOn(found: GpuVm, outside: Inside, signal: AbortSignal): Promise<GpuVm> {
  const { kube, ownWrites, records, settings } = outside
  const { installationId } = settings
  // One that is deleted takes no finalizer any more; what it holds is given back all the same.
  const machine = isLeaving(found)
    ? found
    : await claimed(kube, gpuVms, found, { finalizer: FINALIZER, installationId, signal })
  if (machine !== found) ownWrites.remember(gpuVms, machine)
  return await records.restored(machine, { signal })
}

function fieldsOf({ namespace, machine, incarnation }: Seen, { step, because }: Verdict, hindrance?: Hindrance) {
  const { name } = machine.metadata
  return {
    namespace,
    machine: name,
    incarnation: incarnation.number,
    step: step?.do,
    reason: because?.reason,
    hindrance: hindrance?.is,
  }
}

/** All that is known of a machine before Azure is asked. */
function sight(machine: GpuVm, { catalogue, prober, runtime, settings }: Outside): Seen {
  const { uid = '', namespace = '' } = machine.metadata
  const current = catalogue.current()
  const now = runtime.clock.now()
  return {
    machine,
    uid,
    rootUid: rootUidOf(machine) ?? uid,
    namespace,
    place: placeOf(machine, current),
    region: current.regions[machine.spec.region],
    image: current.images[machine.spec.image],
    incarnation: incarnationOf(machine, now),
    observed: nothing,
    stream: prober.seen(uid),
    now,
    settings,
  }
}

/** A decision, what it was made from, and what came in its way. */
export interface Decided {
  seen: Seen
  verdict: Verdict
  hindrance?: { is: Hindrance['is'] | 'Error'; code: string; message: string }
}

interface Attempt {
  verdict: Verdict
  outcome: Outcome
  hindrance?: Hindrance
}

/** Looks, decides, and does the one step. What Azure has against it is part of the result. */
async function attempt(seen: Seen, outside: Inside, signal: AbortSignal): Promise<Attempt> {
  let verdict: Verdict = {}
  let decided = seen // As the phases were given it; what is done writes into `seen`.
  const { kube, holdings } = outside
  const azure = outside.azure(urgencyOf(seen.machine))
  try {
    seen.observed = await observe({ ...seen, azure, kube, holdings, signal })
    seen.now = outside.runtime.clock.now()
    decided = { ...seen }
    verdict = suspended(seen, decide(phases, seen))
    if (verdict.step?.do === 'DeallocateVirtualMachine') await intend(seen, verdict, outside, signal)
    const outcome = verdict.step ? await perform(verdict.step, seen, { azure, kube }, signal) : {}
    outside.onDecided({ seen: decided, verdict })
    return { verdict, outcome }
  } catch (error) {
    if (!(error instanceof AzureError)) {
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
      outside.onDecided({ seen: decided, verdict, hindrance: { is: 'Error', code: name, message } })
      throw error
    }
    const hindrance = hindranceOf(error, seen, verdict)
    const { code, message } = error
    outside.onDecided({ seen: decided, verdict, hindrance: { is: hindrance.is, code, message } })
    return { verdict, outcome: hindrance.is === 'Refused' ? { refused: hindrance.refused } : {}, hindrance }
  }
}

/** Stopping a machine looks like an eviction from outside; the intent is on record before anything can be seen of it. */
async function intend(seen: Seen, verdict: Verdict, outside: Inside, signal: AbortSignal): Promise<void> {
  const { rootUid, incarnation, now, machine } = seen
  if (machine.status?.operation?.kind === 'Deallocate') return
  const operation = {
    kind: 'Deallocate' as const,
    resource: virtualMachineName(rootUid, incarnation.number),
    incarnation: incarnation.number,
    since: now.toISOString(),
  }
  seen.machine = await write(machine, statusOf(seen, verdict, { operation }), outside, signal)
}

async function record(
  { seen, verdict, outcome }: Attempt & { seen: Seen },
  outside: Inside,
  signal: AbortSignal,
): Promise<void> {
  const next = statusOf(seen, verdict, outcome)
  await write(seen.machine, next, outside, signal)

  const failure = outcome.refused ?? lateFailure(seen)
  tell(outside.recorder, { seen, verdict, outcome, failure, next })
  if (failure && decisionOn(failure).do === 'Refused') outside.onRefused({ seen, ...failure })
  follow(seen, next, outside)
}

/** Nothing noteworthy, no write. A status that was read too early is refused by the server, and the pass begins anew. */
async function write(machine: GpuVm, status: GpuVmStatus, { records }: Inside, signal: AbortSignal): Promise<GpuVm> {
  return isNoteworthy(machine, status) ? await records.write({ ...machine, status }, { signal }) : machine
}

function follow({ machine, uid }: Seen, status: GpuVmStatus, { prober }: Outside): void {
  const { publicIP, powerState } = status
  if (publicIP !== undefined && powerState === 'Running')
    prober.follow({ uid, key: referenceOf(machine), host: publicIP })
  else if (powerState !== 'Unknown') prober.forget(uid)
}

/** Azure says when it will listen again; those that it told so together do not come back together. */
function later({ error, afterSeconds }: Hindrance & { is: 'Unanswered' }, { runtime }: Outside): Verdictish {
  if (afterSeconds === undefined) throw error
  return { requeueAfterSeconds: afterSeconds * (1 + runtime.random() / 4) }
}

async function abandon({ machine, uid }: Seen, outside: Inside, signal: AbortSignal): Promise<void> {
  abandoned(outside.recorder, machine)
  await removeFinalizer(outside.kube, gpuVms, machine, FINALIZER, { signal })
  outside.prober.forget(uid)
}
