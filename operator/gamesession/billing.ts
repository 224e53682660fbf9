// The time that is billed: that in which the player could play, and nothing else.
//
// Closed: no interval is open. It opens when the machine is playable and the session is to run, at the stream's first
// answer, never before the end of the interval that came before.
// Open: it closes when either ceases to be so; at this moment when the player stops play that still goes on, else at
// the last evidence of play on record, never at its discovery, and at its own start when there is none.
// Final: the end is decided, and nothing is ever added.
//
// Never more is counted than was granted, the paid seconds and the grace. An operator that was away, or comes late to an
// end, closes the interval where it should have been: what ran beyond is nobody's play (a metric tells of it).
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { type GameSessionSettings, isToRun, secondsBetween } from './decision.ts'
import { isPlayable, lastSigns, playableSince } from './machine.ts'

export interface Billing {
  /** Whole seconds in closed intervals. Never falls. */
  seconds: number
  /** The start of the open interval. */
  since: Date | undefined
  final: boolean
  /** The interval that this pass closed through no wish of the player, if it closed one. */
  lost: { at: Date } | undefined
}

interface Sight {
  session: GameSession
  machine: GpuVm | undefined
  /** Whether this process has itself heard the machine's stream. */
  isPlayConfirmed: boolean
  now: Date
  settings: GameSessionSettings
}

/** Billing as it is now, from what is on record and what is seen. Writes nothing. */
export function billingNow(seen: Sight): Billing {
  const { session, machine, isPlayConfirmed, now, settings } = seen
  const limitSeconds = grantedSeconds(session, settings)
  const before = recorded(session.status?.billing)
  if (before.final) return before

  const isWanted = isToRun(session)
  if (before.since === undefined) return isWanted && isPlayable(machine) ? opened(before, seen) : before
  if (isPlayable(machine) && !isAnotherStretch(before.since, machine)) {
    // Not confirmed, the machine may have ceased to play long ago: the interval waits for the evidence.
    return isWanted || !isPlayConfirmed ? before : closed(before, { at: now, limitSeconds })
  }
  const at = lastEvidence({ since: before.since, machine, now })
  const lost = { ...closed(before, { at, limitSeconds }), lost: { at } }
  return isWanted && isPlayable(machine) ? opened(lost, seen) : lost
}

/** The same with nothing left open, for good. */
export function finalBilling({
  session,
  billing,
  now,
  settings,
}: Pick<Sight, 'session' | 'now' | 'settings'> & { billing: Billing }): Billing {
  return { ...closed(billing, { at: now, limitSeconds: grantedSeconds(session, settings) }), final: true }
}

/** Seconds played until now, with fractions, those of the open interval included. */
export function playedSeconds({ seconds, since }: Billing, now: Date): number {
  return seconds + (since === undefined ? 0 : Math.max(0, secondsBetween({ from: since, to: now })))
}

/** What is granted in all: the paid seconds and the grace. A session that is not metered has no end. */
export function grantedSeconds({ spec }: GameSession, { paidGraceSeconds }: GameSessionSettings): number {
  return spec.paidSeconds === undefined ? Number.POSITIVE_INFINITY : spec.paidSeconds + paidGraceSeconds
}

/** When the paid seconds will have been played; `undefined` when nothing is open or nothing is metered. */
export function paidUntil({ seconds, since }: Billing, paidSeconds: number | undefined): Date | undefined {
  if (since === undefined || paidSeconds === undefined) return undefined
  return new Date(since.getTime() + Math.max(0, paidSeconds - seconds) * 1000)
}

function recorded(billing: GameSessionStatus['billing']): Billing {
  return {
    seconds: billing?.seconds ?? 0,
    since: billing?.since === undefined ? undefined : new Date(billing.since),
    final: billing?.final ?? false,
    lost: undefined,
  }
}

function opened(billing: Billing, { session, machine, now }: Sight): Billing {
  const notBefore = [playableSince(machine) ?? now, closedBefore(session)].flatMap(time => time?.getTime() ?? [])
  return { ...billing, since: new Date(Math.max(...notBefore)) }
}

/** The last interval ended by then; its transition is told in whole seconds, so the next one counts. */
export function closedBefore({ status }: GameSession): Date | undefined {
  const playable = condition(status?.conditions, 'Playable')
  if (playable?.status !== 'False' || status?.readyAt === undefined) return undefined
  return new Date(new Date(playable.lastTransitionTime).getTime() + 1000)
}

/** The stream was lost and came back between two looks: the interval on record belongs to the stretch before. */
function isAnotherStretch(since: Date, machine: GpuVm | undefined): boolean {
  const stretch = playableSince(machine)
  return stretch !== undefined && stretch.getTime() > since.getTime()
}

/** The earliest sign of the end that lies within the interval; its start when there is none, in the player's favour. */
function lastEvidence({ since, machine, now }: { since: Date; machine: GpuVm | undefined; now: Date }): Date {
  const within = lastSigns(machine)
    .map(sign => sign.getTime())
    .filter(time => time >= since.getTime() && time <= now.getTime())
  return within.length === 0 ? since : new Date(Math.min(...within))
}

function closed(billing: Billing, { at, limitSeconds }: { at: Date; limitSeconds: number }): Billing {
  const { seconds, since } = billing
  if (since === undefined) return billing
  const played = Math.floor(secondsBetween({ from: since, to: at }))
  return { ...billing, seconds: seconds + Math.max(0, Math.min(played, limitSeconds - seconds)), since: undefined }
}
