// Works the queue off. Each topic has its own slots; items of one key never overlap, neither here nor in another replica.
// At least once: a handler's effect must bear repetition.
import { setMaxListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { outage } from '../../lib/database/outage.ts'
import type { Database } from '../../lib/database/pool.ts'
import { inBatches } from '../../lib/process/batches.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { again, bury, type Claimed, claim, done, prolong, reclaim } from './claims.ts'
import { KnownFailure, PermanentError, retryAfterSecondsOf } from './errors.ts'
import { type PayloadOf, type TopicName, topicNames, topics } from './topics.ts'

export interface Handler<Name extends TopicName> {
  /** Items at work at once, of different keys. */
  concurrency: number
  /** After so many the item is dead. `undefined`: tried for ever. */
  attempts?: number
  /** Seconds between two tries at most, where the queue's own maximum is too long to wait. */
  atMostSeconds?: number
  /** Throws `PermanentError` for what no repetition mends, `KnownFailure` where a person was told of that. `signal` is aborted when the lease on the item is lost. */
  handle(payload: PayloadOf<Name>, signal: AbortSignal): Promise<void>
}

export type Handlers = { readonly [Name in TopicName]?: Handler<Name> }

export interface WorkerOptions {
  database: Database
  clock: Clock
  random: () => number
  log: Logger
  handlers: Handlers
  /** Told of each item that is through with. */
  onOutcome?: (outcome: { topic: TopicName; outcome: Outcome['is'] }) => void
  /** Seconds that a claim holds without being prolonged; 5. */
  leaseSeconds?: number
  /** Seconds between looks when nobody woke us: a notification may be lost with its connection. */
  pollSeconds?: number
  backoff?: { initialSeconds: number; maximumSeconds: number }
}

/** Takes items until `stopping` is aborted, then finishes those at work. Never rejects for what a handler threw. */
export async function work(options: WorkerOptions, stopping: AbortSignal): Promise<void> {
  const { database, handlers, log } = options
  const names = topicNames.filter(name => handlers[name] !== undefined)
  const wakes = new Map<string, () => void>()
  const listening = database
    .listen(
      'queue',
      topic => wakes.get(topic)?.(),
      // Also after a lost connection: what came meanwhile was not heard.
      () => {
        for (const wake of wakes.values()) wake()
      },
    )
    .catch((error: unknown) => {
      log.warn({ error }, 'The queue cannot be listened to, and is polled')
      return undefined
    })

  await Promise.all(names.map(name => serve(name, options, { wakes, stopping })))
  const listener = await listening
  await listener?.unlisten().catch(() => undefined) // The connection is closed with the pool in any case.
}

/** A player waits so long when the process at their item is killed. One that is at work is prolonged each third of it. */
const LEASE_SECONDS = 5
const POLL_SECONDS = 2
/** Between two looks at what killed workers left behind. */
const RECLAIM_SECONDS = 1
/** Items that are reported as done by one statement. */
const DONE_AT_ONCE = 100
const BACKOFF = { initialSeconds: 1, maximumSeconds: 300 }

async function serve<Name extends TopicName>(
  name: Name,
  options: WorkerOptions,
  { wakes, stopping }: { wakes: Map<string, () => void>; stopping: AbortSignal },
): Promise<void> {
  const { database, clock, log, handlers } = options
  const { leaseSeconds = LEASE_SECONDS, pollSeconds = POLL_SECONDS } = options
  const handler = handlers[name] as Handler<Name> | undefined // TypeScript widens the name to all of them.
  if (handler === undefined) return
  const atWork = new Set<Promise<void>>()
  const finish = inBatches<Claimed, undefined>({
    limit: DONE_AT_ONCE,
    async run(items) {
      await done(database, items)
      return items.map(() => undefined)
    },
  })
  const trouble = outage(log.child({ topic: name }), 'The queue cannot be read')

  let reclaimedAt = Number.NEGATIVE_INFINITY
  let wake = () => {}
  wakes.set(name, () => wake())
  while (!stopping.aborted) {
    const woken = new Promise<void>(resolve => {
      wake = resolve
    })
    await setImmediate() // Many that were done by one statement are through in the same turn, and are followed by as many.
    const limit = handler.concurrency - atWork.size
    let taken = 0
    try {
      if (clock.monotonic() - reclaimedAt >= RECLAIM_SECONDS * 1000) {
        await reclaim(database)
        reclaimedAt = clock.monotonic()
      }
      const items = limit > 0 ? await claim(database, { topic: name, limit, leaseSeconds }) : []
      taken = items.length
      for (const item of items) {
        const running = attend(name, handler, item, { options, finish }).finally(() => {
          atWork.delete(running)
          wake() // A slot is free, and the next of this key may be taken.
        })
        atWork.add(running)
      }
      trouble.over()
    } catch (error) {
      trouble.failed(error)
    }
    if (taken > 0 && taken === limit && atWork.size < handler.concurrency) continue
    const poll = new AbortController()
    setMaxListeners(0, poll.signal)
    await Promise.race([
      woken,
      clock.sleep(pollSeconds * 1000, AbortSignal.any([stopping, poll.signal])).catch(() => undefined), // Woken, or stopping: the loop looks itself.
    ])
    poll.abort()
  }
  await Promise.all(atWork)
}

/** One item, from claim to outcome. */
async function attend<Name extends TopicName>(
  name: Name,
  handler: Handler<Name>,
  item: Claimed,
  { options, finish }: { options: WorkerOptions; finish: (item: Claimed) => Promise<undefined> },
): Promise<void> {
  const { database, log, onOutcome } = options
  const about = { topic: name, key: item.key, item: String(item.id), attempt: item.attempt }
  try {
    const failure = await handled(name, handler, item, options)
    const outcome = outcomeOf(failure, item, { handler, options })
    switch (outcome.is) {
      case 'Done':
      case 'Known':
        await finish(item)
        break
      case 'Retried':
        log.warn({ ...about, error: failure, afterSeconds: outcome.afterSeconds }, 'An item failed, and is tried again')
        await again(database, item, { ...outcome, error: String(failure) })
        break
      case 'Dead':
        log.error({ ...about, error: failure }, 'An item failed for good; it stays as a dead letter')
        await bury(database, item, String(failure))
        break
      default:
        outcome satisfies never
    }
    onOutcome?.({ topic: name, outcome: outcome.is })
  } catch (error) {
    // The outcome could not be written: the lease runs out, and the item comes again.
    log.error({ ...about, error }, 'The outcome of an item could not be recorded')
  }
}

/** What the handler threw, or `undefined`. */
async function handled<Name extends TopicName>(
  name: Name,
  handler: Handler<Name>,
  item: Claimed,
  options: WorkerOptions,
): Promise<unknown> {
  const { database, clock, leaseSeconds = LEASE_SECONDS } = options
  const finished = new AbortController()
  const lost = new AbortController()
  const keep = async () => {
    for (;;) {
      await clock.sleep((leaseSeconds * 1000) / 3, finished.signal)
      // Unreachable is not lost yet: the next third may reach it.
      if (!(await prolong(database, item, leaseSeconds).catch(() => true))) lost.abort(new Error('The lease is lost.'))
    }
  }
  const kept = keep().catch(() => undefined) // Ends by `finished` alone.
  try {
    const payload = parsed(name, item.payload)
    await handler.handle(payload, lost.signal)
    return undefined
  } catch (error) {
    return error ?? new Error('The handler threw nothing.')
  } finally {
    finished.abort()
    await kept
  }
}

const UNREADABLE = 'PayloadUnknown'

function parsed<Name extends TopicName>(name: Name, payload: unknown): PayloadOf<Name> {
  const result = topics[name].payload.safeParse(payload)
  if (!result.success) {
    throw new PermanentError(UNREADABLE, `The item is none of ${name}, as this version knows it.`, {
      cause: result.error,
    })
  }
  return result.data as PayloadOf<Name> // Parsed by this topic's own schema.
}

/** `Known`: failed for good, and lies as a dead letter already. */
type Outcome = { is: 'Done' | 'Known' | 'Dead' } | { is: 'Retried'; afterSeconds: number; counts: boolean }

/** What a version cannot read, a newer one may have queued that runs beside it: for so long it is left for that one. */
const ROLLOUT_SECONDS = 1800
/** Seconds until it is free for the newer one again; no attempt of its own is used up by that. */
const UNREAD_SECONDS = 10

function outcomeOf<Name extends TopicName>(
  failure: unknown,
  { attempt, ageSeconds }: Claimed,
  { handler, options }: { handler: Handler<Name>; options: WorkerOptions },
): Outcome {
  if (failure === undefined) return { is: 'Done' }
  if (failure instanceof KnownFailure) return { is: 'Known' }
  const { initialSeconds, maximumSeconds } = options.backoff ?? BACKOFF
  const jitter = 0.5 + options.random() / 2
  if (failure instanceof PermanentError && failure.code === UNREADABLE && ageSeconds < ROLLOUT_SECONDS) {
    return { is: 'Retried', afterSeconds: Math.min(UNREAD_SECONDS, maximumSeconds) * jitter, counts: false }
  }
  if (failure instanceof PermanentError) return { is: 'Dead' }
  if (handler.attempts !== undefined && attempt >= handler.attempts) return { is: 'Dead' }
  const longest = Math.min(maximumSeconds, handler.atMostSeconds ?? maximumSeconds)
  const ceiling = Math.min(longest, initialSeconds * 2 ** Math.min(attempt - 1, 32))
  return { is: 'Retried', afterSeconds: Math.max(ceiling * jitter, retryAfterSecondsOf(failure) ?? 0), counts: true }
}
