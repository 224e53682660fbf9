// What was asked of Azure, granted, refused and taken back, written to the operator's own database in batches. It is
// a help, never a need: noting never waits and never throws, and without a database everything else works.
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { Seen } from '../capacity/eviction-rates.ts'
import type { Place } from '../capacity/refusals.ts'

export interface CapacityEvent extends Place {
  kind: 'Asked' | 'Granted' | 'Refused' | 'Evicted' | 'Released'
  at: Date
  gpuVmUid: string
  /** Azure's code, for a refusal. */
  code?: string
  /** US dollars, where it is known. */
  hourlyPriceUsd?: number
}

/** Where the notes go. All throw while the database is away. */
export interface HistoryStore {
  /** Brings the schema up to date. Called again after a failure. */
  prepare(): Promise<void>
  append(events: readonly CapacityEvent[]): Promise<void>
  /** What spot machines went through since then, by place. */
  recall(window: { since: Date; until: Date }): Promise<Seen[]>
  /** Deletes what is older. */
  forget(before: Date): Promise<void>
  close(): Promise<void>
}

export interface History extends Runnable {
  note(event: CapacityEvent): void
}

/** Notes kept while the database is away; beyond it the oldest are dropped. */
const MAXIMUM_WAITING = 10_000
const MAXIMUM_BATCH = 500
const FLUSH_SECONDS = 2
const RETRY_SECONDS = 15
/** What is older says little of today's evictions. */
const RECALLED_DAYS = 7
const KEPT_DAYS = 90
const FORGET_SECONDS = 6 * 3600
const DAY = 24 * 3600 * 1000

export function history(options: {
  clock: Clock
  log: Logger
  store: HistoryStore
  /** Once, with what earlier processes saw, as soon as the database can be read. */
  onRecalled?: (seen: Seen[]) => void
}): History {
  const { clock, log, store, onRecalled } = options
  const waiting: CapacityEvent[] = []
  let dropped = 0
  let isPrepared = false
  let isFailing = false
  let forgotten: number | undefined

  async function prepare(): Promise<void> {
    await store.prepare()
    if (onRecalled) {
      const until = clock.now()
      onRecalled(await store.recall({ since: new Date(until.getTime() - RECALLED_DAYS * DAY), until }))
    }
    isPrepared = true
  }

  async function forget(): Promise<void> {
    const now = clock.monotonic()
    if (forgotten !== undefined && now < forgotten + FORGET_SECONDS * 1000) return
    await store.forget(new Date(clock.now().getTime() - KEPT_DAYS * DAY))
    forgotten = now
  }

  async function flush(): Promise<void> {
    if (!isPrepared) await prepare()
    await forget()
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAXIMUM_BATCH)
      try {
        await store.append(batch)
      } catch (error) {
        waiting.unshift(...batch)
        throw error
      }
    }
  }

  /** Seconds until the next attempt. */
  async function attempt(): Promise<number> {
    try {
      await flush()
      if (isFailing) log.info({ dropped }, 'History is written again')
      isFailing = false
      dropped = 0
      return FLUSH_SECONDS
    } catch (error) {
      if (!isFailing) log.warn({ error }, 'History cannot be written; the operator runs on without it')
      isFailing = true
      return RETRY_SECONDS
    }
  }

  return {
    name: 'history',
    note(event) {
      waiting.push(event)
      if (waiting.length <= MAXIMUM_WAITING) return
      waiting.shift()
      dropped += 1
    },
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        const waitSeconds = await attempt()
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
  note: () => undefined,
  run: async () => undefined,
}
