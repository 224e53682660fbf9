// A session's time as its receipt tells it: stretches of play with what each cost, and between them the interruptions
// that cost nothing. The parts add up to the paisa. Pure.
import { price, smaller } from '../wallet/price.ts'

export interface Stretch {
  kind: 'Play' | 'Interruption'
  since: Date
  /** `undefined` while it lasts. */
  seconds: bigint | undefined
  cause: string | undefined
}

export interface AxisLine {
  kind: 'Play' | 'Interruption'
  at: Date
  seconds: bigint
  cause: string | undefined
  /** What it cost. Nothing beyond the paid seconds does. */
  paise: bigint
}

export interface Axis {
  stretches: readonly Stretch[]
  /** When it could first be played. */
  readyAt: Date
  /** Billable seconds in all, which the stretches of play add up to. */
  playedSeconds: bigint
  paidSeconds: bigint
  ratePaisePerHour: bigint
}

export function timeAxis(axis: Axis): AxisLine[] {
  const { playedSeconds, paidSeconds, ratePaisePerHour } = axis
  let before = 0n
  const priceOf = (seconds: bigint) => price({ ratePaisePerHour, seconds: smaller(seconds, paidSeconds) })
  return inOrder([...playOf(axis), ...interruptionsOf(axis)]).map(({ kind, since, seconds = 0n, cause }) => {
    if (kind === 'Interruption') return { kind, at: since, seconds, cause, paise: 0n }
    const counted = smaller(seconds, playedSeconds - before)
    const paise = priceOf(before + counted) - priceOf(before)
    before += counted
    return { kind, at: since, seconds: counted, cause: undefined, paise }
  })
}

/** The stretches of play on record, and for the rest, which nobody watched, the gaps that it must have lain in. */
function playOf(axis: Axis): Stretch[] {
  const { stretches, readyAt, playedSeconds } = axis
  const known: Stretch[] = []
  let rest = playedSeconds
  for (const stretch of inOrder(stretches)) {
    const seconds = stretch.kind === 'Play' ? smaller(stretch.seconds ?? 0n, rest) : 0n
    if (seconds === 0n) continue
    known.push({ ...stretch, seconds })
    rest -= seconds
  }
  const starts = inOrder(stretches).flatMap(stretch => (stretch.kind === 'Interruption' ? endOf(stretch) : []))
  const unwatched = [readyAt, ...starts].filter(start => !known.some(each => isWithin(start, each)))
  const found: Stretch[] = []
  for (const [index, since] of unwatched.entries()) {
    if (rest === 0n) break
    const next = [...stretches, ...known].map(each => each.since.getTime()).filter(time => time > since.getTime())
    const room = next.length === 0 ? rest : BigInt(Math.floor((Math.min(...next) - since.getTime()) / 1000))
    const seconds = index === unwatched.length - 1 ? rest : smaller(rest, room)
    if (seconds > 0n) found.push({ kind: 'Play', since, seconds, cause: undefined })
    rest -= seconds
  }
  if (rest === 0n) return [...known, ...found]
  // Nowhere to put it: longer than what is on record says. The last stretch was.
  const last = known.at(-1)
  return [
    ...known.slice(0, -1),
    { kind: 'Play', since: last?.since ?? readyAt, seconds: (last?.seconds ?? 0n) + rest, cause: undefined },
  ]
}

function interruptionsOf({ stretches }: Axis): Stretch[] {
  return stretches.filter(({ kind }) => kind === 'Interruption')
}

function endOf({ since, seconds = 0n }: Stretch): Date {
  return new Date(since.getTime() + Number(seconds) * 1000)
}

/** Told in whole seconds here and with fractions there, one moment may be two. */
const SAME_SECONDS = 2

function isWithin(moment: Date, { since, seconds = 0n }: Stretch): boolean {
  const offset = (moment.getTime() - since.getTime()) / 1000
  return offset >= -SAME_SECONDS && offset < Number(seconds)
}

function inOrder(stretches: readonly Stretch[]): Stretch[] {
  return stretches.toSorted((one, other) => one.since.getTime() - other.since.getTime())
}
