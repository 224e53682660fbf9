// What was asked of Azure, granted, refused and taken back, and what decisions were made from, written to the operator's
// own database in batches. It is a help, never a need: noting never waits and never throws, and without a database
// everything else works.
import { pause } from '../../lib/kube/abort.ts'
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { Seen } from '../capacity/eviction-rates.ts'
import { BELIEVED_SECONDS } from '../capacity/experience.ts'
import type { Place } from '../capacity/refusals.ts'
import { backlog } from './backlog.ts'

export interface CapacityEvent extends Place {
  /** `Unfit`: the zone is none for this machine, or for anybody. */
  kind: 'Asked' | 'Granted' | 'Refused' | 'Unfit' | 'Evicted' | 'Released'
  at: Date
  gpuVmUid: string
  /** For `Granted`: when it was asked for, where that is known; the history does not keep it. */
  askedAt?: Date
  /** Azure's code and what it said with it, for `Refused` and `Unfit`. */
  code?: string
  message?: string
  /** US dollars, where it is known. */
  hourlyPriceUsd?: number
}

/** A decision about a machine, as the flight recorder wrote it. */
export interface KeptDecision {
  at: Date
  namespace: string
  name: string
  gpuVmUid: string
  record: string
}

export interface MachineName {
  namespace: string
  name: string
}

/** Where the notes go. All throw while the database is away. */
export interface HistoryStore {
  /** Brings the schema up to date. Called again after a failure. */
  prepare(): Promise<void>
  append(events: readonly CapacityEvent[]): Promise<void>
  keep(decisions: readonly KeptDecision[]): Promise<void>
  /** The last decisions on machines of this name, the oldest first. */
  decisionsOf(machine: MachineName): Promise<string[]>
  /** What spot machines went through since then, by place. */
  recall(window: { since: Date; until: Date }): Promise<Seen[]>
  /** What Azure granted, refused and was given back within the window, the oldest first; the newest of a great many. */
  answers(window: { since: Date; until: Date }): Promise<CapacityEvent[]>
  /** Deletes what is older. */
  forget(before: { events: Date; decisions: Date }): Promise<void>
  close(): Promise<void>
}

/** What earlier processes saw. */
export interface Recalled {
  /** How often spot was taken back. */
  rates: Seen[]
  /**
   * What Azure answered before this process began; empty when the database came late, since what was seen meanwhile is
   * truer.
   */
  answers: CapacityEvent[]
}

export interface History extends Runnable {
  /** Once the first look into the database is over, whatever came of it, or has taken too long. */
  readonly recalled: Promise<void>
  note(event: CapacityEvent): void
  keep(decision: KeptDecision): void
  /** What the database has of machines of this name, the oldest first. Throws while it is away. */
  decisionsOf(machine: MachineName): Promise<string[]>
}

/** Kept while the database is away. */
const EVENTS = { most: 10_000, batch: 500 }
/** A decision takes some 5,000 characters. */
const DECISIONS = { most: 2_000, batch: 100 }
const FLUSH_SECONDS = 2
const RETRY_SECONDS = 15
/** What is older says little of today's evictions. */
const RECALLED_DAYS = 7
/** For so long whoever places sessions waits for what was refused before. */
const RECALL_PATIENCE_SECONDS = 5
const KEPT_DAYS = { events: 90, decisions: 7 }
const FORGET_SECONDS = 6 * 3600
const DAY = 24 * 3600 * 1000

export function history(options: {
  clock: Clock
  log: Logger
  store: HistoryStore
  /** Once, as soon as the database can be read. */
  onRecalled?: (recalled: Recalled) => void
}): History {
  const { clock, log, store, onRecalled } = options
  const began = clock.now()
  const looked = Promise.withResolvers<void>()
  const events = backlog<CapacityEvent>(EVENTS)
  const decisions = backlog<KeptDecision>(DECISIONS)
  let isPrepared = false
  let isFailing = false
  let isLate = false
  let forgotten: number | undefined

  async function prepare(): Promise<void> {
    await store.prepare()
    if (onRecalled) {
      const until = clock.now()
      const rates = await store.recall({ since: new Date(until.getTime() - RECALLED_DAYS * DAY), until })
      const since = new Date(began.getTime() - BELIEVED_SECONDS * 1000)
      const answers = await store.answers({ since, until: began })
      onRecalled({ rates, answers: isLate ? [] : answers })
    }
    isPrepared = true
  }

  async function forget(): Promise<void> {
    const now = clock.monotonic()
    if (forgotten !== undefined && now < forgotten + FORGET_SECONDS * 1000) return
    const daysAgo = (days: number) => new Date(clock.now().getTime() - days * DAY)
    await store.forget({ events: daysAgo(KEPT_DAYS.events), decisions: daysAgo(KEPT_DAYS.decisions) })
    forgotten = now
  }

  async function flush(): Promise<void> {
    if (!isPrepared) await prepare()
    await forget()
    await events.flush(store.append)
    await decisions.flush(store.keep)
  }

  /** Seconds until the next attempt. */
  async function attempt(): Promise<number> {
    try {
      await flush()
      const dropped = { events: events.dropped(), decisions: decisions.dropped() }
      if (isFailing) log.info({ dropped }, 'History is written again')
      isFailing = false
      return FLUSH_SECONDS
    } catch (error) {
      if (!isFailing) log.warn({ error }, 'History cannot be written; the operator runs on without it')
      isFailing = true
      return RETRY_SECONDS
    }
  }

  /** Nobody is held up for long by a database that does not answer. */
  async function lookBack(stop: AbortSignal): Promise<number> {
    const isOver = new AbortController()
    const patience = pause(clock, RECALL_PATIENCE_SECONDS, AbortSignal.any([stop, isOver.signal])).then(late)
    const waitSeconds = await attempt()
    late()
    isOver.abort()
    await patience
    return waitSeconds
  }

  function late(): void {
    isLate = true
    looked.resolve()
  }

  return {
    name: 'history',
    recalled: looked.promise,
    note: events.add,
    keep: decisions.add,
    decisionsOf: store.decisionsOf,
    async run({ stop }: StopSignals) {
      for (let isFirst = true; !stop.aborted; isFirst = false) {
        const waitSeconds = isFirst ? await lookBack(stop) : await attempt()
        await clock.sleep(waitSeconds * 1000, stop).catch(() => undefined)
      }
      if (!isFailing) await attempt()
      await store.close().catch(() => undefined)
    },
  }
}

/** For an operator without a database. */
export const noHistory: History = {
  name: 'history',
  recalled: Promise.resolve(),
  note: () => undefined,
  keep: () => undefined,
  decisionsOf: async () => [],
  run: async () => undefined,
}
