// The history's place in the operator's own logical database.
import { fileURLToPath } from 'node:url'
import { migrate } from '../../lib/database/migrate.ts'
import { connect } from '../../lib/database/pool.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { HistoryStore } from './history.ts'

const MIGRATIONS = fileURLToPath(new URL('migrations', import.meta.url))

/** Connects lazily; nothing throws here but the calls on what is returned. */
export function postgresHistory({ url, log }: { url: string; log: Logger }): HistoryStore {
  const database = connect(url, { max: 2, applicationName: 'wasd-operator' })

  return {
    async prepare() {
      await migrate({ url, directory: MIGRATIONS, log })
    },
    async append(events) {
      const rows = events.map(event => ({
        at: event.at,
        kind: event.kind,
        region: event.region,
        size: event.size,
        priority: event.priority,
        code: event.code ?? null,
        hourly_price_usd: event.hourlyPriceUsd ?? null,
        gpu_vm_uid: event.gpuVmUid,
      }))
      await database`insert into capacity_events ${database(rows)}`
    },
    async close() {
      await database.end({ timeout: 5 })
    },
  }
}
