// Makes Azure hold what a GpuVm asks for, one step a pass, from what live reads show. What is decided, and in which
// order, is told in phases.ts; when no phase has anything to say, Azure holds what the spec asks for.
import type { CatalogueFile } from '../../crds/catalogue-file.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { isTrue } from '../../lib/kube/conditions.ts'
import { controller, type Reconcile } from '../../lib/kube/controller.ts'
import type { Recorder } from '../../lib/kube/events.ts'
import type { OwnWrites } from '../../lib/kube/own-writes.ts'
import {
  annotationsChanged,
  anyOf,
  finalizersChanged,
  generationChanged,
  labelsChanged,
} from '../../lib/kube/predicates.ts'
import type { Change, Reflector } from '../../lib/kube/reflector.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { type RawSource, reflected } from '../../lib/kube/sources.ts'
import type { Urgency } from '../azure/budget.ts'
import { AzureError } from '../azure/errors.ts'
import { virtualMachineName } from '../azure/names.ts'
import type { Azure } from '../azure/provider.ts'
import { claimed, strangers } from '../installation.ts'
import { type StatusRecord, statusRecord } from '../status-record.ts'
import { abandon, isAbandoned, isBeyondReach } from './abandonment.ts'
import type { Annotations } from './annotations.ts'
import { type GpuVmSettings, incarnationOf, isLeaving, rootUidOf, type Seen, type Verdict } from './decision.ts'
import type { Fleet } from './fleet.ts'
import { type Guards, guards } from './guards.ts'
import { type Hindrance, hindranceOf, outcomeOf } from './hindrance.ts'
import type { Holdings } from './holdings.ts'
import { nothing, observe, placeOf } from './observe.ts'
import { FINALIZER, perform } from './perform.ts'
import { verdictOn } from './phases.ts'
import type { Prober } from './prober.ts'
import { type Recollections, recollections } from './recollection.ts'
import { intend, record } from './record.ts'
import { isHeardAlone, isSettled } from './settled.ts'
import { type Silences, silences } from './silence.ts'
import type { Outcome } from './status.ts'
import { type Turns, turns } from './turns.ts'
import { priorityOf, priorityOfChange, urgencyOf } from './urgency.ts'

