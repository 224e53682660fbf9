// The API's own metrics that belong to no single room.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Database } from '../lib/database/pool.ts'
import { queueDepths } from './queue/queue.ts'
import type { WorkerOptions } from './queue/worker.ts'

/** Counts what becomes of the queue's items, and measures at each scrape what waits and what has failed for good. */
export function queueMetrics(registry: Registry, database: Database): NonNullable<WorkerOptions['onOutcome']> {
  const outcomes = new Counter({
    name: 'wasd_api_queue_outcomes_total',
    help: 'Items of the queue that were through with, by topic and outcome. Known: failed for good, as a dead letter of before did.',
    labelNames: ['topic', 'outcome'],
    registers: [registry],
  })
  const oldest = new Gauge({
    name: 'wasd_api_queue_oldest_seconds',
    help: 'Age of the oldest waiting item, by topic.',
    labelNames: ['topic'],
    registers: [registry],
  })
  new Gauge({
    name: 'wasd_api_queue_items',
    help: 'Items in the queue, by topic: waiting, or dead and waiting for a person.',
    labelNames: ['topic', 'state'],
    registers: [registry],
    async collect() {
      // A scrape goes on without the database: the other metrics say what is wrong.
      const depths = await queueDepths(database).catch(() => undefined)
      this.reset()
      oldest.reset()
      for (const { topic, waiting, dead, oldestSeconds } of depths ?? []) {
        this.set({ topic, state: 'waiting' }, waiting)
        this.set({ topic, state: 'dead' }, dead)
        oldest.set({ topic }, oldestSeconds)
      }
    },
  })
  return ({ topic, outcome }) => outcomes.inc({ topic, outcome })
}

/** Says whether the catalogue in force is the one in the file. */
export function catalogueMetric(registry: Registry): { isCurrent(): void; isRefused(): void } {
  const current = new Gauge({
    name: 'wasd_api_catalogue_current',
    help: '1 while the catalogue in force is the one in the file, 0 while that one is refused.',
    registers: [registry],
  })
  current.set(1)
  return { isCurrent: () => current.set(1), isRefused: () => current.set(0) }
}
