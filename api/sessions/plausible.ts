// Which figures of a GameSession cannot be true. They are not taken into the books: a person has to look. Pure.
import type { GameSession } from '../../crds/types/gamesession.ts'

/** Seconds by which clocks may differ, and an operator may come late to an end that is due. */
export const MARGIN_SECONDS = 60

/** Why the billable seconds cannot be true, as a sentence; `undefined` when they can. */
export function impossibility(seen: {
  object: GameSession
  /** As far as the wallet has paid. The object's own may be more: an SRE can give on top. */
  paidSeconds: bigint
  graceSeconds: number
  /** When our books saw it ready; for an object whose status was lost, and says it no more. */
  seenReadyAt: Date | undefined
  now: Date
}): string | undefined {
  const { object, paidSeconds, graceSeconds, seenReadyAt, now } = seen
  const { billing, readyAt } = object.status ?? {}
  const seconds = billing?.seconds ?? 0
  if (seconds === 0) return undefined
  const paid = Math.max(Number(paidSeconds), object.spec.paidSeconds ?? 0)
  if (seconds > paid + graceSeconds + MARGIN_SECONDS) {
    return `${seconds} s were played of ${paid} s paid and ${graceSeconds} s of grace`
  }
  const firstPlayable = readyAt === undefined ? seenReadyAt?.getTime() : Date.parse(readyAt)
  if (firstPlayable === undefined) return `${seconds} s were played, and it was never Ready`
  // Whoever's clock is ahead counts: the operator's may be, and its figures are by its clock.
  const wallSeconds = (latest(object, now) - firstPlayable) / 1000
  if (seconds > wallSeconds + MARGIN_SECONDS) {
    return `${seconds} s were played in the ${Math.max(0, Math.floor(wallSeconds))} s since it was ready`
  }
  return undefined
}

function latest({ status }: GameSession, now: Date): number {
  const told = status?.conditions?.map(({ lastTransitionTime }) => Date.parse(lastTransitionTime)) ?? []
  const since = status?.billing?.since === undefined ? [] : [Date.parse(status.billing.since)]
  return Math.max(now.getTime(), ...told, ...since)
}
