/** Longest log of calls and deliveries; the oldest entries go first. */
export const HISTORY_LIMIT = 20_000

/** Appends to a log that forgets its oldest entries. */
export function append<Entry>(log: Entry[], entry: Entry): void {
  log.push(entry)
  if (log.length > HISTORY_LIMIT) log.splice(0, log.length - HISTORY_LIMIT)
}

/** The next number of a log; entries are asked for by it. */
export function nextSeq(state: { seq: number }): number {
  state.seq += 1
  return state.seq
}
