// Broken promises beyond those that the program pays for by itself in a day (faults.ts). None is lost: each is proposed, and a
// person approves it, when the player is credited and told as by the program, or declines it with a reason.
import { Gauge, type Registry } from 'prom-client'
import { type Database, inTransaction, type Queries, type Transaction } from '../../lib/database/pool.ts'
import { enqueue } from '../queue/queue.ts'
import { type Credited, creditFault, type Fault } from './wallet.ts'

export interface ProposedCredit {
  id: bigint
  sessionId: string
  playerId: string
  fault: Fault
  amountPaise: bigint
  /** A sentence for the player. */
  reason: string
  foundAt: Date
}

const DAY = 86_400_000

/** Once per session, fault and occurrence; proposed again, also after it was declined, it changes nothing. */
export async function proposeCredit(
  transaction: Transaction,
  order: Omit<ProposedCredit, 'id' | 'foundAt'> & { occurrence: string | undefined; days: number; now: Date },
): Promise<void> {
  const { sessionId, playerId, fault, occurrence = '', amountPaise, reason, days, now } = order
  await transaction`
    INSERT INTO proposed_credits (session_id, player_id, fault, occurrence, amount_paise, reason, days, found_at)
    VALUES (${sessionId}, ${playerId}, ${fault}, ${occurrence}, ${amountPaise}, ${reason}, ${days}, ${now})
    ON CONFLICT DO NOTHING`
}

/** Those not decided yet, the oldest first. */
export async function proposedCredits(queries: Queries, { limit }: { limit: number }): Promise<ProposedCredit[]> {
  return await queries<ProposedCredit[]>`
    SELECT id, session_id AS "sessionId", player_id AS "playerId", fault, amount_paise AS "amountPaise", reason,
      found_at AS "foundAt"
    FROM proposed_credits WHERE decision IS NULL ORDER BY id LIMIT ${limit}`
}

export interface DecidedCredit extends ProposedCredit {
  decision: 'Approved' | 'Declined' | null
  decidedAt: Date | null
  /** Why it was declined. */
  decidedBecause: string | null
}

/** The newest first, decided or not. */
export async function proposedCreditsOf(
  queries: Queries,
  { playerId, limit }: { playerId: string; limit: number },
): Promise<DecidedCredit[]> {
  return await queries<DecidedCredit[]>`
    SELECT id, session_id AS "sessionId", player_id AS "playerId", fault, amount_paise AS "amountPaise", reason,
      found_at AS "foundAt", decision, decided_at AS "decidedAt", decided_because AS "decidedBecause"
    FROM proposed_credits WHERE player_id = ${playerId} ORDER BY id DESC LIMIT ${limit}`
}

interface Row {
  session_id: string
  player_id: string
  fault: Fault
  occurrence: string
  amount_paise: bigint
  reason: string
  days: number
}

/** Credits the player, and tells them. `undefined` when none of this id is open, `Gone` when the account is deleted. */
export async function approveCredit(
  database: Database,
  { id, author, now }: { id: bigint; author: string; now: Date },
): Promise<(Credited & { playerId: string; amountPaise: bigint }) | 'Gone' | undefined> {
  return await inTransaction(database, async transaction => {
    const [row] = await transaction<Row[]>`
      SELECT session_id, player_id, fault, occurrence, amount_paise, reason, days
      FROM proposed_credits WHERE id = ${id} AND decision IS NULL FOR UPDATE`
    if (!row) return undefined
    const { session_id: sessionId, player_id: playerId, fault, occurrence, amount_paise: amountPaise, reason } = row
    // A deletion that is under way is waited for.
    const { count } = await transaction`SELECT FROM players WHERE id = ${playerId} AND deleted_at IS NULL FOR SHARE`
    if (count === 0) return 'Gone'

    const expiresAt = new Date(now.getTime() + row.days * DAY)
    const which = occurrence === '' ? {} : { occurrence }
    const order = { playerId, sessionId, fault, amountPaise, reason, author, expiresAt, now, ...which }
    const credited = await creditFault(transaction, order)
    await transaction`
      UPDATE proposed_credits SET decision = 'Approved', decided_at = ${now}, decided_by = ${author} WHERE id = ${id}`
    if (credited.isNew) await tellCredited(transaction, { playerId, amountPaise, reason, credited })
    return { ...credited, playerId, amountPaise }
  })
}

/** False when none of this id is open. */
export async function declineCredit(
  queries: Queries,
  { id, author, reason, now }: { id: bigint; author: string; reason: string; now: Date },
): Promise<boolean> {
  const { count } = await queries`
    UPDATE proposed_credits SET decision = 'Declined', decided_at = ${now}, decided_by = ${author},
      decided_because = ${reason}
    WHERE id = ${id} AND decision IS NULL`
  return count > 0
}

/** The player hears of a credit for a broken promise, whoever decided it. */
export async function tellCredited(
  transaction: Transaction,
  told: { playerId: string; amountPaise: bigint; reason: string; credited: Credited },
): Promise<void> {
  const { playerId, amountPaise, reason, credited } = told
  const balancePaise = String(credited.balance.availablePaise)
  const notification = { type: 'FaultCredited', amountPaise: String(amountPaise), balancePaise, reason } as const
  await enqueue(transaction, 'telegram.notification', { playerId, notification })
}

/** Registers `wasd_api_proposed_credits`; once per registry. Every replica says the same. */
export function proposedCreditMetrics(registry: Registry, database: Queries): void {
  new Gauge({
    name: 'wasd_api_proposed_credits',
    help: 'Credits for broken promises that wait for a person, who approves or declines them: npm run ledger -- proposed',
    registers: [registry],
    async collect() {
      // A scrape goes on without the database: the other metrics say what is wrong.
      const [row] = await database<{ count: number }[]>`
        SELECT count(*)::int AS count FROM proposed_credits WHERE decision IS NULL`.catch(() => [])
      this.reset()
      if (row) this.set(row.count)
    },
  })
}
