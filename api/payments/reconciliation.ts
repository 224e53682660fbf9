// Asks the gateway about top-ups whose payment we were never told of: a webhook can be late, lost, or switched off.
// Looks become rarer with age, and end when even a late authorisation has had its time.
import { outage } from '../../lib/database/outage.ts'
import { type Database, inTransaction } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { creditPayment } from './crediting.ts'
import type { PaymentRail } from './rail.ts'
import { type TopUp, type TopUpRow, topUpOf } from './top-ups.ts'

export interface ReconciliationOptions {
  database: Database
  rail: PaymentRail
  clock: Clock
  log: Logger
  /** Seconds between passes. Default 15. */
  passSeconds?: number
}

const PASS_SECONDS = 15
/** Top-ups looked at in one pass. */
const PASS_SIZE = 50
/** Seconds at least between two looks at one top-up; later, half of its age. */
const LOOK_SECONDS = 60
/** A late authorisation is found for three days. https://razorpay.com/docs/payments/payments/late-authorisation/ */
const LOOK_DAYS = 4

/** Until the signal is aborted. */
export async function reconcilePayments(options: ReconciliationOptions, stopping: AbortSignal): Promise<void> {
  const { clock, log, passSeconds = PASS_SECONDS } = options
  const trouble = outage(log, 'Open top-ups cannot be compared with the gateway')
  while (!stopping.aborted) {
    try {
      await reconcileOnce(options)
      trouble.over()
    } catch (error) {
      trouble.failed(error)
    }
    await clock.sleep(passSeconds * 1000, stopping).catch(() => undefined)
  }
}

/** One pass over what is due. The number of payments credited that no webhook had told of. */
export async function reconcileOnce(options: ReconciliationOptions): Promise<number> {
  const { database, rail, clock, log } = options
  let credited = 0
  for (const topUp of await due(database, { rail: rail.name, now: clock.now() })) {
    try {
      for (const payment of await rail.captured(topUp)) {
        const now = clock.now()
        const { is } = await inTransaction(database, transaction =>
          creditPayment(transaction, { topUpId: topUp.id, payment, now }),
        )
        if (is === 'AlreadyCredited') continue
        credited += 1
        log.warn({ topUp: topUp.id, payment: payment.id }, 'Credited a payment that no webhook had told of')
      }
    } catch (error) {
      log.error({ error, topUp: topUp.id }, 'A top-up could not be compared with the gateway') // Its next look is set.
    }
  }
  return credited
}

/** Claims by setting the next look before this one: a second replica finds nothing due. */
async function due(database: Database, { rail, now }: { rail: string; now: Date }): Promise<TopUp[]> {
  const rows = await database<TopUpRow[]>`
    UPDATE top_ups SET look_at = CASE
      WHEN created_at < ${now}::timestamptz - make_interval(days => ${LOOK_DAYS}) THEN NULL
      ELSE ${now}::timestamptz + greatest(make_interval(secs => ${LOOK_SECONDS}), (${now}::timestamptz - created_at) / 2)
    END
    WHERE id IN (
      SELECT id FROM top_ups WHERE look_at <= ${now} AND credited_at IS NULL AND rail = ${rail}
      ORDER BY look_at LIMIT ${PASS_SIZE} FOR UPDATE SKIP LOCKED
    ) RETURNING *`
  return rows.map(topUpOf)
}
