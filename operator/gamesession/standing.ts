// Where a session stands, in one word and a sentence: from what was seen and decided to `phase` and `Ready`.
import type { GameSessionStatus } from '../../crds/types/gamesession.ts'
import { isPausedBeside, PAUSE_ANNOTATION, wishedState } from '../../crds/wished.ts'
import { leftBehind } from '../held.ts'
import { type Explanation, isEnding, isToRun, machineOf, type Seen, type Verdict, wasPlayed } from './decision.ts'
import { explain } from './ending.ts'
import { openInterruption } from './interruptions.ts'
import { isDeallocated } from './machine.ts'

export interface Standing extends Explanation {
  phase: NonNullable<GameSessionStatus['phase']>
  /** `Settled`: nothing is under way. */
  is: 'Settled' | 'Progressing' | 'Stalled'
}

/** `next` is the status as far as it is known already: its end, its interruptions, its endpoint and placement. */
export function standingOf(seen: Seen, verdict: Verdict, next: GameSessionStatus): Standing {
  const { session, billing } = seen
  if (next.endedAt !== undefined && next.endReason !== undefined) {
    const left = leftBehind(session.status?.conditions) ?? 'Azure holds nothing of it any more.'
    const message = `${explain(next.endReason).message} ${left}`
    return { phase: 'Ended', is: 'Settled', reason: 'Ended', message }
  }
  if (next.endReason !== undefined) {
    if (verdict.stalled && verdict.step?.do !== 'End') return { phase: 'Ending', is: 'Stalled', ...verdict.stalled }
    const message = `${explain(next.endReason).message} What it has in Azure is given back.`
    return { phase: 'Ending', is: 'Progressing', reason: verdict.waiting?.reason ?? next.endReason, message }
  }
  if (wishedState(session) === 'Paused' && !isEnding(session)) return pausing(seen, verdict)
  if (verdict.stalled) return { phase: 'Failed', is: 'Stalled', ...verdict.stalled }
  if (!isToRun(session)) {
    const waiting = verdict.waiting ?? { reason: 'Ending', message: 'The session was told to end.' }
    return { phase: billing.since ? 'Running' : 'Pending', is: 'Progressing', ...waiting }
  }
  if (billing.since !== undefined) {
    const message = `The game can be played at ${next.endpoint?.host ?? 'its machine'}.`
    return { phase: 'Running', is: 'Settled', reason: 'Running', message }
  }
  return onTheWay(seen, verdict, next)
}

function pausing(seen: Seen, { waiting, stalled }: Verdict): Standing {
  const machine = machineOf(seen)
  if (machine === undefined || isDeallocated(machine)) {
    const by = isPausedBeside(seen.session) ? ` by the annotation ${PAUSE_ANNOTATION}` : ''
    const message = `The session is paused${by}; its machine is stopped and its disks are kept.`
    return { phase: 'Paused', is: 'Settled', reason: 'Paused', message }
  }
  const message = 'The machine is being stopped; its disks are kept.'
  // There is no phase for it: it stays what it was, and nothing of it is billed. Failed would be over, with its disks.
  const phase = wasPlayed(seen.session) ? 'Running' : 'Provisioning'
  if (stalled) return { phase, is: 'Stalled', ...stalled }
  return { phase, is: 'Progressing', ...(waiting ?? { reason: 'Pausing', message }) }
}

function onTheWay(seen: Seen, { waiting, step }: Verdict, next: GameSessionStatus): Standing {
  const machine = machineOf(seen)
  const interruption = openInterruption(next.interruptions)
  if (interruption) {
    return { phase: 'Recovering', is: 'Progressing', ...(waiting ?? recovering(interruption.cause)) }
  }
  if (waiting) return { phase: 'Pending', is: 'Progressing', ...waiting }
  if (machine === undefined && step?.do !== 'CreateMachine') {
    return { phase: 'Pending', is: 'Progressing', reason: 'Pending', message: 'The session is taken on.' }
  }

  const machinePhase = machine?.status?.phase
  const isMade = machinePhase !== undefined && MADE.includes(machinePhase)
  if (isMade || wasPlayed(seen.session)) {
    const message = 'The machine is about to run; the stream does not answer yet.'
    return { phase: 'Starting', is: 'Progressing', reason: 'Starting', message }
  }
  const { size, region } = next.placement ?? {}
  const message = `Azure creates a ${size ?? 'machine'} in ${region ?? 'a region'}.`
  return { phase: 'Provisioning', is: 'Progressing', reason: 'Provisioning', message }
}

/** Phases of a machine that Azure has made. */
const MADE: readonly string[] = ['Starting', 'Running', 'Deallocating', 'Deallocated']

const causes = {
  Evicted: 'Azure took the spot machine back; it is rebuilt with the same disk and address.',
  StreamLost: 'The machine runs, but its stream has ceased to answer.',
  MachineStopped: 'The machine was stopped, though not by the session; it is started again.',
  MachineLost: 'The machine was lost; another is made.',
  MachineChanged: 'Its GpuVm was given another size, zone or priority; it is rebuilt with the same disk and address.',
} as const

function recovering(cause: keyof typeof causes): Explanation {
  return { reason: cause, message: `${causes[cause]} Nothing is billed meanwhile.` }
}
