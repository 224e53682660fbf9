// `toISOString` at a twentieth of its cost, for what is said of now: in each line of a log, in nearly each statement.

/** A power of two. Seconds that are old share their slots with others, and are then written out anew. */
const SLOTS = 64
const seconds = new Array<number>(SLOTS).fill(Number.NaN)
/** Of that second, all but its milliseconds and the Z. */
const texts = new Array<string>(SLOTS).fill('')

/** The milliseconds of a Date as RFC 3339 in UTC, with milliseconds. Throws `RangeError` for one that is invalid. */
export function isoTime(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000)
  const slot = second & (SLOTS - 1)
  if (seconds[slot] !== second) {
    texts[slot] = new Date(second * 1000).toISOString().slice(0, -'000Z'.length)
    seconds[slot] = second
  }
  const rest = milliseconds - second * 1000
  return `${texts[slot]}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
}
