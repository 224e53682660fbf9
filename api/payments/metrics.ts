// What an SRE sees of payments: what came of all that gateways told, webhooks at the door, and what is still open.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Database } from '../../lib/database/pool.ts'
import type { RailName } from './rail.ts'
import type { Receipt } from './razorpay-inbox.ts'
import type { WebhookOutcome } from './razorpay-webhook.ts'

export interface PaymentMetrics {
  /** A webhook at the door. */
  received(receipt: Receipt | 'Refused'): void
  /** What came of something that a gateway told. */
  told(what: { rail: RailName; by: 'Webhook' | 'Bot' | 'Refund' | 'Reconciliation'; outcome: WebhookOutcome }): void
}

export function paymentMetrics(registry: Registry, database: Database): PaymentMetrics {
  const received = new Counter({
    name: 'wasd_api_payment_webhooks_total',
    help: 'Webhooks of Razorpay at the door: stored, repeated (the same body again), or refused (not signed).',
    labelNames: ['receipt'],
    registers: [registry],
  })
  const told = new Counter({
    name: 'wasd_api_payment_movements_total',
    help: 'What came of what a gateway told, by rail and by who told it. Found by reconciliation: no webhook had come.',
    labelNames: ['rail', 'by', 'outcome'],
    registers: [registry],
  })
  openGauges(registry, database)
  return { received: receipt => received.inc({ receipt }), told: what => told.inc(what) }
}

/** Measured at each scrape; without the database the other metrics say what is wrong. */
function openGauges(registry: Registry, database: Database): void {
  const oldest = new Gauge({
    name: 'wasd_api_refund_oldest_pending_seconds',
    help: 'Age of the oldest refund that is asked for and not paid out yet, by rail.',
    labelNames: ['rail'],
    registers: [registry],
  })
  new Gauge({
    name: 'wasd_api_refunds_pending',
    help: 'Refunds that are asked for and not paid out yet, by rail.',
    labelNames: ['rail'],
    registers: [registry],
    async collect() {
      const rows = await database<{ rail: RailName; count: number; seconds: number }[]>`
        SELECT rail, count(*)::int AS count,
          extract(epoch FROM clock_timestamp() - min(asked_at))::float8 AS seconds
        FROM refunds WHERE state = 'Pending' GROUP BY rail`.catch(() => [])
      this.reset()
      oldest.reset()
      for (const { rail, count, seconds } of rows) {
        this.set({ rail }, count)
        oldest.set({ rail }, seconds)
      }
    },
  })
  new Gauge({
    name: 'wasd_api_disputes_open_paise',
    help: 'Paise that banks ask for in disputes not decided yet, by rail. Each has a date by which it must be answered.',
    labelNames: ['rail'],
    registers: [registry],
    async collect() {
      const rows = await database<{ rail: RailName; paise: number }[]>`
        SELECT rail, sum(amount_paise)::float8 AS paise FROM disputes WHERE state = 'Open' GROUP BY rail`.catch(
        () => [],
      )
      this.reset()
      for (const { rail, paise } of rows) this.set({ rail }, paise)
    },
  })
}
