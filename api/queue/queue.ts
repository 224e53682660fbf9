// Puts items into the queue, within the transaction that made them true, and lets a person see those that failed for good.
import { columnsOf } from '../../lib/database/columns.ts'
import type { Queries, Transaction } from '../../lib/database/pool.ts'
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
  const json = storable(JSON.stringify(payload))
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

/** Many of a topic at once, by one statement; for topics that know no repetition. */
export async function enqueueAll<Name extends Exclude<TopicName, 'telegram.update'>>(
  queries: Queries,
  name: Name,
  payloads: readonly PayloadOf<Name>[],
): Promise<void> {
  if (payloads.length === 0) return
  const keys = payloads.map(payload => identityOf(name, payload).key)
  const bodies = payloads.map(payload => storable(JSON.stringify(payload)))
  await queries`
    INSERT INTO queue_items (topic, key, payload)
    SELECT ${name}, key, payload::jsonb FROM unnest(${keys}::text[], ${bodies}::text[]) AS given (key, payload)`
}

/**
 * PostgreSQL takes neither the character of zero nor half of a surrogate pair, which people's words may hold: in their place
 * stands the replacement character. https://www.postgresql.org/docs/current/datatype-json.html
 */
function storable(json: string): string {
  return json.replaceAll(/\\(?:u(?:0000|d[89a-f][\da-f]{2})|.)/g, word => (word.length === 6 ? '\\ufffd' : word))
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
  enqueuedAt: Date
  deadAt: Date
}

interface DeadLetterRow {
  id: bigint
  topic: string
  key: string
  attempts: number
  last_error: string | null
  enqueued_at: Date
  dead_at: Date
  payload: unknown
}

const columns = columnsOf<DeadLetterRow>()('id topic key attempts last_error enqueued_at dead_at payload')

/** What failed for good, the newest first; of one topic, or of all. */
export async function deadLetters(
  queries: Queries,
  { limit, topic }: { limit: number; topic?: TopicName | undefined },
): Promise<DeadLetter[]> {
  const rows = await queries<DeadLetterRow[]>`
    SELECT ${queries(columns)} FROM queue_items WHERE dead_at IS NOT NULL AND (${topic ?? null}::text IS NULL OR topic = ${topic ?? null})
    ORDER BY dead_at DESC LIMIT ${limit}`
  return rows.map(deadLetterOf)
}

/** One of them, with what it carries. */
export async function deadLetter(
  queries: Queries,
  id: bigint,
): Promise<(DeadLetter & { payload: unknown }) | undefined> {
  const [row] = await queries<
    DeadLetterRow[]
  >`SELECT ${queries(columns)} FROM queue_items WHERE id = ${id} AND dead_at IS NOT NULL`
  return row && { ...deadLetterOf(row), payload: row.payload }
}

function deadLetterOf(row: DeadLetterRow): DeadLetter {
  const { id, topic, key, attempts } = row
  return { id, topic, key, attempts, lastError: row.last_error ?? '', enqueuedAt: row.enqueued_at, deadAt: row.dead_at }
}

/** Puts a dead letter back to work. False when there is none of this id. */
export async function retryDeadLetter(queries: Queries, id: bigint): Promise<boolean> {
  const { count } = await queries`
    WITH again AS (
      UPDATE queue_items SET dead_at = NULL, attempts = 0, available_at = clock_timestamp()
      WHERE id = ${id} AND dead_at IS NOT NULL RETURNING topic
    )
    SELECT pg_notify('queue', topic) FROM again`
  return count > 0
}

/** Puts all dead letters of a topic back to work. The number of them. */
export async function retryDeadLettersOf(queries: Queries, topic: TopicName): Promise<number> {
  const { count } = await queries`
    WITH again AS (
      UPDATE queue_items SET dead_at = NULL, attempts = 0, available_at = clock_timestamp()
      WHERE topic = ${topic} AND dead_at IS NOT NULL RETURNING topic
    )
    SELECT pg_notify('queue', topic) FROM again`
  return count
}

/**
 * Sees to it that something waits to be worked off under the key of `payload`: what is there already is left alone, a dead
 * letter goes back to work, and nothing is put in twice. False when it was waiting, or at work, anyway.
 */
export async function enqueueAgain<Name extends Exclude<TopicName, 'telegram.update'>>(
  transaction: Transaction,
  name: Name,
  payload: PayloadOf<Name>,
): Promise<boolean> {
  const { key } = identityOf(name, payload)
  const there = await transaction<{ id: bigint; dead_at: Date | null }[]>`
    SELECT id, dead_at FROM queue_items WHERE topic = ${name} AND key = ${key} ORDER BY id`
  if (there.some(({ dead_at }) => dead_at === null)) return false
  const [dead] = there
  if (dead) return await retryDeadLetter(transaction, dead.id)
  return await enqueue(transaction, name, payload)
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
