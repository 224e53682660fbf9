// What a pass sees, and what it may decide. Phases are pure: the same sight gives the same verdict.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import type { GpuVm, GpuVmSpec } from '../../crds/types/gpuvm.ts'
import { isToldToEnd, wishedState } from '../../crds/wished.ts'
import type { Candidate, Ranking } from '../capacity/rank.ts'
import { isSuspended, SUSPEND_ANNOTATION } from '../held.ts'
import type { Billing } from './billing.ts'

export const FINALIZER = 'wasd.cloud/operator'
/** The machines' controller's, on GpuVms. */
export const MACHINE_FINALIZER = 'wasd.cloud/operator'
export const PLAYER_LABEL = 'wasd.cloud/player'
export const SESSION_LABEL = 'wasd.cloud/session'
/** On a GpuVm: the UID of its session. An owner reference goes with `kubectl delete --cascade=orphan`; what is paid for by nobody must not stay. */
export const SESSION_UID_ANNOTATION = 'wasd.cloud/session-uid'
/** On a GpuVm: how often its session had been evicted before this machine was made for it. */
export const EVICTIONS_BEFORE_ANNOTATION = 'wasd.cloud/evictions-before'

export type EndReason = NonNullable<GameSessionStatus['endReason']>

/** Gathered once a pass, parsed; absent is `undefined`, unreachable has thrown. */
export interface Observed {
  /**
   * This session's machines. More than one only while one makes way for another, or while the session moves to another
   * region; the first is the one that counts.
   */
  machines: readonly GpuVm[]
  /** Machines that a session of this name and player owned under another UID, which is nowhere any more. */
  inherited: readonly GpuVm[]
  /**
   * Where Azure holds what a session of this name and player had, whose objects a backup brought back in part; asked
   * only where several regions come into question. `Unknown` while Azure cannot be asked.
   */
  heldIn: string | 'Unknown' | undefined
  /** Asked live of the server, only while ending and when `machines` is empty. */
  isMachineGone: boolean
  /** Whether this process has itself heard the machine's stream, or has given up trying. */
  isPlayConfirmed: boolean
  /** Sessions of the same player that take turns with this one. */
  rivals: readonly Rival[]
  /** GpuVms that bear a name of ours and belong to somebody else. */
  takenNames: readonly string[]
  /** Why the API server has just admitted no machine for it. */
  notAdmitted: Explanation | undefined
  /** What the session may be placed on now; `undefined` when its spec names what the catalogue does not know. */
  ranking: Ranking | undefined
  /** Why its stopped machine may not be started now; `undefined` when nothing stands against it. */
  againstStart: Explanation | undefined
  /** Azure's price of what the machine runs on now, in US dollars per hour, where it is known. */
  hourlyPriceUsd: number | undefined
}

export interface Rival {
  session: GameSession
  /** It has a machine that is meant to run. */
  holdsMachine: boolean
}

export interface GameSessionSettings {
  /** Free seconds after the paid ones, so that a top-up under way is not cut off. 0 to 600. */
  paidGraceSeconds: number
}

export interface Seen {
  session: GameSession
  observed: Observed
  /** The billed time as it is now; the pass writes it whatever it decides. */
  billing: Billing
  /** Wall time that does not jump while a session plays. */
  now: Date
  settings: GameSessionSettings
  catalogue: Catalogue
}

/** Fields of a machine's spec to be written; one that is `undefined` is taken away. */
export type MachineChange = { [Field in keyof GpuVmSpec]?: GpuVmSpec[Field] | undefined }

/** One thing to do outside. The next pass sees what came of it. */
export type Step =
  | { do: 'AddFinalizer' }
  /** Nothing outside: the status alone says it, and is written before anything is given up. */
  | { do: 'TakeOver'; machine: GpuVm }
  | { do: 'End'; reason: EndReason; message: string }
  | { do: 'CreateMachine'; candidate: Candidate; spec: GpuVmSpec; move?: Move }
  | { do: 'ChangeMachine'; machine: GpuVm; spec: MachineChange; because: Explanation }
  | { do: 'DeleteMachine'; machine: GpuVm }
  /** `null` takes one off. */
  | { do: 'AnnotateMachine'; machine: GpuVm; annotations: Record<string, string | null> }
  /** Takes the operator's finalizer off a machine that Azure cannot be asked about; what it leaves is on record. */
  | { do: 'LetMachineGo'; machine: GpuVm; because: Explanation }
  | { do: 'RemoveFinalizer' }
  | { do: 'DeleteSession' }

/** From a machine that is refused where it is to one in another region, whose disk is made a copy of that one's. */
export interface Move {
  from: GpuVm
  because: Explanation
}

