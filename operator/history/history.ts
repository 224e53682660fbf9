// What was asked of Azure, granted, refused and taken back, written to the operator's own database in batches. It is
// a help, never a need: noting never waits and never throws, and without a database everything else works.
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { Place } from '../capacity/refusals.ts'

export interface CapacityEvent extends Place {
  kind: 'Asked' | 'Granted' | 'Refused' | 'Evicted'
  at: Date
  gpuVmUid: string
  /** Azure's code, for a refusal. */
  code?: string
  /** US dollars, where it is known. */
  hourlyPriceUsd?: number
}

/** Where the notes go. Both throw while the database is away. */
export interface HistoryStore {
  /** Brings the schema up to date. Called again after a failure. */
  prepare(): Promise<void>
  append(events: readonly CapacityEvent[]): Promise<void>
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

export function history(options: { clock: Clock; log: Logger; store: HistoryStore }): History {
  const { clock, log, store } = options
  const waiting: CapacityEvent[] = []
  let dropped = 0
  let isPrepared = false
  let isFailing = false

  async function flush(): Promise<void> {
    if (!isPrepared) await store.prepare()
    isPrepared = true
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
