// One budget of requests for one principal, shared by everything that asks Azure: looks, lists and changes. A call waits
// until each of the limits that it counts against has room; who is more urgent goes first. What Azure's replies say
// is left rules over our own count, and a 429 pauses the one bucket that it names.
//
// A line that stands for longer than a few seconds would keep workers from more urgent machines, so that a call which
// could not go in that time is refused here and told when to come back, as Azure itself would tell it: by how many are
// before it, in the line or sent away themselves. Among equally urgent ones whoever asked first for anything at all is
// before, so that of thousands the first are done first, and no call is lost that Azure would have permitted.
import { pause } from '../../lib/kube/abort.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { AzureError, BUDGET_SPENT } from './errors.ts'
import type { Limit, Reading } from './limits.ts'

/** The most urgent first. Whoever is thrown out of a game, or costs money for nothing, goes before whoever begins. */
export const URGENCIES = ['Rescue', 'Removal', 'Watch', 'Standing', 'Creation', 'Sweep'] as const
export type Urgency = (typeof URGENCIES)[number]

/** Seconds for which a call waits in line at most. */
const PATIENCE_SECONDS = 3
/** Seconds by which those that were sent away come back early: a token that is there finds somebody in the line. */
const EARLY_SECONDS = 1
/** Calls in line at most; one more is told to come back. */
const LONGEST_LINE = 2000
/** Askers whose place is kept; the first of them are done long since. */
const ASKERS = 50_000
/** Buckets kept before those that are full, and so as good as none, are dropped. */
const BUCKETS = 20_000

export interface Budget {
  /**
   * Resolves when the call may go; `settled` has to be called when its reply is there, or none will come. Rejects with
   * the signal's reason, or with `AzureError` of code `RequestBudgetSpent` and the seconds after which to come back.
   * An `asker` keeps its place among those that are as urgent, whatever it asks for and however often.
   */
  admit(limits: readonly Limit[], urgency: Urgency, signal: AbortSignal, asker?: string): Promise<Admission>
  /** Calls in line now, by urgency. */
  waiting(): Record<Urgency, number>
}

export interface Admission {
  settled(readings: readonly Reading[]): void
}

interface Bucket {
  limit: Limit
  tokens: number
  /** Monotonic milliseconds: when `tokens` was so. */
  at: number
  /** Azure refuses until then. */
  pausedUntil: number
  /** Calls that are under way, of which no reply has told yet. */
  underWay: number
}

/** Where a call stands: before all of a higher number in the first, then in the second. */
interface Turn {
  limits: readonly Limit[]
  urgency: number
  order: number
}

interface Waiter extends Turn {
  asker: string | symbol
  signal: AbortSignal
  go: () => void
  refuse: (reason: unknown) => void
  /** Monotonic milliseconds. */
  until: number
}

