// The SQL of the queue's life. An item waits; is claimed by one worker for the length of a lease; is then done (deleted),
// waits again after a failure, or is dead. A worker that was killed lets its lease run out, and the item waits again.
//
// Order: only the oldest item of a key that is not dead is ever claimed, so a later one waits behind it, also while it
// backs off. The database's clock alone decides, since the replicas' may differ.
import { type Database, type Queries, sqlStateOf } from '../../lib/database/pool.ts'
import type { TopicName } from './topics.ts'

export interface Claimed {
  id: bigint
  key: string
  payload: unknown
  /** This one counted: from 1. */
  attempt: number
  /** Since it was queued, by the database's clock. */
  ageSeconds: number
  claim: string
}

/** Characters of an error that are kept, the first ones. */
const ERROR_CHARACTERS = 500

/**
 * Up to `limit` items of different keys. Each look at the others of a key is a query of its own on purpose: as a join, the
 * planner, whose statistics of a queue are those of an empty table, reads the whole topic for each item.
 */
export async function claim(
  queries: Queries,
  order: { topic: string; limit: number; leaseSeconds: number },
): Promise<Claimed[]> {
  const { topic, limit, leaseSeconds } = order
  try {
    return await queries<Claimed[]>`
      WITH heads AS (
        SELECT id FROM queue_items item
        WHERE topic = ${topic} AND dead_at IS NULL AND claim IS NULL AND available_at <= clock_timestamp()
          AND id = (
            SELECT id FROM queue_items other
            WHERE other.topic = item.topic AND other.key = item.key AND other.dead_at IS NULL ORDER BY id LIMIT 1
          )
          AND 0 = (
            SELECT count(*) FROM queue_items other
            WHERE other.topic = item.topic AND other.key = item.key AND other.claim IS NOT NULL
          )
        ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED
      )
      UPDATE queue_items SET claim = gen_random_uuid(), attempts = attempts + 1,
        claimed_until = clock_timestamp() + make_interval(secs => ${leaseSeconds})
      FROM heads WHERE queue_items.id = heads.id
      RETURNING queue_items.id, key, payload, attempts AS attempt, claim::text AS claim,
        extract(epoch FROM clock_timestamp() - enqueued_at)::float8 AS "ageSeconds"`
  } catch (error) {
    // Two workers saw two items of one key as the oldest, since one of them was committed late. One gets it; the other
    // looks again.
    if (sqlStateOf(error) === '23505') return []
    throw error
  }
}

/** Gives back what killed workers left behind. The number of such items. */
export async function reclaim(database: Database): Promise<number> {
  const { count } = await database`
    UPDATE queue_items SET claim = NULL, claimed_until = NULL
    WHERE claim IS NOT NULL AND claimed_until < clock_timestamp()`
  return count
}

/** False when the claim is no longer ours: the lease ran out, and somebody else may be at it. */
export async function prolong(database: Database, item: Claimed, leaseSeconds: number): Promise<boolean> {
  const { count } = await database`
    UPDATE queue_items SET claimed_until = clock_timestamp() + make_interval(secs => ${leaseSeconds})
    WHERE id = ${item.id} AND claim = ${item.claim}::uuid`
  return count > 0
}

/**
 * A claim is one item's alone, so the two lists need not be matched by place. Joined with them, the planner, which knows
 * nothing of a queue, reads all that waits for each statement.
 */
export async function done(database: Database, items: readonly Claimed[]): Promise<void> {
  const [ids, claims] = [items.map(({ id }) => String(id)), items.map(({ claim }) => claim)]
  await database`
    DELETE FROM queue_items WHERE id = ANY(${ids}::bigint[]) AND claim = ANY(${claims}::uuid[])`
}

export async function again(
  database: Database,
  item: Claimed,
  { afterSeconds, error, counts }: { afterSeconds: number; error: string; counts: boolean },
): Promise<void> {
  await database`
    UPDATE queue_items SET claim = NULL, claimed_until = NULL, last_error = ${error.slice(0, ERROR_CHARACTERS)},
      attempts = attempts - ${counts ? 0 : 1},
      available_at = clock_timestamp() + make_interval(secs => ${afterSeconds})
    WHERE id = ${item.id} AND claim = ${item.claim}::uuid`
}

export async function bury(database: Database, item: Claimed, error: string): Promise<void> {
  await database`
    UPDATE queue_items SET claim = NULL, claimed_until = NULL, last_error = ${error.slice(0, ERROR_CHARACTERS)},
      dead_at = clock_timestamp()
    WHERE id = ${item.id} AND claim = ${item.claim}::uuid`
}

/** Whether a failure that bears this mark lies there as a dead letter of the key already: a person knows of it. */
export async function isBuried(
  queries: Queries,
  { topic, key, mark }: { topic: TopicName; key: string; mark: string },
): Promise<boolean> {
  const { count } = await queries`
    SELECT FROM queue_items
    WHERE topic = ${topic} AND key = ${key} AND dead_at IS NOT NULL AND strpos(last_error, ${mark}) > 0 LIMIT 1`
  return count > 0
}