export interface Outside {
  runtime: Runtime
  kube: KubeClient
  /** All draw on one budget of requests; who is more urgent goes first. */
  azure: (urgency: Urgency) => Azure
  catalogue: Pick<CatalogueFile, 'current' | 'readAt'>
  machines: Reflector<GpuVm>
  ownWrites: OwnWrites
  recorder: Pick<Recorder, 'event'>
  prober: Prober
  fleet: Fleet
  holdings: Holdings
  annotations: Pick<Annotations, 'of'>
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
  const quiet = silences(settings)
  const memories = recollections()
  const itsTurns = turns(runtime)
  const itsGuards = guards()
  machines.onChange(({ type, object }) => {
    if (type !== 'Deleted') return
    outside.holdings.gone(object)
    quiet.broken(object.metadata.uid ?? '')
    prober.forget(object.metadata.uid ?? '')
    records.forget(object.metadata.uid ?? '')
    memories.forget(object.metadata.uid ?? '')
    itsTurns.forget(object.metadata.uid ?? '')
    itsGuards.forget(object.metadata.uid ?? '')
  })
  return controller({
    runtime,
    name: 'gpuvm.lifecycle',
    reconcile: gpuVmReconciler({ ...outside, records, memories, turns: itsTurns, silences: quiet, guards: itsGuards }),
    // After a restart the first list of the fleet says which of the standing machines need a look of their own.
    sources: [
      reflected(machines, { predicate: change => isOfInterest(change, records), priority: priorityOfChange }),
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

/** Our own status writes are no reason to look again; somebody else's are, and what Azure tells the machine itself is. */
function isOfInterest(change: Change<GpuVm>, records: StatusRecord<GpuVm>): boolean {
  if (anyOf(generationChanged, annotationsChanged, labelsChanged, finalizersChanged)(change)) return true
  if (!records.isOurs(change.object)) return true
  return announced(change.old) !== announced(change.object)
}

/** What Azure has said inside the machine that it is going to do to it, or that it is not any more. */
function announced(machine: GpuVm | undefined): string {
  const { preemptAt, maintenance } = machine?.status?.guest ?? {}
  return [preemptAt, maintenance?.event, maintenance?.notBefore].join(' ')
}

export interface Inside extends Outside {
  records: StatusRecord<GpuVm>
  memories: Recollections
  turns: Turns
  silences: Silences
  guards: Guards
}

function gpuVmReconciler(outside: Inside): Reconcile {
  const { machines, prober, fleet, runtime, settings } = outside
  const isAnothers = strangers({ log: runtime.log, ...settings })

  return async (key, signal) => {
    const found = machines.store.get(key)
    if (!found?.metadata.uid) return
    if (isAnothers(found)) return
    const waits = outside.turns.waits(found)
    if (waits) return waits
    const machine = await takenOn(found, outside, signal)
    const known = { fleet, prober, settings, now: runtime.clock.now() }
    const isLetIn = outside.guards.letIn(machine, outside.catalogue.current().regions[machine.spec.region])
    if (isLetIn && isSettled(machine, known)) return

    const seen = sight(machine, outside)
    const { verdict, outcome, hindrance } = await attempt(
      seen,
      { ...outside, isStanding: isLetIn && isHeardAlone(machine, known) },
      signal,
    )
    if (verdict.step) runtime.log.info(fieldsOf(seen, verdict, hindrance), 'Took a step for a machine')
    if (verdict.step?.do === 'ReleaseObject' && !hindrance) return prober.forget(seen.uid)
    const told = hindrance?.verdict ?? verdict
    const isOutOfReach = hindrance !== undefined && isBeyondReach(seen, hindrance, outside)
    if (isOutOfReach && isAbandoned(machine)) return await abandon({ seen, hindrance }, outside, signal)
    if (hindrance?.is === 'Unanswered') {
      // One that is as it should be needs nothing of Azure now.
      if (isOutOfReach && (isLeaving(machine) || !isTrue(machine.status?.conditions, 'Ready')))
        await record({ seen, verdict: told, outcome }, outside, signal)
      return outside.turns.later(seen.machine, hindrance)
    }

    if (!hindrance) outside.silences.broken(seen.uid)
    await record({ seen, verdict: told, outcome }, outside, signal)
    const { requeueAfterSeconds } = told
    const isRetry = hindrance !== undefined && requeueAfterSeconds === 0
    return { requeueAfterSeconds, isRetry, priority: priorityOf(seen.machine) }
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
function sight(machine: GpuVm, { catalogue, prober, fleet, runtime, settings }: Outside): Seen {
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
    configuredAt: catalogue.readAt(),
    settings,
    operations: fleet.operations,
  }
}

/** A decision, what it was made from, and what came in its way. */
export interface Decided {
  seen: Seen
  verdict: Verdict
  hindrance?: { is: Hindrance['is'] | 'Error'; code: string; message: string }
}

export interface Attempt {
  verdict: Verdict
  outcome: Outcome
  hindrance?: Hindrance
}

/** Looks, decides, and does the one step. What Azure has against it is part of the result. */
async function attempt(seen: Seen, outside: Inside & { isStanding: boolean }, signal: AbortSignal): Promise<Attempt> {
  let verdict: Verdict = {}
  let decided = seen // As the phases were given it; what is done writes into `seen`.
  const { kube, holdings, annotations, fleet, recorder } = outside
  const recollection = outside.memories.of(seen)
  const live = outside.azure(urgencyOf(seen.machine))
  // What goes is seen to be gone, and what was another's is read tag by tag.
  const isSeenWhole = isLeaving(seen.machine) || seen.machine.status?.adoptedFrom !== undefined
  const predecessor = virtualMachineName(seen.rootUid, seen.incarnation.number - 1)
  const known = isSeenWhole ? live : recollection.through(live, { ...outside, predecessor })
  const { clock } = outside.runtime
  const azure = recollection.requests.through(known, clock)
  const isEndInSight = fleet.isEndInSight(seen.machine)
  try {
    seen.observed = await observe({
      ...seen,
      clock,
      azure,
      kube,
      holdings,
      annotations,
      recollection,
      isEndInSight,
      signal,
    })
    outside.guards.saw(seen)
    seen.now = clock.now()
    decided = { ...seen }
    verdict = verdictOn(seen)
    if (verdict.step?.do === 'DeallocateVirtualMachine') await intend(seen, verdict, outside, signal)
    const outcome = verdict.step ? await perform(verdict.step, seen, { azure, kube, recorder }, signal) : {}
    if (verdict.step?.do === 'EnsureBootstrapSecret') recollection.hasBootstrapSecret = true
    // The number that is raised now is nobody's yet.
    if (verdict.step?.do === 'BeginIncarnation')
      recollection.isUnmade(virtualMachineName(seen.rootUid, seen.incarnation.number + 1))
    outside.onDecided({ seen: decided, verdict })
    return { verdict, outcome }
  } catch (error) {
    if (!(error instanceof AzureError)) {
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
      outside.onDecided({ seen: decided, verdict, hindrance: { is: 'Error', code: name, message } })
      throw error
    }
    const hindrance = hindranceOf(error, { ...seen, isRecalled: recollection.wasUsed }, verdict)
    const { code, message } = error
    outside.onDecided({ seen: decided, verdict, hindrance: { is: hindrance.is, code, message } })
    return { verdict, outcome: outcomeOf(hindrance), hindrance }
  }
}
