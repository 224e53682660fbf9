// What books and gateways, or books and cluster, contradict each other over, and no repetition mends: a person has to look.
// It stands in the database, so that each is told once, by whichever replica met it first, also across restarts; and it is
// open, as a metric, until it has gone by itself or a person resolves it.
import { Gauge, type Registry } from 'prom-client'
import type { Queries } from '../../lib/database/pool.ts'
import type { Logger } from '../../lib/telemetry/log.ts'

export interface Contradiction {
  /** A stable word, of a closed set. */
  code: string
  /** What it is about, such as `session ID`; one of a code and subject is one. */
  subject: string
  /** A sentence for the person. */
  detail: string
}

/** True when it is to be told: known by nobody yet, or gone by itself before and back again. */
export async function keepContradiction(
  queries: Queries,
  { code, subject, detail, now }: Contradiction & { now: Date },
): Promise<boolean> {
  const { count } = await queries`
    INSERT INTO contradictions AS known (code, subject, detail, found_at) VALUES (${code}, ${subject}, ${detail}, ${now})
    ON CONFLICT (code, subject) DO UPDATE SET detail = excluded.detail, found_at = excluded.found_at, resolved_at = NULL
      WHERE known.resolved_at IS NOT NULL AND known.resolved_by IS NULL`
  return count > 0
}

/** Once it is committed. A process that dies before has told nobody: the metric does. */
export function tellContradiction(log: Logger, contradiction: Contradiction, fields: Record<string, unknown>): void {
  log.error({ ...fields, ...contradiction }, 'A contradiction that a person has to look at: ledger contradictions')
}

/** It is no longer so. */
export async function contradictionGone(
  queries: Queries,
  { code, subject, now }: Pick<Contradiction, 'code' | 'subject'> & { now: Date },
): Promise<void> {
  await queries`
    UPDATE contradictions SET resolved_at = ${now} WHERE code = ${code} AND subject = ${subject} AND resolved_at IS NULL`
}

export interface OpenContradiction extends Contradiction {
  id: bigint
  foundAt: Date
}

/** Those that are open, the oldest first; of one code, or of all. */
export async function openContradictions(
  queries: Queries,
  { limit, code }: { limit: number; code?: string },
): Promise<OpenContradiction[]> {
  return await queries<OpenContradiction[]>`
    SELECT id, code, subject, detail, found_at AS "foundAt" FROM contradictions
    WHERE resolved_at IS NULL AND (${code ?? null}::text IS NULL OR code = ${code ?? null}) ORDER BY id LIMIT ${limit}`
}

/** A person has looked. False when none of this id is open. */
export async function resolveContradiction(
  queries: Queries,
  { id, author, reason, now }: { id: bigint; author: string; reason: string; now: Date },
): Promise<boolean> {
  const { count } = await queries`
    UPDATE contradictions SET resolved_at = ${now}, resolved_by = ${author}, resolution = ${reason}
    WHERE id = ${id} AND resolved_at IS NULL`
  return count > 0
}

/** Registers `wasd_api_contradictions_open` over these codes; once per registry. Every replica says the same. */
export function contradictionMetrics(registry: Registry, database: Queries, codes: readonly string[]): void {
  new Gauge({
    name: 'wasd_api_contradictions_open',
    help: 'What contradicts the books and is not resolved, by code; a person has to look: npm run ledger -- contradictions',
    labelNames: ['code'],
    registers: [registry],
    async collect() {
      // A scrape goes on without the database: the other metrics say what is wrong.
      const rows = await database<{ code: string; count: number }[]>`
        SELECT code, count(*)::int AS count FROM contradictions WHERE resolved_at IS NULL GROUP BY code`.catch(
        () => undefined,
      )
      this.reset()
      if (!rows) return
      for (const code of codes) this.set({ code }, 0)
      for (const { code, count } of rows) this.set({ code }, count)
    },
  })
}
