// How a machine stands, for people: from what was seen, decided and put on record to phase, `Ready` and one of `Stalled` and
// `Reconciling`. What only a person can mend is told as `Stalled`, all of it, what holds up the machine first. `Failed` is
// only what is held up: a machine whose tags or rules are refused runs, or rests, beside its stall. `Ready` says whether
// what the spec asks for holds; the rules about who may reach it are part of that, whose tags it bears is not.
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import type { ConditionChange } from '../../lib/kube/conditions.ts'
import { isOfNetwork, isOfTags } from '../beside.ts'
import {
  type Explanation,
  type Incarnation,
  isLeaving,
  kindOf,
  type LastError,
  type Seen,
  type Stall,
  type Verdict,
} from './decision.ts'
import type { OnRecord } from './errors-on-record.ts'
import { holdsUpNothing } from './last-error.ts'
import { SLOW } from './overdue.ts'
import { stallOf } from './refusal.ts'

type Phase = NonNullable<GpuVmStatus['phase']>

export interface Standing {
  phase: Phase
  ready: Omit<ConditionChange, 'type'>
  /** All that only a person can mend, the worst first. */
  stalls: Stall[]
  /** Present only while true: that a person has to act, else that something is under way. */
  transient: (Explanation & { type: 'Stalled' | 'Reconciling' }) | undefined
}

/** `refused` is what the pass leaves on record. */
export function standingOf(seen: Seen, verdict: Verdict, refused: OnRecord): Standing {
  const stalls = stallsOf(seen, verdict, refused)
  const told = allOf(stalls)
  const { because, stalled } = verdict
  const ready: Standing['ready'] = stalled && told ? { status: 'False', ...told } : readiness(seen, verdict, stalls)
  const transient: Standing['transient'] = told
    ? { type: 'Stalled', ...told }
    : because && { type: 'Reconciling', ...because }
  return { phase: phaseOf(seen, verdict), ready, stalls, transient }
}

/** What holds up nothing is told from the record, whatever the machine is at; what holds it up only as that is decided. */
function stallsOf(seen: Seen, { stalled }: Verdict, { lastError, otherError }: OnRecord): Stall[] {
  const errors = [lastError, otherError].filter(error => error !== undefined)
  const idle = errors.filter(error => holdsUpNothing(error, seen)).flatMap(error => stallBeside(error, seen) ?? [])
  if (stalled === undefined) return idle
  const others = errors.filter(error => !holdsUpNothing(error, seen)).flatMap(error => stallOf(error, seen) ?? [])
  return [stalled, ...others.filter(one => one.step !== stalled.step || one.reason !== stalled.reason), ...idle]
}

function stallBeside(error: LastError, seen: Seen): Stall | undefined {
  const stall = stallOf(error, seen)
  const what = isOfTags(error) ? 'its new tags' : 'what its network is to be'
  return stall && { ...stall, message: `Azure refuses ${what}, for which nothing else waits: ${stall.message}` }
}

/** In one word and some sentences. */
function allOf(stalls: readonly Stall[]): Explanation | undefined {
  const [worst] = stalls
  return worst && { reason: worst.reason, message: stalls.map(({ message }) => message).join(' ') }
}

function phaseOf(seen: Seen, verdict: Verdict): Phase {
  const { machine, observed, incarnation } = seen
  if (isLeaving(machine)) return 'Deleting'
  if (verdict.stalled) return 'Failed'
  const { powerState } = machine.spec
  switch (verdict.because?.reason) {
    case undefined:
      return powerState === 'Running' ? 'Running' : 'Deallocated'
    case 'CapacityRefused':
      return 'Waiting'
    case 'HostSick':
      return 'Starting'
    case 'Starting':
    case 'Deallocating':
    case 'Evicted':
      return verdict.because.reason
    case 'Suspended':
    case SLOW: // It is what it was before that took so long.
      return machine.status?.phase ?? 'Pending'
    default:
      break
  }
  const vm = observed.virtualMachine
  if (powerState === 'Deallocated') return vm?.powerState === 'Deallocated' ? 'Deallocated' : 'Deallocating'
  if (vm?.powerState === 'Running') return 'Running'
  if (vm && machine.status?.vmId !== undefined) return 'Starting'
  const reason = verdict.step?.do === 'BeginIncarnation' ? verdict.step.reason : incarnation.reason
  return reason === 'Evicted' || reason === 'MachineLost' ? 'Evicted' : 'Creating'
}

/** Of a machine that nothing holds up for good. */
function readiness(seen: Seen, { because }: Verdict, stalls: readonly Stall[]): Standing['ready'] {
  if (because) return { status: because.reason === 'CapacityRefused' ? 'False' : 'Unknown', ...because }
  const rules = allOf(stalls.filter(isOfNetwork))
  if (rules) return { status: 'False', ...rules }

  const { machine, incarnation } = seen
  if (machine.spec.powerState === 'Running')
    return { status: 'True', reason: 'Running', message: howItRuns(machine.spec, incarnation) }
  return {
    status: 'True',
    reason: 'Deallocated',
    message: 'The machine is deallocated; its disks and address are kept.',
  }
}

/** After an eviction the incarnation's priority rules over the unchanged spec's. */
function howItRuns({ priority }: GpuVm['spec'], incarnation: Incarnation): string {
  if (incarnation.priority === priority) return 'Azure runs the machine as the spec asks.'
  return `Azure runs it as ${kindOf(incarnation.priority)}, since ${kindOf(priority)} was taken back or not to be had.`
}
