// What the books need on a timer: what has expired is booked, and all of it is proved, with the outcome as a metric.
import { Gauge, type Registry } from 'prom-client'
import { outage } from '../../lib/database/outage.ts'
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { type Checked, checkBooks, checkNames } from './check.ts'

export interface KeepingOutside {
  database: Database
  clock: Clock
  log: Logger
  registry: Registry
  /** Between two proofs, 60 or more. */
  checkSeconds: number
}

/** Seconds between looks for what has expired. */
const EXPIRY_SECONDS = 60
const PAGE_SIZE = 500
/** Faults told in the log; `npm run ledger -- check` tells all. */
const TOLD = 20

/** Until the signal is aborted. Every replica runs it; one proves at a time. */
export async function keepBooks(outside: KeepingOutside, stopping: AbortSignal): Promise<void> {
  const { database, clock, log, checkSeconds } = outside
  const trouble = outage(log, 'The books cannot be kept')
  const told = teller(outside)
  for (let checkAt = 0; !stopping.aborted; ) {
    try {
      const now = clock.now()
      await expireOnce(database, now)
      if (now.getTime() >= checkAt) {
        const checked = await checkBooks(database, { ifBusy: 'Leave' })
        if (checked) told(checked)
        checkAt = now.getTime() + checkSeconds * 1000
      }
      trouble.over()
    } catch (error) {
      trouble.failed(error)
    }
    await clock.sleep(EXPIRY_SECONDS * 1000, stopping).catch(() => undefined)
  }
}

/** Books what has expired by now; what a hold stands on is left. The paise that left the wallets. */
export async function expireOnce(database: Database, now: Date): Promise<bigint> {
  let expired = 0n
  for (let after = ''; ; ) {
    const due = await database<{ account_id: string }[]>`
      SELECT account_id FROM wallet_balances WHERE next_expiry_at <= ${now} AND account_id > ${after}
      ORDER BY account_id LIMIT ${PAGE_SIZE}`
    for (const { account_id } of due) {
      const [row] = await database<{ paise: bigint }[]>`SELECT wallet_expire(${account_id}, ${now}) AS paise`
      expired += row?.paise ?? 0n
    }
    const last = due.at(-1)
    if (!last || due.length < PAGE_SIZE) return expired
    after = last.account_id
  }
}

function teller({ registry, log, clock }: KeepingOutside): (checked: Checked) => void {
  const faulty = new Gauge({
    name: 'wasd_api_ledger_faults',
    help: 'What is wrong with the books, by check, as this replica last saw it. Any is for a person to look at: npm run ledger -- check',
    labelNames: ['check'],
    registers: [registry],
  })
  const checkedAt = new Gauge({
    name: 'wasd_api_ledger_checked_timestamp_seconds',
    help: 'When this replica last proved the books.',
    registers: [registry],
  })
  return ({ faults }) => {
    for (const check of checkNames) faulty.set({ check }, faults.filter(fault => fault.check === check).length)
    checkedAt.set(clock.now().getTime() / 1000)
    if (faults.length > 0) log.error({ faults: faults.slice(0, TOLD), count: faults.length }, 'The books are wrong')
  }
}
