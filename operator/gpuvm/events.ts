// What a person asks about a machine, told once per transition.
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import type { Recorder } from '../../lib/kube/events.ts'
import type { Seen, Verdict } from './decision.ts'
import { isEvictionSeen, type Outcome } from './status.ts'

export function tell(recorder: Recorder, seen: Seen, verdict: Verdict, outcome: Outcome, next: GpuVmStatus): void {
  const { machine } = seen
  if (isEvictionSeen(verdict)) evicted(recorder, machine, verdict)
  else if (verdict.step?.do === 'BeginIncarnation') begun(recorder, machine, verdict, next)
  if (outcome.operation?.kind === 'Create') asked(recorder, machine, next)
  if (outcome.refused) refused(recorder, machine, outcome.refused)
  if (next.powerState === 'Running' && machine.status?.powerState !== 'Running') runs(recorder, machine, next)
  if (next.powerState === 'Deallocated' && verdict.because === undefined && machine.status?.phase !== 'Deallocated')
    stopped(recorder, machine)
  if (isPlayable(next) && !isPlayable(machine.status)) playable(recorder, machine, next)
  if (verdict.stalled && !condition(machine.status?.conditions, 'Stalled')) stalled(recorder, machine, verdict.stalled)
}

function isPlayable(status: GpuVmStatus | undefined): boolean {
  return condition(status?.conditions, 'Playable')?.status === 'True'
}

function evicted(recorder: Recorder, machine: GpuVm, { because }: Verdict): void {
  recorder.event(machine, {
    type: 'Warning',
    reason: 'Evicted',
    action: 'Replace',
    note: because?.message ?? 'Azure took the machine back.',
  })
}

function begun(recorder: Recorder, machine: GpuVm, { because }: Verdict, { incarnation }: GpuVmStatus): void {
  const note = `${because?.message ?? ''} Incarnation ${incarnation?.number} is ${incarnation?.priority}.`.trim()
  recorder.event(machine, { type: 'Normal', reason: incarnation?.reason ?? 'Begun', action: 'Replace', note })
}

function asked(recorder: Recorder, machine: GpuVm, { incarnation }: GpuVmStatus): void {
  const note = `Azure accepted the request for a ${incarnation?.priority} ${machine.spec.size} in ${machine.spec.region}.`
  recorder.event(machine, { type: 'Normal', reason: 'Creating', action: 'Create', note })
}

function refused(recorder: Recorder, machine: GpuVm, { code, message }: { code: string; message: string }): void {
  recorder.event(machine, { type: 'Warning', reason: code.slice(0, 128), action: 'Create', note: message })
}

function runs(recorder: Recorder, machine: GpuVm, { priority, publicIP }: GpuVmStatus): void {
  const note = `Azure runs the machine on ${priority === 'Spot' ? 'spot' : 'on-demand'} capacity at ${publicIP ?? 'no address'}.`
  recorder.event(machine, { type: 'Normal', reason: 'MachineRunning', action: 'Start', note })
}

function stopped(recorder: Recorder, machine: GpuVm): void {
  const note = 'The machine is deallocated; its disks and address are kept.'
  recorder.event(machine, { type: 'Normal', reason: 'Deallocated', action: 'Deallocate', note })
}

function playable(recorder: Recorder, machine: GpuVm, { publicIP }: GpuVmStatus): void {
  const note = `The stream server at ${publicIP} answers.`
  recorder.event(machine, { type: 'Normal', reason: 'Playable', action: 'Probe', note })
}

function stalled(recorder: Recorder, machine: GpuVm, { reason, message }: { reason: string; message: string }): void {
  recorder.event(machine, { type: 'Warning', reason, action: 'Wait', note: message })
}
