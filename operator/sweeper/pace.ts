// When to sweep next. A sweep lists everything of ours, and its cost grows by pages; with a large fleet it comes more
// seldom, but never later than what it has seen without an owner may go.
import { KINDS } from './orphans.ts'

/** Resources on a page. */
const PAGE = 200
/** Pages a minute: with those of the fleet's list (gpuvm/fleet.ts) somewhat less than half of Azure's List budget of 300. */
const PAGES_PER_MINUTE = 50

/**
 * Seconds from one sweep to the next. `ripeInSeconds`: for each resource without an owner, until its grace is over; below
 * zero for one that could not be deleted. `speed`: how many times faster than in earnest Azure's time runs.
 */
export function secondsUntilNextSweep(of: {
  sweepSeconds: number
  tagged: number
  ripeInSeconds: readonly number[]
  speed: number
}): number {
  const { sweepSeconds, tagged, ripeInSeconds, speed } = of
  const pages = KINDS.length + tagged / PAGE // Each kind has a page of its own at least.
  const usual = Math.max(sweepSeconds, (pages * 60) / PAGES_PER_MINUTE / speed)
  const awaited = ripeInSeconds.map(seconds => (seconds > 0 ? Math.max(sweepSeconds / 2, seconds) : sweepSeconds))
  return Math.min(usual, ...awaited)
}
