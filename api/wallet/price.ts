// What play costs. Whole paise by whole seconds, rounded down once over the total: charging by the tick would lose or
// take a paisa with every tick.

const SECONDS_PER_HOUR = 3600n

/** Paise for the whole of `seconds` (0 or more), at a rate of paise per hour (1 or more). */
export function price(play: { ratePaisePerHour: bigint; seconds: bigint }): bigint {
  return (play.ratePaisePerHour * play.seconds) / SECONDS_PER_HOUR
}

/** The most whole seconds whose price is at most `paise`. */
export function affordableSeconds(purse: { ratePaisePerHour: bigint; paise: bigint }): bigint {
  const { ratePaisePerHour, paise } = purse
  if (paise < 0n) return 0n
  return ((paise + 1n) * SECONDS_PER_HOUR - 1n) / ratePaisePerHour
}

/** What is to be charged for play of which `paidSeconds` are paid for: what goes beyond them is grace, and free. */
export function priceWithin(play: { ratePaisePerHour: bigint; playedSeconds: bigint; paidSeconds: bigint }): bigint {
  const { ratePaisePerHour, playedSeconds, paidSeconds } = play
  return price({ ratePaisePerHour, seconds: smaller(playedSeconds, paidSeconds) })
}

/** Math.min for bigint. */
export function smaller(left: bigint, right: bigint): bigint {
  return right < left ? right : left
}
