// What a person asks about a machine, told once per transition.
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import type { Recorder } from '../../lib/kube/events.ts'
import { reasonOf } from '../azure/errors.ts'
import { KEEP_TAG } from '../azure/names.ts'
import { leftBehind } from '../held.ts'
import { type Explanation, kindOf, type LastError, type Seen, type Stall, type Verdict } from './decision.ts'
import { keptDisks } from './deletion.ts'
import { isStoppedByOthers } from './eviction.ts'
import { onRecord } from './last-error.ts'
import { SLOW } from './overdue.ts'
import { stallOf } from './refusal.ts'
import { standingOf } from './standing.ts'
import { isEvictionSeen, type Outcome } from './status.ts'

export type Teller = Pick<Recorder, 'event'>

export interface Happening {
  seen: Seen
  verdict: Verdict
  outcome: Outcome
  /** What Azure has said no with in this pass, at once or late. */
  failure: LastError | undefined
  next: GpuVmStatus
}

export function tell(recorder: Teller, { seen, verdict, outcome, failure, next }: Happening): void {
  const { machine } = seen
  if (isEvictionSeen(verdict)) evicted(recorder, machine, verdict)
  else if (verdict.step?.do === 'BeginIncarnation') begun(recorder, machine, verdict)
  if (verdict.step?.do === 'Adopt') adopted(recorder, machine, verdict)
  if (outcome.operation?.kind === 'Create') asked(recorder, machine, next)
  const { stalls } = standingOf(seen, verdict, next)
  if (failure && !stalls.some(stall => isOf(stall, failure))) refused(recorder, machine, failure)
  if (isStoppedByOthers(seen)) stoppedByOthers(recorder, machine)
  if (outcome.operation?.kind === 'Redeploy') redeployed(recorder, machine, verdict)
  if (next.powerState === 'Running' && machine.status?.powerState !== 'Running') runs(recorder, machine, next)
  if (next.phase === 'Deallocated' && machine.status?.phase !== 'Deallocated') stopped(recorder, machine)
  if (isPlayable(next) && !isPlayable(machine.status)) playable(recorder, machine, next)
  if (verdict.because?.reason === SLOW && condition(machine.status?.conditions, 'Ready')?.reason !== SLOW)
    slow(recorder, machine, verdict.because)
  for (const stall of stalls) if (isNews(stall, seen)) stalled(recorder, machine, stall)
  if (outcome.abandoned && leftBehind(machine.status?.conditions) === undefined)
    abandoned(recorder, machine, outcome.abandoned)
}

/** Once for as long as it stands, however often it is asked for again and refused again. */
function isNews(stall: Stall, seen: Seen): boolean {
  const { machine } = seen
  if (stall.step === undefined) return condition(machine.status?.conditions, 'Stalled')?.reason !== stall.reason
  const known = onRecord(machine).find(error => isOf(stall, error))
  return known === undefined || stallOf(known, seen) === undefined
}

function isOf({ step, reason }: Stall, error: LastError): boolean {
  return error.step === step && reasonOf(error.code) === reason
}

/** When the object lets go, nothing else will tell of a disk that costs on. */
export function released(recorder: Teller, seen: Seen): void {
  for (const { id } of keptDisks(seen)) {
    const note = `The disk is left in Azure, since it bears the tag ${KEEP_TAG}, and costs on until somebody deletes it. A GpuVm whose spec.disks.os.copyOf names it goes on with what it holds: ${id}`
    recorder.event(seen.machine, { type: 'Normal', reason: 'DiskKept', action: 'Release', note })
  }
}

/** The operator lets go of an object although Azure did not confirm that its resources are gone. */
function abandoned(recorder: Teller, machine: GpuVm, { message }: Explanation): void {
  recorder.event(machine, { type: 'Warning', reason: 'Abandoned', action: 'Release', note: message })
}

function isPlayable(status: GpuVmStatus | undefined): boolean {
  return condition(status?.conditions, 'Playable')?.status === 'True'
}

function evicted(recorder: Teller, machine: GpuVm, { because }: Verdict): void {
  recorder.event(machine, {
    type: 'Warning',
    reason: 'Evicted',
    action: 'Replace',
    note: because?.message ?? 'Azure took the machine back.',
  })
}

/** Without its number, which would make another event of each try. What was refused is told as that. */
function begun(recorder: Teller, machine: GpuVm, { because, step }: Verdict): void {
  if (because === undefined || (step?.do === 'BeginIncarnation' && step.reason === 'CreateFailed')) return
  const { reason, message: note } = because
  recorder.event(machine, { type: 'Normal', reason, action: 'Replace', note })
}

function asked(recorder: Teller, machine: GpuVm, { incarnation }: GpuVmStatus): void {
  const { size, region, zone } = machine.spec
  const kind = kindOf(incarnation?.priority ?? machine.spec.priority)
  const where = zone === undefined ? region : `zone ${zone} of ${region}`
  const note = `Azure has accepted to create ${kind}, ${size}, in ${where}.`
  recorder.event(machine, { type: 'Normal', reason: 'Creating', action: 'Create', note })
}

function refused(recorder: Teller, machine: GpuVm, { code, message, step = 'Create' }: LastError): void {
  recorder.event(machine, { type: 'Warning', reason: code.slice(0, 128), action: step, note: message })
}

function runs(recorder: Teller, machine: GpuVm, { priority, publicIP }: GpuVmStatus): void {
  const note = `Azure runs it as ${kindOf(priority ?? machine.spec.priority)} at ${publicIP ?? 'no address'}.`
  recorder.event(machine, { type: 'Normal', reason: 'MachineRunning', action: 'Start', note })
}

function adopted(recorder: Teller, machine: GpuVm, { because }: Verdict): void {
  recorder.event(machine, { type: 'Normal', reason: 'Adopted', action: 'Adopt', note: because?.message ?? '' })
}

function stoppedByOthers(recorder: Teller, machine: GpuVm): void {
  const note =
    'A person or a policy has deallocated the machine in Azure. It is started again, as spec.powerState asks; set that to Deallocated to stop it.'
  recorder.event(machine, { type: 'Warning', reason: 'StoppedByOthers', action: 'Start', note })
}

function redeployed(recorder: Teller, machine: GpuVm, { because }: Verdict): void {
  const note = because?.message ?? 'The machine is moved to another host.'
  recorder.event(machine, { type: 'Warning', reason: 'HostSick', action: 'Redeploy', note })
}

function stopped(recorder: Teller, machine: GpuVm): void {
  const note = 'The machine is deallocated; its disks and address are kept.'
  recorder.event(machine, { type: 'Normal', reason: 'Deallocated', action: 'Deallocate', note })
}

function playable(recorder: Teller, machine: GpuVm, { publicIP, priority }: GpuVmStatus): void {
  const note = `The stream server at ${publicIP} answers, on ${kindOf(priority ?? machine.spec.priority)}.`
  recorder.event(machine, { type: 'Normal', reason: 'Playable', action: 'Probe', note })
}

function slow(recorder: Teller, machine: GpuVm, { reason, message: note }: Explanation): void {
  recorder.event(machine, { type: 'Warning', reason, action: 'Wait', note })
}

function stalled(recorder: Teller, machine: GpuVm, { reason, message, step = 'Wait' }: Stall): void {
  recorder.event(machine, { type: 'Warning', reason, action: step, note: message })
}
