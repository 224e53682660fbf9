// Lets a long poll wait for a state instead of a time.
import type { Clock } from '../clock.ts'

export class Watch {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** To be called after every change of the state. */
  notify(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  /** What `look` finds, now or after any change; undefined when `seconds` pass without it. */
  async until<Found>(look: () => Found | undefined, seconds: number): Promise<Found | undefined> {
    const timeout = new AbortController()
    const expired = this.#clock.sleep(seconds * 1000, timeout.signal).then(
      () => 'expired' as const,
      () => 'cancelled' as const,
    )
    try {
      for (;;) {
        const found = look()
        if (found !== undefined || seconds <= 0) return found
        const { promise, resolve } = Promise.withResolvers<'changed'>()
        const wake = () => resolve('changed')
        this.#waiting.add(wake)
        const outcome = await Promise.race([promise, expired])
        this.#waiting.delete(wake)
        if (outcome === 'expired') return look()
      }
    } finally {
      timeout.abort()
    }
  }
}
