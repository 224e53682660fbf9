// The whole status from what was seen, what was decided and what came of it. Alone sets `phase`; no decision reads it.
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { type ConditionChange, removeCondition, setCondition } from '../../lib/kube/conditions.ts'
import type { VirtualMachineSeen } from '../azure/provider.ts'
import { type Incarnation, isLeaving, type LastError, type Operation, type Seen, type Verdict } from './decision.ts'

/** What performing the step brought to light. */
export interface Outcome {
  operation?: Operation
  refused?: LastError
}

type Phase = NonNullable<GpuVmStatus['phase']>

export function statusOf(seen: Seen, verdict: Verdict, outcome: Outcome): GpuVmStatus {
  const { machine, observed } = seen
  const old = machine.status ?? {}
  const begun = verdict.step?.do === 'BeginIncarnation' ? begin(seen, verdict.step) : undefined
  const vm = begun ? undefined : observed.virtualMachine
  const skipped = observed.operation?.is === 'Running' && !isLeaving(machine) // Nothing but the operation was read.

  const next: GpuVmStatus = {
    ...old,
    observedGeneration: machine.metadata.generation ?? 0,
    incarnation: begun ?? seen.incarnation,
    phase: phaseOf(seen, verdict),
    resources: resourcesOf(seen, begun !== undefined),
    ...(observed.publicIPAddress?.address !== undefined && { publicIP: observed.publicIPAddress.address }),
    ...(observed.publicIPAddress?.fqdn !== undefined && { fqdn: observed.publicIPAddress.fqdn }),
  }
  put(next, 'operation', outcome.operation ?? (isUnderWay(seen) ? old.operation : undefined))
  put(next, 'lastError', lastErrorOf(seen, verdict, outcome))
  if (!skipped) {
    put(next, 'powerState', vm ? vm.powerState : 'Absent')
    put(next, 'priority', vm?.priority)
    put(next, 'size', vm?.size)
    put(next, 'vmId', vmIdOf(seen, vm))
  }
  if (isEvictionSeen(verdict)) {
    next.evictedAt = (observed.virtualMachine?.powerStateAt ?? seen.now).toISOString()
    next.evictions = (old.evictions ?? 0) + 1
  }
  put(next, 'stream', streamOf(seen, next))
  next.conditions = conditionsOf(seen, verdict, next)
  return next
}

/** An operation whose reply was lost has no poller; it stands until the machine has come to rest. */
function isUnderWay({ machine, observed }: Seen): boolean {
  if (observed.operation) return observed.operation.is === 'Running'
  return machine.status?.operation !== undefined && observed.virtualMachine?.powerState === 'Deallocating'
}

/** Whether this verdict is the discovery of an eviction. */
export function isEvictionSeen({ step }: Verdict): boolean {
  return step?.do === 'RecordEviction' || (step?.do === 'BeginIncarnation' && step.reason === 'Evicted')
}

function begin(
  { machine, incarnation, now }: Seen,
  step: { priority: Incarnation['priority']; reason: Incarnation['reason'] },
): Incarnation {
  const { priority, reason } = step
  return {
    number: incarnation.number + 1,
    priority,
    specPriority: machine.spec.priority,
    reason,
    since: now.toISOString(),
  }
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

function lastErrorOf(
  { machine, observed, now }: Seen,
  verdict: Verdict,
  { refused, operation }: Outcome,
): LastError | undefined {
  if (refused) return refused
  if (observed.operation?.is === 'Failed') {
    const { code, message } = observed.operation
    return { code, message: message.slice(0, 4096), retryable: true, at: now.toISOString() }
  }
  const old = machine.status?.lastError
  const failure = observed.virtualMachine?.failure
  if (old === undefined && failure !== undefined && observed.virtualMachine?.provisioningState === 'Failed') {
    return { ...failure, retryable: true, at: now.toISOString() }
  }
  // A new plan wipes the slate, but for the one that was made because of the error.
  if (verdict.step?.do === 'BeginIncarnation' && verdict.step.reason !== 'CreateFailed') return undefined
  if (operation?.kind === 'Create' || operation?.kind === 'Start') return undefined
  if (observed.virtualMachine?.powerState === 'Running') return undefined
  return old
}

/** Transitions only; a stretch is closed at its last evidence, in the player's favour, never at its discovery. */
function streamOf({ machine, observed, stream, now }: Seen, next: GpuVmStatus): GpuVmStatus['stream'] {
  const old = machine.status?.stream
  const running = next.powerState === 'Running' || next.powerState === 'Unknown'
  if (running && stream.answering === true) {
    if (old?.answering) return old
    return { answering: true, since: (stream.since ?? now).toISOString() }
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

function phaseOf(seen: Seen, verdict: Verdict): Phase {
  const { machine, observed, incarnation } = seen
  if (isLeaving(machine)) return 'Deleting'
  if (verdict.stalled) return 'Failed'
  const replaced = verdict.step?.do === 'BeginIncarnation' ? verdict.step.reason : incarnation.reason
  switch (verdict.because?.reason) {
    case undefined:
      return machine.spec.powerState === 'Running' ? 'Running' : 'Deallocated'
    case 'CapacityRefused':
      return 'Waiting'
    case 'Starting':
      return 'Starting'
    case 'Deallocating':
      return 'Deallocating'
    default:
      if (observed.virtualMachine?.powerState === 'Running') return 'Running'
      return replaced === 'Evicted' || replaced === 'MachineLost' ? 'Evicted' : 'Creating'
  }
}

function conditionsOf(seen: Seen, verdict: Verdict, next: GpuVmStatus): NonNullable<GpuVmStatus['conditions']> {
  const { machine, now } = seen
  const observedGeneration = machine.metadata.generation
  let conditions = machine.status?.conditions ?? []
  const set = (change: ConditionChange) => {
    conditions = setCondition(conditions, { observedGeneration, ...change }, now)
  }

  set({ type: 'Ready', ...readiness(machine, verdict) })
  set({ type: 'Playable', ...playability(next) })
  conditions = removeCondition(removeCondition(conditions, 'Reconciling'), 'Stalled')
  if (verdict.stalled) set({ type: 'Stalled', status: 'True', ...verdict.stalled })
  else if (verdict.because) set({ type: 'Reconciling', status: 'True', ...verdict.because })

  // Present only while true, so they come and go; their time of transition is kept while they stay.
  const before = new Map(machine.status?.conditions?.map(each => [each.type, each]))
  return conditions.map(each => {
    const old = before.get(each.type)
    return old?.status === each.status ? { ...each, lastTransitionTime: old.lastTransitionTime } : each
  })
}

function readiness({ spec }: GpuVm, { because, stalled }: Verdict): Omit<ConditionChange, 'type'> {
  if (stalled) return { status: 'False', ...stalled }
  if (because) return { status: because.reason === 'CapacityRefused' ? 'False' : 'Unknown', ...because }
  if (spec.powerState === 'Running')
    return { status: 'True', reason: 'Running', message: 'Azure runs the machine as the spec asks.' }
  return {
    status: 'True',
    reason: 'Deallocated',
    message: 'The machine is deallocated; its disks and address are kept.',
  }
}

function playability({ powerState, stream }: GpuVmStatus): Omit<ConditionChange, 'type'> {
  if (powerState !== 'Running' && powerState !== 'Unknown') {
    return {
      status: 'False',
      reason: 'MachineNotRunning',
      message: `Azure says that the machine is ${powerState?.toLowerCase() ?? 'absent'}.`,
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