export function budget(options: {
  clock: Clock
  /** How many times faster than in earnest Azure's limits refill. 1 against the real Azure. */
  speed?: number
}): Budget {
  const { clock, speed = 1 } = options
  const buckets = new Map<string, Bucket>()
  const line: Waiter[] = []
  /** Those that were told to come back, until they should have. */
  const away = new Map<string | symbol, Turn & { until: number }>()
  const orders = new Map<string, number>()
  let arrivals = 0
  let alarm: AbortController | undefined

  function bucketOf(limit: Limit): Bucket {
    const now = clock.monotonic()
    const bucket = buckets.get(limit.bucket) ?? { limit, tokens: limit.burst, at: now, pausedUntil: 0, underWay: 0 }
    buckets.set(limit.bucket, bucket)
    if (now > bucket.at) {
      const refilled = ((now - bucket.at) / 1000) * limit.refillPerSecond * speed
      bucket.tokens = Math.min(limit.burst, bucket.tokens + refilled)
      bucket.at = now
    }
    return bucket
  }

  /** Milliseconds until it has room for one more call. */
  function wait(limit: Limit): number {
    const { tokens, pausedUntil, at } = bucketOf(limit)
    const refill = tokens >= 1 ? 0 : ((1 - tokens) / (limit.refillPerSecond * speed)) * 1000
    return Math.max(refill, pausedUntil - at)
  }

  function take(limits: readonly Limit[]): void {
    for (const limit of limits) {
      const bucket = bucketOf(limit)
      bucket.tokens -= 1
      bucket.underWay += 1
    }
    if (buckets.size > BUCKETS) forgetFull()
  }

  function forgetFull(): void {
    for (const [name, { limit, underWay }] of buckets) {
      const { tokens, pausedUntil, at } = bucketOf(limit)
      if (underWay === 0 && pausedUntil <= at && tokens >= limit.burst) buckets.delete(name)
    }
  }

  /** Lets go whoever can go. A bucket that somebody more urgent lacks is not drawn on by those behind. */
  function pump(): void {
    alarm?.abort()
    alarm = undefined
    const lacking = new Set<string>()
    let soonest = Number.POSITIVE_INFINITY
    for (const waiter of [...line]) {
      const blocked = waiter.limits.filter(limit => lacking.has(limit.bucket) || wait(limit) > 0)
      if (blocked.length === 0) {
        line.splice(line.indexOf(waiter), 1)
        take(waiter.limits)
        waiter.go()
        continue
      }
      for (const limit of blocked) {
        if (!lacking.has(limit.bucket)) soonest = Math.min(soonest, wait(limit))
        lacking.add(limit.bucket)
      }
      soonest = Math.min(soonest, waiter.until - clock.monotonic())
    }
    if (line.length > 0) void ring(Math.max(1, soonest))
  }

  async function ring(milliseconds: number): Promise<void> {
    alarm = new AbortController()
    const { signal } = alarm
    await pause(clock, milliseconds / 1000, signal)
    if (signal.aborted) return
    const now = clock.monotonic()
    for (const waiter of line.filter(({ until }) => until <= now)) leave(waiter, sentAway(waiter, waiter.asker))
    pump()
  }

  function leave(waiter: Waiter, reason: unknown): void {
    const index = line.indexOf(waiter)
    if (index < 0) return
    line.splice(index, 1)
    waiter.refuse(reason)
  }

  function orderOf(asker: string | undefined): number {
    const known = asker === undefined ? undefined : orders.get(asker)
    if (known !== undefined) return known
    const order = arrivals++
    if (asker !== undefined) orders.set(asker, order)
    const [oldest] = orders.size > ASKERS ? orders.keys() : []
    if (oldest !== undefined) orders.delete(oldest)
    return order
  }

  /** Seconds until its turn would come, by all that are before it. */
  function secondsUntil(turn: Turn): number {
    const now = clock.monotonic()
    const seconds = turn.limits.map(limit => {
      let before = 0
      const count = (other: Turn) => {
        if (isBefore(other, turn) && other.limits.some(({ bucket }) => bucket === limit.bucket)) before += 1
      }
      for (const other of line) count(other)
      for (const [asker, other] of away) {
        if (other.until > now) count(other)
        else away.delete(asker)
      }
      const { tokens, pausedUntil, at } = bucketOf(limit)
      return Math.max((pausedUntil - at) / 1000, (before + 1 - tokens) / (limit.refillPerSecond * speed))
    })
    return Math.max(...seconds, 0)
  }

  /** Its place is kept, so that those who are sent away do not all come back at once. */
  function sentAway(turn: Turn, asker: string | symbol): AzureError {
    const seconds = secondsUntil(turn)
    const { limits, urgency, order } = turn
    away.set(asker, { limits, urgency, order, until: clock.monotonic() + (seconds + PATIENCE_SECONDS) * 1000 })
    const pausedSeconds = Math.max(0, ...limits.map(bucketOf).map(({ pausedUntil, at }) => (pausedUntil - at) / 1000))
    const retryAfterSeconds = Math.max(seconds - EARLY_SECONDS, pausedSeconds, 0.05)
    const message = 'The requests that Azure permits in this time are spent on what is more urgent, or came before.'
    return new AzureError(BUDGET_SPENT, message, { retryAfterSeconds })
  }

  function settle(limits: readonly Limit[], readings: readonly Reading[]): void {
    for (const limit of limits) bucketOf(limit).underWay -= 1
    for (const reading of readings) {
      const limit = limits.find(({ bucket }) => bucket === reading.bucket)
      if (limit === undefined) continue
      const bucket = bucketOf(limit)
      // Whatever is under way may not have been counted yet when the reply was written.
      if ('left' in reading) bucket.tokens = Math.min(bucket.tokens, reading.left - bucket.underWay)
      else {
        bucket.tokens = Math.min(bucket.tokens, 0)
        bucket.pausedUntil = Math.max(bucket.pausedUntil, clock.monotonic() + reading.pausedSeconds * 1000)
      }
    }
  }

  function admission(limits: readonly Limit[]): Admission {
    let isSettled = false
    return {
      settled(readings) {
        if (isSettled) return
        isSettled = true
        settle(limits, readings)
      },
    }
  }

  return {
    async admit(limits, urgency, signal, asker) {
      signal.throwIfAborted()
      const key = asker ?? Symbol('asker')
      away.delete(key)
      const turn = { limits, urgency: URGENCIES.indexOf(urgency), order: orderOf(asker) }
      if (line.length >= LONGEST_LINE || secondsUntil(turn) > PATIENCE_SECONDS) throw sentAway(turn, key)
      await new Promise<void>((resolve, reject) => {
        const abort = () => leave(waiter, signal.reason)
        const unhook = <Value>(then: (value: Value) => void) => {
          return (value: Value) => {
            signal.removeEventListener('abort', abort)
            then(value)
          }
        }
        const until = clock.monotonic() + PATIENCE_SECONDS * 1000
        const [go, refuse] = [unhook<void>(resolve), unhook(reject)]
        const waiter: Waiter = { ...turn, asker: key, signal, until, go, refuse }
        signal.addEventListener('abort', abort, { once: true })
        const behind = line.findIndex(other => isBefore(waiter, other))
        line.splice(behind < 0 ? line.length : behind, 0, waiter)
        pump()
      })
      return admission(limits)
    },
    waiting() {
      const counts = { Rescue: 0, Removal: 0, Watch: 0, Standing: 0, Creation: 0, Sweep: 0 }
      for (const { urgency } of line) {
        const name = URGENCIES[urgency]
        if (name !== undefined) counts[name] += 1
      }
      return counts
    },
  }
}

function isBefore(one: Turn, other: Turn): boolean {
  return one.urgency === other.urgency ? one.order < other.order : one.urgency < other.urgency
}
