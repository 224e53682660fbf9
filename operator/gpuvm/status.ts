// The whole status from what was seen, what was decided and what came of it. Alone sets `phase`; no decision reads it.
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { type ConditionChange, removeCondition, setCondition } from '../../lib/kube/conditions.ts'
import type { VirtualMachineSeen } from '../azure/provider.ts'
import { withSuspension } from '../held.ts'
import {
  type Explanation,
  type Heritage,
  type Incarnation,
  isLeaving,
  type LastError,
  type Operation,
  type Seen,
  type Verdict,
} from './decision.ts'
import { errorsOf } from './errors-on-record.ts'
import { eviction, STOP_UNCLEAR } from './eviction.ts'
import { type Standing, standingOf } from './standing.ts'

/** What performing the step brought to light. */
export interface Outcome {
  /** Azure has accepted it. Without a poller: it is about to be asked. */
  operation?: Operation
  refused?: LastError
  /** It is at work on the resource and takes nothing else now: no refusal, and on record for how long. */
  busy?: LastError
  /** The object is let go, and this may be left behind. */
  abandoned?: Explanation
}

export function statusOf(seen: Seen, verdict: Verdict, outcome: Outcome): GpuVmStatus {
  const { machine, observed } = seen
  const old = machine.status ?? {}
  const begun = verdict.step?.do === 'BeginIncarnation' ? begin(seen, verdict.step) : undefined
  const vm = begun ? undefined : observed.virtualMachine
  const heritage = verdict.step?.do === 'Adopt' ? verdict.step.heritage : undefined

  const next: GpuVmStatus = {
    ...old,
    observedGeneration: machine.metadata.generation ?? 0,
    incarnation: begun ?? (heritage ? inherited(seen, heritage) : seen.incarnation),
    ...(heritage && { adoptedFrom: heritage.rootUid }),
    resources: heritage?.resources ?? resourcesOf(seen, begun !== undefined),
    ...(observed.publicIPAddress?.address !== undefined && { publicIP: observed.publicIPAddress.address }),
    ...(observed.publicIPAddress?.fqdn !== undefined && { fqdn: observed.publicIPAddress.fqdn }),
  }
  put(next, 'operation', outcome.operation ?? (isUnderWay(seen, verdict) ? old.operation : undefined))
  const { lastError, otherError } = errorsOf(seen, verdict, outcome)
  put(next, 'lastError', lastError)
  put(next, 'otherError', otherError)
  if (observed.sight === 'Whole') {
    put(next, 'powerState', begunPowerState(seen, outcome) ?? (vm ? recordedPowerState(seen, vm, verdict) : 'Absent'))
    put(next, 'priority', vm?.priority)
    put(next, 'size', vm?.size)
    put(next, 'zone', vm?.zone)
    put(next, 'vmId', vmIdOf(seen, vm))
  }
  if (vm?.powerState === 'Running') put(next, 'provisionedAt', vm.provisionedAt?.toISOString())
  if (outcome.operation?.kind === 'Redeploy') next.redeployedAt = outcome.operation.since
  if (isEvictionSeen(verdict)) {
    next.evictedAt = (observed.virtualMachine?.powerStateAt ?? seen.now).toISOString()
    next.evictions = (old.evictions ?? 0) + 1
  }
  put(next, 'stream', streamOf(seen, next))
  const standing = standingOf(seen, verdict, next)
  next.phase = standing.phase
  next.conditions = conditionsOf(seen, standing, { next, outcome })
  return next
}

/** An operation whose reply was lost has no poller; it stands until the machine has come to rest. */
function isUnderWay({ machine, observed }: Seen, { step }: Verdict): boolean {
  if (observed.sight !== 'Whole' || step?.do === 'DeallocateVirtualMachine') return true
  if (observed.operation) return observed.operation.is === 'Running'
  const vm = observed.virtualMachine
  const isAtWork = vm?.powerState === 'Deallocating' || vm?.provisioningState === 'Updating'
  return machine.status?.operation !== undefined && isAtWork
}

/** What Azure has accepted is true from then on; it does not say so itself before it has done it. */
function begunPowerState({ machine }: Seen, { operation }: Outcome): GpuVmStatus['powerState'] {
  if (operation?.poller === undefined) return undefined
  if (operation.kind === 'Start' || operation.kind === 'Redeploy') return 'Starting'
  if (operation.kind === 'Delete' && isLeaving(machine)) return 'Stopping'
  return operation.kind === 'Deallocate' ? 'Deallocating' : undefined
}

/**
 * An eviction that nobody has acted on yet, since it is held back or something else came first, is none that is done with: it
 * is to be seen again.
 */
function recordedPowerState(seen: Seen, vm: VirtualMachineSeen, verdict: Verdict): GpuVmStatus['powerState'] {
  if (verdict.because?.reason === STOP_UNCLEAR) return seen.machine.status?.powerState
  const isActedOn = isEvictionSeen(verdict) || eviction(seen).because === undefined
  return vm.powerState === 'Deallocated' && !isActedOn ? 'Deallocating' : vm.powerState
}

/** Whether this verdict is the discovery of an eviction. */
export function isEvictionSeen({ step }: Verdict): boolean {
  return step?.do === 'RecordEviction' || (step?.do === 'BeginIncarnation' && step.reason === 'Evicted')
}

