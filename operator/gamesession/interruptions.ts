// The last few times that play was cut off through no wish of the player, with cause and length. None of it is
// billed, since the interval is closed at the last evidence of play.
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { Billing } from './billing.ts'
import { isToRun, secondsBetween } from './decision.ts'

export type Interruption = NonNullable<GameSessionStatus['interruptions']>[number]

/** As many as the schema holds. */
const MAXIMUM = 10
/** An eviction's time is Azure's and a silence's is ours: so far apart they still tell of one thing. */
const SAME_CAUSE_SECONDS = 120

/** Reasons of an incarnation that somebody has asked for by the machine's spec. */
const CHANGES: readonly string[] = ['SizeChanged', 'ZoneChanged', 'PriorityChanged']

export function interruptionsNow(seen: {
  session: GameSession
  machine: GpuVm | undefined
  billing: Billing
  now: Date
}): Interruption[] {
  const { session, billing, now } = seen
  const known = session.status?.interruptions ?? []
  const all = billing.lost
    ? [...known, { cause: causeOf(seen.machine, billing.lost.at, known), since: billing.lost.at.toISOString() }]
    : known
  const over = billing.since ?? (isToRun(session) ? undefined : now)
  return all.slice(-MAXIMUM).map(interruption => current(interruption, { over, known, machine: seen.machine }))
}

/** The one that lasts; `undefined` when the session is not being interrupted. */
export function openInterruption(interruptions: readonly Interruption[] | undefined): Interruption | undefined {
  return interruptions?.find(({ seconds }) => seconds === undefined)
}

function current(
  interruption: Interruption,
  { over, known, machine }: { over: Date | undefined; known: readonly Interruption[]; machine: GpuVm | undefined },
): Interruption {
  if (interruption.seconds !== undefined) return interruption
  // What looked like silence at first may turn out to have been an eviction.
  const cause = isEvicted(machine, interruption.since, known) ? 'Evicted' : interruption.cause
  if (over === undefined) return { ...interruption, cause }
  const seconds = Math.max(0, Math.floor(secondsBetween({ from: interruption.since, to: over })))
  return { ...interruption, cause, seconds }
}

function causeOf(machine: GpuVm | undefined, since: Date, known: readonly Interruption[]): Interruption['cause'] {
  if (machine?.status?.incarnation === undefined) return 'MachineLost' // What is there now is new.
  if (isEvicted(machine, since, known)) return 'Evicted'
  const { incarnation, powerState } = machine.status
  const begunSeconds = secondsBetween({ from: since, to: incarnation.since ?? new Date(0) })
  if (incarnation.reason === 'MachineLost' && begunSeconds >= 0) return 'MachineLost'
  if (CHANGES.includes(incarnation.reason ?? '') && begunSeconds >= -SAME_CAUSE_SECONDS) return 'MachineChanged'
  return powerState === 'Running' || powerState === 'Unknown' ? 'StreamLost' : 'MachineStopped'
}

/** An eviction after which was played again is not what cut this play off. */
function isEvicted(machine: GpuVm | undefined, since: Date | string, known: readonly Interruption[]): boolean {
  const { evictedAt } = machine?.status ?? {}
  if (evictedAt === undefined) return false
  const isOvercome = known.some(
    ({ since, seconds }) => seconds !== undefined && secondsBetween({ from: since, to: evictedAt }) <= seconds,
  )
  return !isOvercome && secondsBetween({ from: evictedAt, to: since }) <= SAME_CAUSE_SECONDS
}
