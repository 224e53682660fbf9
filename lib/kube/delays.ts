// Keys that become due later: a heap by time, and one sleep until the earliest.
import type { Clock } from '../process/clock.ts'
import { pause } from './abort.ts'

interface Entry {
  at: number
  key: string
  priority: number
}

/** Node's timers take 24.8 days at most; a longer wait is slept in parts. */
const LONGEST_SLEEP_SECONDS = 86_400

export class Delays {
  readonly #clock: Clock
  readonly #due: (key: string, priority: number) => void
  readonly #entries = new Map<string, Entry>()
  #heap: Entry[] = []
  #sleep: { until: number; end: AbortController } | undefined

  constructor(options: { clock: Clock; due: (key: string, priority: number) => void }) {
    this.#clock = options.clock
    this.#due = options.due
  }

  get size(): number {
    return this.#entries.size
  }

  /** `undefined` when the key does not wait. */
  priorityOf(key: string): number | undefined {
    return this.#entries.get(key)?.priority
  }

  /** The earlier time wins when the key waits already, and the higher priority. */
  add(key: string, seconds: number, priority: number): void {
    const at = this.#clock.monotonic() + seconds * 1000
    const old = this.#entries.get(key)
    if (old !== undefined && old.at <= at) {
      old.priority = Math.max(old.priority, priority)
      return
    }
    const entry = { at, key, priority: Math.max(priority, old?.priority ?? priority) }
    this.#entries.set(key, entry)
    this.#push(entry)
    this.#compact()
    this.#arm()
  }

  remove(key: string): void {
    this.#entries.delete(key) // Its place in the heap is skipped when its time comes.
    this.#compact()
  }

  clear(): void {
    this.#entries.clear()
    this.#heap = []
    this.#sleep?.end.abort()
    this.#sleep = undefined
  }

  /** A key taken out and put back on every event would else leave a place for each. */
  #compact(): void {
    if (this.#heap.length <= 2 * this.#entries.size + 64) return
    this.#heap = Array.from(this.#entries.values()).sort((left, right) => left.at - right.at)
  }

  #arm(): void {
    const [first] = this.#heap
    if (first === undefined || (this.#sleep !== undefined && this.#sleep.until <= first.at)) return
    this.#sleep?.end.abort()
    const end = new AbortController()
    this.#sleep = { until: first.at, end }
    const seconds = Math.max(0, first.at - this.#clock.monotonic()) / 1000
    void pause(this.#clock, Math.min(seconds, LONGEST_SLEEP_SECONDS), end.signal).then(() => {
      if (end.signal.aborted) return
      this.#sleep = undefined
      this.#release()
    })
  }

  #release(): void {
    const now = this.#clock.monotonic()
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#pop()
      if (this.#entries.get(first.key) !== first) continue
      this.#entries.delete(first.key)
      this.#due(first.key, first.priority)
    }
    this.#arm()
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let place = heap.push(entry) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above.at <= entry.at) break
      heap[place] = above
      place = parent
    }
    heap[place] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      const left = heap[2 * place + 1]
      const right = heap[2 * place + 2]
      const child = right !== undefined && left !== undefined && right.at < left.at ? 2 * place + 2 : 2 * place + 1
      const below = heap[child]
      if (below === undefined || below.at >= last.at) break
      heap[place] = below
      place = child
    }
    heap[place] = last
  }
}