/** Why the session is not what its spec asks for, in one stable word and a sentence that holds no changing figure. */
export interface Explanation {
  reason: string
  message: string
}

export interface Verdict {
  step?: Step
  /** Nothing moves, and this is what it waits for. */
  waiting?: Explanation
  /** A person has to act. */
  stalled?: Explanation
  /** Nothing is left to do in Azure. */
  ended?: true
  requeueAfterSeconds?: number
  /** That next look is due to the second, and goes ahead of all others. */
  isUrgent?: true
}

export type Phase = (seen: Seen) => Verdict

/** The first step wins, and the first explanation; so does the earliest requeue, with its urgency. */
export function decide(phases: readonly Phase[], seen: Seen): Verdict {
  const decided: Verdict = {}
  const next: Pick<Verdict, 'requeueAfterSeconds' | 'isUrgent'> = {}
  for (const phase of phases.toReversed()) {
    const { requeueAfterSeconds, isUrgent, ...verdict } = phase(seen)
    Object.assign(decided, verdict)
    if (requeueAfterSeconds === undefined || requeueAfterSeconds > (next.requeueAfterSeconds ?? Infinity)) continue
    next.requeueAfterSeconds = requeueAfterSeconds
    if (isUrgent) next.isUrgent = isUrgent
    else delete next.isUrgent
  }
  return suspended(seen, unconfirmed(seen, { ...decided, ...next }))
}

/** Seconds until a machine that this process has not yet heard is asked about again. */
const CONFIRM_SECONDS = 1

/**
 * After a restart, what the record says of a machine may be as old as our absence. An interval is closed by our own
 * decision only once this process has heard the stream: or time in which nobody could play would be billed.
 */
function unconfirmed({ billing, observed }: Seen, verdict: Verdict): Verdict {
  const { step, ...rest } = verdict
  const closes = step?.do === 'End' || (step?.do === 'ChangeMachine' && step.spec.powerState === 'Deallocated')
  if (!closes || billing.since === undefined || observed.isPlayConfirmed) return verdict
  const message = 'The machine is asked whether it still answers, so that no second too many is billed.'
  return { ...rest, waiting: { reason: 'Confirming', message }, requeueAfterSeconds: CONFIRM_SECONDS }
}

/** Suspended, only what the end of paid time asks for is done; the rest is told. */
function suspended({ session }: Seen, verdict: Verdict): Verdict {
  const { step, ...rest } = verdict
  if (step === undefined || !isSuspended(session)) return verdict
  if (isEndOfPaid(session.status?.endReason ?? (step.do === 'End' ? step.reason : undefined))) return verdict
  const message = `The annotation ${SUSPEND_ANNOTATION} holds back: ${wordsOf(step)}. Remove it to go on.`
  return { ...rest, waiting: { reason: 'Suspended', message } }
}

function wordsOf(step: Step): string {
  switch (step.do) {
    case 'AddFinalizer':
      return 'taking the session on'
    case 'TakeOver':
      return 'taking its machine over'
    case 'End':
      return 'ending the session'
    case 'CreateMachine':
      return 'creating its machine'
    case 'ChangeMachine':
      return 'changing its machine'
    case 'DeleteMachine':
      return 'deleting its machine'
    case 'AnnotateMachine':
    case 'LetMachineGo':
      return 'letting its machine go'
    case 'RemoveFinalizer':
    case 'DeleteSession':
      return 'letting the session go'
    default:
      return step satisfies never
  }
}

/** The machine that carries the session now. */
export function machineOf({ observed }: Seen): GpuVm | undefined {
  return observed.machines[0]
}

/** Whether its end is decided: by the player, by the deletion of the object, or by us before. */
export function isEnding(session: GameSession): boolean {
  const { status, metadata } = session
  return status?.endReason !== undefined || isToldToEnd(session) || metadata.deletionTimestamp !== undefined
}

/** Whether what was paid for is used up: such an end no suspension holds back. */
export function isEndOfPaid(reason: EndReason | undefined): boolean {
  return reason === 'PaidTimeUsed' || reason === 'PauseRefused'
}

/** Whether it is to be played now. */
export function isToRun(session: GameSession): boolean {
  return wishedState(session) === 'Running' && !isEnding(session)
}

/** Whether its player has ever been able to play. */
export function wasPlayed({ status }: GameSession): boolean {
  return status?.readyAt !== undefined
}

/** Seconds from one time to another; negative when it lies before. */
export function secondsBetween(times: { from: Date | string; to: Date | string }): number {
  return (new Date(times.to).getTime() - new Date(times.from).getTime()) / 1000
}
