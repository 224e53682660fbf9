// Keeps a session's stretches of play and its interruptions, as they are seen: the object itself remembers the last few
// interruptions only, and no stretch.
import type { Transaction } from '../../lib/database/pool.ts'
import type { Interruption, Session } from './session.ts'
import type { Stretch } from './time-axis.ts'

/** What is seen of a session's time now; `session` is as it was seen before. */
export async function recordStretches(
  transaction: Transaction,
  seen: {
    session: Session
    seconds: bigint
    since: Date | undefined
    interruptions: readonly Interruption[]
  },
): Promise<void> {
  const { session, seconds, since, interruptions } = seen
  const { id, seen: before } = session
  if (before.since && before.since.getTime() !== since?.getTime() && seconds >= before.seconds) {
    await transaction`
      UPDATE session_stretches SET seconds = ${seconds - before.seconds}
      WHERE session_id = ${id} AND kind = 'Play' AND since = ${before.since} AND seconds IS NULL`
  }
  if (since && since.getTime() !== before.since?.getTime()) {
    await transaction`
      INSERT INTO session_stretches (session_id, kind, since) VALUES (${id}, 'Play', ${since}) ON CONFLICT DO NOTHING`
  }
  const known = new Map(before.interruptions.map(each => [each.since, each]))
  for (const { since: from, cause, seconds: length = null } of interruptions) {
    const same = known.get(from)
    if (same?.cause === cause && (same.seconds ?? null) === length) continue
    await transaction`
      INSERT INTO session_stretches (session_id, kind, since, seconds, cause)
      VALUES (${id}, 'Interruption', ${new Date(from)}, ${length}, ${cause})
      ON CONFLICT (session_id, kind, since) DO UPDATE SET seconds = EXCLUDED.seconds, cause = EXCLUDED.cause`
  }
}

export async function stretchesOf(transaction: Transaction, sessionId: string): Promise<Stretch[]> {
  const rows = await transaction<
    { kind: 'Play' | 'Interruption'; since: Date; seconds: bigint | null; cause: string | null }[]
  >`SELECT kind, since, seconds, cause FROM session_stretches WHERE session_id = ${sessionId} ORDER BY since`
  return rows.map(({ kind, since, seconds, cause }) => ({
    kind,
    since,
    seconds: seconds ?? undefined,
    cause: cause ?? undefined,
  }))
}
