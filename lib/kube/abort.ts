// Waits that end: by themselves, by their caller's signal, or by a deadline on the runtime's own clock.
import type { Clock } from '../process/clock.ts'

export interface Deadline {
  clock: Clock
  signal: AbortSignal
  /** How long the work may take; a function is asked again when it is over, so that signs of life put it off. */
  seconds: number | (() => number)
  reason: Error
}

/**
 * Runs `work` under a signal that is aborted with `signal`, or with `reason` after `seconds`. Leaves no timer and no
 * listener behind. Work that does not heed its signal is waited for all the same.
 */
export async function withDeadline<T>(deadline: Deadline, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, signal, seconds, reason } = deadline
  const own = new AbortController()
  const timer = new AbortController()
  const abort = () => own.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  void expired({ clock, signal: timer.signal, seconds }).then(isOver => {
    if (isOver) own.abort(reason)
  })
  try {
    return await work(own.signal)
  } finally {
    timer.abort()
    signal.removeEventListener('abort', abort)
  }
}

/** False when the work was done first. */
async function expired({ clock, signal, seconds }: Omit<Deadline, 'reason'>): Promise<boolean> {
  const left = typeof seconds === 'number' ? once(seconds) : seconds
  for (let wait = left(); wait > 0 && !signal.aborted; wait = left()) await pause(clock, wait, signal)
  return !signal.aborted
}

function once(seconds: number): () => number {
  let left = seconds
  return () => {
    const given = left
    left = 0
    return given
  }
}

/** Sleeps; an abort ends the sleep early, without a throw: whoever loops looks at the signal anyway. */
export async function pause(clock: Clock, seconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await clock.sleep(seconds * 1000, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
