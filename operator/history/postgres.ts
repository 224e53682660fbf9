// The history's place in the operator's own logical database.
import { fileURLToPath } from 'node:url'
import { zoneOf } from '../../crds/catalogue.ts'
import { migrate } from '../../lib/database/migrate.ts'
import { connect } from '../../lib/database/pool.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { Seen } from '../capacity/eviction-rates.ts'
import type { CapacityEvent, HistoryStore } from './history.ts'

/** What one `explain` tells at most. */
const MAXIMUM_DECISIONS = 500
/** Zones times sizes of any catalogue are fewer. */
const MAXIMUM_PLACES = 2000
/** Answers that a new process learns from at most; what is older than those says little. */
const MAXIMUM_ANSWERS = 5000
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
        zone: event.zone ?? null,
        size: event.size,
        priority: event.priority,
        code: event.code ?? null,
        message: event.message ?? null,
        hourly_price_usd: event.hourlyPriceUsd ?? null,
        gpu_vm_uid: event.gpuVmUid,
      }))
      await database`insert into capacity_events ${database(rows)}`
    },
    async keep(decisions) {
      const rows = decisions.map(({ at, namespace, name, gpuVmUid, record }) => ({
        at,
        namespace,
        name,
        gpu_vm_uid: gpuVmUid,
        record,
      }))
      await database`insert into decisions ${database(rows)}`
    },
    async decisionsOf({ namespace, name }) {
      const rows = await database<{ record: string }[]>`
        select record from decisions where namespace = ${namespace} and name = ${name}
        order by id desc limit ${MAXIMUM_DECISIONS}`
      return rows.map(({ record }) => record).toReversed()
    },
    async recall({ since, until }) {
      // A machine's hours run from one of its events to the next.
      const rows = await database<(Omit<Seen, 'zone'> & { zone: string | null })[]>`
        with lives as (
          select region, zone, size, priority, kind, at,
            lead(at, 1, ${until}::timestamptz) over (partition by gpu_vm_uid order by at, id) as ends
          from capacity_events where at >= ${since} and kind in ('Granted', 'Evicted', 'Released')
        )
        select region, zone, size,
          count(*) filter (where kind = 'Evicted')::float as evictions,
          coalesce(sum(extract(epoch from ends - at) / 3600) filter (where kind = 'Granted'), 0)::float as "machineHours"
        from lives where priority = 'Spot'
        group by region, zone, size order by region, zone, size limit ${MAXIMUM_PLACES}`
      return rows.map(({ zone, ...seen }) => ({ ...seen, zone: zoneOf(zone ?? undefined) }))
    },
    async answers({ since, until }) {
      type Row = Pick<CapacityEvent, 'at' | 'kind' | 'region' | 'size' | 'priority' | 'gpuVmUid'>
      const rows = await database<(Row & { zone: string | null; code: string | null; message: string | null })[]>`
        with newest as (
          select id, at, kind, region, zone, size, priority, code, message, gpu_vm_uid from capacity_events
          where at >= ${since} and at < ${until} and kind in ('Granted', 'Refused', 'Unfit', 'Released')
          order by at desc, id desc limit ${MAXIMUM_ANSWERS}
        )
        select at, kind, region, zone, size, priority, code, message, gpu_vm_uid as "gpuVmUid"
        from newest order by at, id`
      return rows.map(({ zone, code, message, ...row }) => ({
        ...row,
        zone: zoneOf(zone ?? undefined),
        ...(code !== null && { code }),
        ...(message !== null && { message }),
      }))
    },
    async forget(before) {
      await database`delete from capacity_events where at < ${before.events}`
      await database`delete from decisions where at < ${before.decisions}`
    },
    async close() {
      await database.end({ timeout: 5 })
    },
  }
}