/** A number under which Azure has never held a VM serves the next plan too; so there is at most one predecessor. */
function begin(
  { machine, observed, incarnation, now }: Seen,
  step: { priority: Incarnation['priority']; reason: Incarnation['reason'] },
): Incarnation {
  const { priority, reason } = step
  const { vmId, operation } = machine.status ?? {}
  const isAsked = operation?.kind === 'Create' && operation.incarnation === incarnation.number
  const wasMade = observed.virtualMachine !== undefined || vmId !== undefined || isAsked
  return {
    number: incarnation.number + (wasMade ? 1 : 0),
    priority,
    specPriority: machine.spec.priority,
    reason,
    since: now.toISOString(),
  }
}

function inherited({ machine, now }: Seen, { number, priority }: Heritage): Incarnation {
  return { number, priority, specPriority: machine.spec.priority, reason: 'Adopted', since: now.toISOString() }
}

/** A machine's id is believed once Azure has finished making it; until then it may still turn out to be nothing. */
function vmIdOf({ machine }: Seen, vm: VirtualMachineSeen | undefined): string | undefined {
  if (vm === undefined) return undefined
  return vm.provisioningState === 'Succeeded' ? vm.vmId : machine.status?.vmId
}

function resourcesOf({ machine, observed }: Seen, begun: boolean): NonNullable<GpuVmStatus['resources']> {
  const next = { ...machine.status?.resources }
  const { virtualMachine, networkInterface, publicIPAddress, networkSecurityGroup, osDisk, dataDisks } = observed
  if (begun) delete next.virtualMachine
  else if (virtualMachine) next.virtualMachine = virtualMachine.id
  if (networkInterface) next.networkInterface = networkInterface.id
  if (publicIPAddress) next.publicIPAddress = publicIPAddress.id
  if (networkSecurityGroup) next.networkSecurityGroup = networkSecurityGroup.id
  else if (networkInterface && networkInterface.networkSecurityGroupId === undefined) delete next.networkSecurityGroup
  if (osDisk) next.osDisk = osDisk.id
  const disks = dataDisks.flatMap(disk => disk?.id ?? [])
  if (disks.length > 0) next.dataDisks = disks
  return next
}

/** Transitions only; a stretch is closed at its last evidence, in the player's favour, never at its discovery. */
function streamOf({ machine, observed, stream, now }: Seen, next: GpuVmStatus): GpuVmStatus['stream'] {
  const old = machine.status?.stream
  const running = next.powerState === 'Running' || next.powerState === 'Unknown'
  if (running && stream.answering === true) {
    if (old?.answering) return old
    // The end of the stretch before stays on record: whoever looks only now closes its interval there.
    const before = old?.lastAnsweredAt === undefined ? {} : { lastAnsweredAt: old.lastAnsweredAt }
    return { answering: true, since: (stream.since ?? now).toISOString(), ...before }
  }
  if (!old?.answering) return old
  if (running && stream.answering === undefined) return old

  const since = old.since === undefined ? now : new Date(old.since)
  const evidence = [stream.lastAnsweredAt, running ? undefined : observed.virtualMachine?.powerStateAt].filter(
    time => time !== undefined,
  )
  const last = evidence.length === 0 ? since : new Date(Math.min(...evidence.map(time => time.getTime())))
  return {
    answering: false,
    since: since.toISOString(),
    lastAnsweredAt: new Date(Math.max(last.getTime(), since.getTime())).toISOString(),
  }
}

function conditionsOf(
  seen: Seen,
  { ready, transient }: Standing,
  { next, outcome }: { next: GpuVmStatus; outcome: Outcome },
): NonNullable<GpuVmStatus['conditions']> {
  const { machine, now } = seen
  const observedGeneration = machine.metadata.generation
  let conditions = machine.status?.conditions ?? []
  const set = (change: ConditionChange) => {
    conditions = setCondition(conditions, { observedGeneration, ...change }, now)
  }

  set({ type: 'Ready', ...ready })
  set({ type: 'Playable', ...playability(next) })
  for (const type of ['Reconciling', 'Stalled']) {
    if (type !== transient?.type) conditions = removeCondition(conditions, type) // Present only while true.
  }
  if (transient) set({ status: 'True', ...transient })
  if (outcome.abandoned) set({ type: 'Abandoned', status: 'True', ...outcome.abandoned })
  else conditions = removeCondition(conditions, 'Abandoned')
  return withSuspension(conditions, machine, now)
}

function playability({ powerState, stream }: GpuVmStatus): Omit<ConditionChange, 'type'> {
  if (powerState !== 'Running' && powerState !== 'Unknown') {
    return {
      status: 'False',
      reason: 'MachineNotRunning',
      message:
        powerState === undefined || powerState === 'Absent'
          ? 'There is no machine now.'
          : `Azure says that the machine is ${powerState.toLowerCase()}.`,
    }
  }
  if (!stream?.answering)
    return {
      status: 'False',
      reason: 'StreamSilent',
      message: 'The machine runs; its stream server does not answer yet.',
    }
  return { status: 'True', reason: 'StreamAnswers', message: 'Azure runs the machine and its stream server answers.' }
}

/** Sets a field, or removes it: a status that names nothing is a status without the field. */
function put<Key extends keyof GpuVmStatus>(status: GpuVmStatus, key: Key, value: GpuVmStatus[Key] | undefined): void {
  if (value === undefined) delete status[key]
  else status[key] = value
}
