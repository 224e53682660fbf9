// A limit on the events of one object: 25 at once, then one in five minutes (client-go `tools/record`).
import type { Clock } from '../process/clock.ts'

const BURST = 25
const REFILL_SECONDS = 300
/** Objects remembered; a forgotten one starts with a full bucket. */
const OBJECTS_LIMIT = 4096

export class SpamGuard {
  readonly #clock: Clock
  readonly #buckets = new Map<string, { left: number; at: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes one from the object's bucket; false when it is empty. */
  permits(object: string): boolean {
    const now = this.#clock.monotonic()
    const { left, at } = this.#buckets.get(object) ?? { left: BURST, at: now }
    const filled = Math.min(BURST, left + (now - at) / 1000 / REFILL_SECONDS)
    const isPermitted = filled >= 1
    this.#buckets.delete(object) // To the end, as the youngest.
    if (this.#buckets.size >= OBJECTS_LIMIT) this.#buckets.delete(this.#buckets.keys().next().value ?? object)
    this.#buckets.set(object, { left: isPermitted ? filled - 1 : filled, at: now })
    return isPermitted
  }
}
