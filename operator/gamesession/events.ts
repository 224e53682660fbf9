// What a person asks about a session, told once per transition of its status.
import type { GameSessionStatus } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import type { Occurrence, Recorder } from '../../lib/kube/events.ts'
import { explainPlacement } from '../capacity/explanation.ts'
import type { Candidate, Ranking } from '../capacity/rank.ts'
import { leftBehind } from '../held.ts'
import type { Explanation, Seen, Verdict } from './decision.ts'
import { openInterruption } from './interruptions.ts'

/** Tells what `next` says and the status before did not. */
export function announce(recorder: Recorder, seen: Seen, verdict: Verdict, next: GameSessionStatus): void {
  for (const occurrence of occurrences(seen, verdict, next)) recorder.event(seen.session, occurrence)
}

export function occurrences(seen: Seen, { step, waiting, stalled }: Verdict, next: GameSessionStatus): Occurrence[] {
  const before: GameSessionStatus = seen.session.status ?? {}
  const interruption = openInterruption(next.interruptions)
  const wasInterrupted = openInterruption(before.interruptions) !== undefined
  const becomes = (phase: GameSessionStatus['phase']) => next.phase === phase && before.phase !== phase
  // A pause on its way bears the phase Running too.
  const isPlayed = next.phase === 'Running' && next.billing?.since !== undefined
  const isNew = ({ reason }: Explanation) => condition(before.conditions, 'Ready')?.reason !== reason

  return [
    step?.do === 'CreateMachine' && step.move !== undefined && moving(step.move.because),
    step?.do === 'CreateMachine' && placed(step.candidate, seen.observed.ranking ?? { candidates: [], ruledOut: [] }),
    step?.do === 'TakeOver' && takenOver(step.machine),
    step?.do === 'ChangeMachine' && changed(step.because),
    waiting && next.phase === 'Pending' && isNew(waiting) && waits(waiting),
    stalled && isNew(stalled) && isStalled(stalled),
    next.readyAt !== undefined && before.readyAt === undefined && playable(next),
    interruption && !wasInterrupted && interrupted(interruption.cause),
    wasInterrupted && !interruption && isPlayed && recovered(next),
    becomes('Paused') && paused(),
    becomes('Running') && isPlayed && !wasInterrupted && before.readyAt !== undefined && resumed(next),
    next.endReason !== undefined && before.endReason === undefined && ending(next),
    step?.do === 'LetMachineGo' && leftBehind(before.conditions) === undefined && abandoned(step.because),
    becomes('Ended') && ended(next),
  ].filter(occurrence => typeof occurrence === 'object')
}

/** To another region, as the session permits. */
function moving({ reason, message }: Explanation): Occurrence {
  return { type: 'Warning', reason, action: 'CreateMachine', note: message }
}

/** Why this place, and why not the others. */
function placed(candidate: Candidate, ranking: Ranking): Occurrence {
  const rest = ranking.candidates.slice(ranking.candidates.indexOf(candidate) + 1)
  const note = explainPlacement({ ...ranking, candidates: [candidate, ...rest] })
  return { type: 'Normal', reason: 'Placed', action: 'CreateMachine', note }
}

function isOnSpot(placement: GameSessionStatus['placement']): boolean {
  return placement?.capacityType === 'Spot'
}

function takenOver({ metadata }: GpuVm): Occurrence {
  const note = `GpuVm ${metadata.name} was this session's under another UID, as a backup knew it; it goes on with it.`
  return { type: 'Normal', reason: 'TakenOver', action: 'TakeOver', note }
}

function changed({ reason, message }: Explanation): Occurrence {
  return { type: 'Normal', reason, action: 'ChangeMachine', note: message }
}

function waits({ reason, message }: Explanation): Occurrence {
  return { type: 'Normal', reason, action: 'Wait', note: message }
}

function isStalled({ reason, message }: Explanation): Occurrence {
  return { type: 'Warning', reason, action: 'Stall', note: message }
}

function playable({ endpoint }: GameSessionStatus): Occurrence {
  const note = `The game can be played at ${endpoint?.host}; billing begins.`
  return { type: 'Normal', reason: 'Playable', action: 'Play', note }
}

const interruptionNotes = {
  Evicted: 'Azure took the spot machine back.',
  StreamLost: 'The stream has ceased to answer.',
  MachineStopped: 'The machine was stopped from outside.',
  MachineLost: 'The machine is gone.',
  MachineChanged: 'The GpuVm was given another size, zone or priority, for which the machine is rebuilt.',
} as const

function interrupted(cause: keyof typeof interruptionNotes): Occurrence {
  const note = `${interruptionNotes[cause]} Billing stopped at the last moment of play; the session recovers.`
  return { type: 'Warning', reason: cause, action: 'Recover', note }
}

function recovered({ endpoint, placement, interruptions }: GameSessionStatus): Occurrence {
  const seconds = interruptions?.at(-1)?.seconds
  const note = `The game can be played again at ${endpoint?.host} after ${seconds} s, ${isOnSpot(placement) ? 'on a spot machine' : 'on an on-demand machine'}.`
  return { type: 'Normal', reason: 'Recovered', action: 'Play', note }
}

function paused(): Occurrence {
  const note = 'The machine is deallocated; its disks and address are kept.'
  return { type: 'Normal', reason: 'Paused', action: 'Pause', note }
}

function resumed({ endpoint }: GameSessionStatus): Occurrence {
  return { type: 'Normal', reason: 'Resumed', action: 'Play', note: `The game can be played at ${endpoint?.host}.` }
}

function ending({ endReason, billing }: GameSessionStatus): Occurrence {
  const note = `The session ends (${endReason}) after ${billing?.seconds ?? 0} s of play; what it has in Azure is given back.`
  return { type: 'Normal', reason: 'Ending', action: 'End', note }
}

function abandoned({ message }: Explanation): Occurrence {
  return { type: 'Warning', reason: 'Abandoned', action: 'Release', note: message }
}

function ended({ endReason, billing, conditions }: GameSessionStatus): Occurrence {
  const left = leftBehind(conditions) === undefined ? 'Azure holds nothing of it any more' : 'its machine was let go'
  const note = `The session has ended (${endReason}) after ${billing?.seconds ?? 0} s of play; ${left}.`
  return { type: 'Normal', reason: 'Ended', action: 'End', note }
}
