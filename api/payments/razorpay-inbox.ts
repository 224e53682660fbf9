// Razorpay's webhooks as they come in: verified over the raw body, stored, answered. Nothing else is done while Razorpay
// waits: it gives five seconds, and switches a webhook off after a day of failures.
import { createHash } from 'node:crypto'
import { type Database, inTransaction, type Queries } from '../../lib/database/pool.ts'
import { inBatches } from '../../lib/process/batches.ts'
import { enqueueAll } from '../queue/queue.ts'
import { PaymentError } from './errors.ts'
import { isSignedWebhook } from './razorpay-signature.ts'

export interface WebhookDelivery {
  rawBody: string
  signature: string
  /** From a header outside the signature: for triage only. */
  eventId: string | undefined
  now: Date
}

export type Receipt = 'Stored' | 'Repeated'

/**
 * Verifies, stores and queues. The same body again is the same delivery, under whatever event id. Throws
 * `SignatureInvalid`; then nothing is kept.
 */
export type ReceiveWebhook = (delivery: WebhookDelivery) => Promise<Receipt>

/** Webhooks stored by one statement, at most. */
const BATCH_SIZE = 200
const EVENT_ID_CHARACTERS = 100

interface Stored {
  hash: string
  rawBody: string
  eventId: string | null
  receivedAt: Date
}

export function razorpayInbox(outside: { database: Database; webhookSecrets: readonly string[] }): ReceiveWebhook {
  const { database, webhookSecrets: secrets } = outside
  const store = inBatches<Stored, Receipt>({ run: deliveries => storeAll(database, deliveries), limit: BATCH_SIZE })
  return async ({ rawBody, signature, eventId, now }) => {
    if (!isSignedWebhook({ rawBody, signature, secrets })) throw new PaymentError('SignatureInvalid')
    const hash = createHash('sha256').update(rawBody).digest('hex')
    return await store({ hash, rawBody, eventId: eventId?.slice(0, EVENT_ID_CHARACTERS) ?? null, receivedAt: now })
  }
}

async function storeAll(database: Database, deliveries: readonly Stored[]): Promise<Receipt[]> {
  // In one order everywhere: two replicas that store the same two would otherwise wait for each other.
  const inOrder = deliveries.toSorted((left, right) => (left.hash < right.hash ? -1 : 1))
  const column = <Value>(of: (delivery: Stored) => Value) => inOrder.map(of)
  const isNew = await inTransaction(database, async transaction => {
    const rows = await transaction<{ id: bigint; hash: string }[]>`
      INSERT INTO razorpay_webhooks (body_hash, raw_body, event_id, received_at)
      SELECT decode(hash, 'hex'), raw_body, event_id, received_at
      FROM unnest(${column(({ hash }) => hash)}::text[], ${column(({ rawBody }) => rawBody)}::text[],
        ${column(({ eventId }) => eventId)}::text[], ${column(({ receivedAt }) => receivedAt.toISOString())}::timestamptz[])
        AS given (hash, raw_body, event_id, received_at)
      ON CONFLICT (body_hash) DO NOTHING RETURNING id, encode(body_hash, 'hex') AS hash`
    await enqueueAll(
      transaction,
      'razorpay.webhook',
      rows.map(({ id }) => ({ webhookId: String(id) })),
    )
    return new Set(rows.map(({ hash }) => hash))
  })
  // Twice in one batch: the first of them is the one that was stored.
  return deliveries.map(({ hash }) => (isNew.delete(hash) ? 'Stored' : 'Repeated'))
}

/**
 * Days for which a webhook is kept once it is worked off: longer than most disputes take. There are names in it, so that those
 * of a player who is deleted go with them (players/deletion.ts).
 */
export const KEPT_DAYS = 120
const PRUNED_AT_ONCE = 5000

/** Forgets old webhooks. What was never worked off stays. The number of those forgotten; there may be more. */
export async function pruneWebhooks(database: Database, now: Date): Promise<number> {
  const { count } = await database`
    DELETE FROM razorpay_webhooks WHERE id IN (
      SELECT id FROM razorpay_webhooks
      WHERE worked_off_at IS NOT NULL AND received_at < ${now}::timestamptz - make_interval(days => ${KEPT_DAYS})
      ORDER BY received_at LIMIT ${PRUNED_AT_ONCE}
    )`
  return count
}

/** How many are kept that tell of a player's payments. */
export async function webhooksKeptOf(queries: Queries, playerId: string): Promise<number> {
  const { count } = await queries`
    SELECT FROM razorpay_webhooks WHERE top_up_id IN (SELECT id FROM top_ups WHERE player_id = ${playerId})`
  return count
}
