// A limit on how often all keys of a queue together are tried again, so that an outage met by ten thousand keys is not
// answered by ten thousand retries at once (client-go `DefaultTypedControllerRateLimiter`: ten a second, a hundred in a
// burst). Keys asked for by a change, or after the time a verdict named, are not counted.
import type { Clock } from '../process/clock.ts'

export interface RetryLimit {
  perSecond: number
  burst: number
}

export class RetryBudget {
  readonly #clock: Clock
  readonly #limit: RetryLimit
  /** Below zero: retries promised for later. */
  #left: number
  #at: number

  constructor(clock: Clock, limit: RetryLimit) {
    this.#clock = clock
    this.#limit = limit
    this.#left = limit.burst
    this.#at = clock.monotonic()
  }

  /** Takes one; the seconds until it may be used. */
  takeSeconds(): number {
    const { perSecond, burst } = this.#limit
    const now = this.#clock.monotonic()
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1000) * perSecond) - 1
    this.#at = now
    return Math.max(0, -this.#left / perSecond)
  }
}
