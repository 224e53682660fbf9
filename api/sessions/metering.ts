// When a session's hold is to grow, when its player is to be warned, and when to look again. Pure.
import { smaller } from '../wallet/price.ts'

/** Minutes left, hold and wallet together, at which the player is warned; once at each. */
export const WARN_MINUTES = [10, 5, 2] as const
/** A hold grows by so many blocks at once, at least where the wallet reaches, and at most. */
const SHORTEST_BLOCKS = 2n
const LONGEST_BLOCKS = 4n
/**
 * Each growth is two writes to Kubernetes: ours of `paidSeconds`, and the operator's of the status, which has to say that
 * it has seen this generation (`kubectl wait` goes by that) and until when is paid.
 */
export const WRITES_PER_GROWTH = 2
/**
 * Seconds before the end of what is held at which it grows in any case. A process that is killed with the growth in its
 * hands keeps it for its lease, 5 s, and the next may be killed as well.
 */
const LEAD_SECONDS = 60n
/** And at most: whoever plays for less than the first block costs no growth. */
const LONGEST_LEAD_SECONDS = 450n
/** Seconds between two looks at most, and at least. */
const LONGEST_SECONDS = 60
const SHORTEST_SECONDS = 1

/**
 * Seconds by which a hold grows: half of what hold and wallet can still pay for, so that of a small wallet something stays
 * free to be paid back; no less than two blocks, and no more than four. With blocks of an hour ten thousand sessions then
 * cost less than three writes a second, the operator's among them (docs/money.md).
 */
export function growthSeconds({ leftSeconds, blockSeconds }: { leftSeconds: bigint; blockSeconds: bigint }): bigint {
  const shortest = blockSeconds * SHORTEST_BLOCKS
  const half = leftSeconds / 2n
  return half <= shortest ? shortest : smaller(half, blockSeconds * LONGEST_BLOCKS)
}

/** Seconds of what is paid at which it grows: half a short block, and time enough for the cluster to hear of it. */
export function leadSeconds(blockSeconds: bigint): bigint {
  const half = blockSeconds / 2n
  return half < LEAD_SECONDS ? LEAD_SECONDS : smaller(half, LONGEST_LEAD_SECONDS)
}

/** Whether so little is left of what is paid that it is to grow, while it is being played. */
export function isGrowthDue(play: {
  isPlaying: boolean
  paidSeconds: bigint
  playedSeconds: bigint
  blockSeconds: bigint
}): boolean {
  const { isPlaying, paidSeconds, playedSeconds, blockSeconds } = play
  return isPlaying && paidSeconds - playedSeconds <= leadSeconds(blockSeconds)
}

export interface Warning {
  /** Whole minutes of play left, when the player is to be told so now. */
  tell: number | undefined
  /** What is to be remembered: the lowest threshold told of; `undefined` when all are ahead again. */
  toldMinutesLeft: number | undefined
}

export function warningOf(reach: { leftSeconds: bigint; toldMinutesLeft: number | undefined }): Warning {
  const { leftSeconds, toldMinutesLeft } = reach
  const minutes = Number(leftSeconds > 0n ? leftSeconds / 60n : 0n)
  const crossed = WARN_MINUTES.filter(threshold => minutes < threshold).at(-1)
  if (crossed === undefined) return { tell: undefined, toldMinutesLeft: undefined }
  const isNew = toldMinutesLeft === undefined || crossed < toldMinutesLeft
  // After a small top-up it rises without a word, so that the thresholds below are told of again.
  return { tell: isNew ? minutes : undefined, toldMinutesLeft: crossed }
}

/** Seconds until the next look: at the next growth or warning, whichever comes first. */
export function nextLookSeconds(play: {
  isPlaying: boolean
  /** Until what is held is played. */
  heldSeconds: bigint
  /** Until hold and wallet are played. */
  leftSeconds: bigint
  blockSeconds: bigint
}): number {
  const { isPlaying, heldSeconds, leftSeconds, blockSeconds } = play
  if (!isPlaying) return LONGEST_SECONDS // A change of that is seen, and brings us here at once.
  const growth = Number(heldSeconds - leadSeconds(blockSeconds))
  const warnings = WARN_MINUTES.map(minutes => Number(leftSeconds) - minutes * 60 + 1)
  const ahead = [growth, ...warnings].filter(seconds => seconds > 0)
  return Math.max(SHORTEST_SECONDS, Math.min(LONGEST_SECONDS, ...ahead))
}
