// Puts items into the queue, within the transaction that made them true, and lets a person see those that failed for good.
import type { Queries } from '../../lib/database/pool.ts'
import { type PayloadOf, type TopicName, topics } from './topics.ts'

/** Days after which a repetition is no longer known. Telegram and Razorpay give up after one. */
const SEEN_DAYS = 7

/** False when the same item was put in before; then nothing is. */
export async function enqueue<Name extends TopicName>(
  queries: Queries,
  name: Name,
  payload: PayloadOf<Name>,
): Promise<boolean> {
  const { key, dedupe } = identityOf(name, payload)
  const json = JSON.stringify(payload)
  if (dedupe === undefined) {
    await queries`INSERT INTO queue_items (topic, key, payload) VALUES (${name}, ${key}, ${json}::text::jsonb)`
    return true
  }
  const { count } = await queries`
    WITH first AS (
      INSERT INTO queue_seen (topic, dedupe_key) VALUES (${name}, ${dedupe}) ON CONFLICT DO NOTHING RETURNING 1
    )
    INSERT INTO queue_items (topic, key, payload) SELECT ${name}, ${key}, ${json}::text::jsonb FROM first`
  return count > 0
}

function identityOf<Name extends TopicName>(name: Name, payload: PayloadOf<Name>) {
  // One topic's declaration and payload belong together, which TypeScript cannot follow through the table.
  const { keyOf, dedupeOf } = topics[name] as {
    keyOf(payload: PayloadOf<Name>): string
    dedupeOf?(payload: PayloadOf<Name>): string
  }
  return { key: keyOf(payload), dedupe: dedupeOf?.(payload) }
}

export interface DeadLetter {
  id: bigint
  topic: string
  key: string
  attempts: number
  lastError: string
  deadAt: Date
}

/** What failed for good, the newest first. */
export async function deadLetters(queries: Queries, limit: number): Promise<DeadLetter[]> {
  const rows = await queries<
    { id: bigint; topic: string; key: string; attempts: number; last_error: string | null; dead_at: Date }[]
  >`
    SELECT id, topic, key, attempts, last_error, dead_at FROM queue_items
    WHERE dead_at IS NOT NULL ORDER BY dead_at DESC LIMIT ${limit}`
  return rows.map(row => ({
    id: row.id,
    topic: row.topic,
    key: row.key,
    attempts: row.attempts,
    lastError: row.last_error ?? '',
    deadAt: row.dead_at,
  }))
}

/** Puts a dead letter back to work. False when there is none of this id. */
export async function retryDeadLetter(queries: Queries, id: bigint): Promise<boolean> {
  const { count } = await queries`
    UPDATE queue_items SET dead_at = NULL, attempts = 0, available_at = clock_timestamp()
    WHERE id = ${id} AND dead_at IS NOT NULL`
  return count > 0
}

/** Forgets by what old repetitions would be known. */
export async function forgetSeen(queries: Queries): Promise<void> {
  await queries`DELETE FROM queue_seen WHERE seen_at < clock_timestamp() - make_interval(days => ${SEEN_DAYS})`
}

/** How much waits and how much has failed, by topic, for a metric. */
export async function queueDepths(
  queries: Queries,
): Promise<{ topic: string; waiting: number; dead: number; oldestSeconds: number }[]> {
  return await queries<{ topic: string; waiting: number; dead: number; oldestSeconds: number }[]>`
    SELECT topic, count(*) FILTER (WHERE dead_at IS NULL)::int AS waiting,
      count(*) FILTER (WHERE dead_at IS NOT NULL)::int AS dead,
      coalesce(extract(epoch FROM clock_timestamp() - min(enqueued_at) FILTER (WHERE dead_at IS NULL)), 0)::float8
        AS "oldestSeconds"
    FROM queue_items GROUP BY topic`
}
