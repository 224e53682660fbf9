// What a session may cost, and has cost. Both are cumulative over the session's life: held is the price of the paid
// seconds less what was charged, charged is the price of the seconds played within them. To ask twice is to ask once.
// The rate is the one that the session was started at, whatever becomes of catalogue or machine.
import { columnsOf } from '../../lib/database/columns.ts'
import type { Queries } from '../../lib/database/pool.ts'
import { WalletError } from './errors.ts'
import { type Outcome, only } from './wallet.ts'

export interface Hold {
  sessionId: string
  ratePaisePerHour: bigint
  /** Seconds of play that are paid for, over the whole session. */
  paidSeconds: bigint
  chargedPaise: bigint
  heldPaise: bigint
  isReleased: boolean
}

/** A hold, and what is free in its wallet beside it. */
export interface HoldAndFree {
  hold: Hold
  availablePaise: bigint
}

interface HoldRow {
  session_id: string
  rate_paise_per_hour: bigint
  paid_seconds: bigint
  charged_paise: bigint
  held_paise: bigint
  released_at: Date | null
}

const columns = columnsOf<HoldRow>()('session_id rate_paise_per_hour paid_seconds charged_paise held_paise released_at')

interface CommandRow extends HoldRow {
  outcome: Outcome<'Held' | 'Charged' | 'Released'>
  available_paise: bigint
}

/**
 * Grows the hold to `paidSeconds` in all, or as near to that as the wallet reaches; it never shrinks. Throws
 * `HoldUnknown`, `HoldReleased`.
 */
export async function growHold(
  queries: Queries,
  order: { sessionId: string; playerId: string; paidSeconds: bigint; now: Date },
): Promise<HoldAndFree & { hasGrown: boolean }> {
  const { sessionId, playerId, paidSeconds, now } = order
  const row = only(
    await queries<(CommandRow & { has_grown: boolean })[]>`
      SELECT outcome, available_paise, has_grown, ${ofHold(queries)}
      FROM wallet_hold_grow(${sessionId}, ${playerId}, ${paidSeconds}, ${now})`,
  )
  return { ...holdAndFree(row), hasGrown: row.has_grown }
}

/**
 * Charges the price of all seconds played so far, less what was charged before: `playedSeconds` is the total; what goes
 * beyond the paid ones is free. Paid are those of the hold: where it has grown and the cluster did not hear of it in time,
 * what the operator gave as grace is covered by it, as by a top-up under way. Throws `HoldUnknown`, and `HoldReleased`
 * when something would have to be charged after the release.
 */
export async function charge(
  queries: Queries,
  order: { sessionId: string; playerId: string; playedSeconds: bigint; now: Date },
): Promise<HoldAndFree> {
  const { sessionId, playerId, playedSeconds, now } = order
  return holdAndFree(
    only(
      await queries<CommandRow[]>`
        SELECT outcome, available_paise, ${ofHold(queries)}
        FROM wallet_charge(${sessionId}, ${playerId}, ${playedSeconds}, ${now})`,
    ),
  )
}

/**
 * Gives back what is still held, after what the player owes was repaid from it. Nothing can be charged afterwards.
 * Throws `HoldUnknown`.
 */
export async function release(
  queries: Queries,
  order: { sessionId: string; playerId: string; now: Date },
): Promise<HoldAndFree> {
  const { sessionId, playerId, now } = order
  return holdAndFree(
    only(
      await queries<CommandRow[]>`
        SELECT outcome, available_paise, ${ofHold(queries)} FROM wallet_release(${sessionId}, ${playerId}, ${now})`,
    ),
  )
}

/**
 * What of a hold went into what its player owed when it was released: what it held is free by then, or has repaid.
 * `charged` is the last charge before, of the same transaction: the wallet was locked ever since.
 */
export function repaidAtRelease({ charged, released }: { charged: HoldAndFree; released: HoldAndFree }): bigint {
  return charged.availablePaise + charged.hold.heldPaise - released.availablePaise
}

/** `undefined` when nothing was ever held under this session. */
export async function holdOf(queries: Queries, sessionId: string): Promise<Hold | undefined> {
  const [row] = await queries<HoldRow[]>`SELECT ${queries(columns)} FROM wallet_holds WHERE session_id = ${sessionId}`
  return row && holdFrom(row)
}

/** The columns of the hold that a command gives. */
function ofHold(queries: Queries) {
  return queries`(hold).session_id, (hold).rate_paise_per_hour, (hold).paid_seconds, (hold).charged_paise,
    (hold).held_paise, (hold).released_at`
}

function holdAndFree(row: CommandRow): HoldAndFree {
  switch (row.outcome) {
    case 'Held':
    case 'Charged':
    case 'Released':
      return { hold: holdFrom(row), availablePaise: row.available_paise }
    default:
      throw new WalletError(row.outcome)
  }
}

function holdFrom(row: HoldRow): Hold {
  return {
    sessionId: row.session_id,
    ratePaisePerHour: row.rate_paise_per_hour,
    paidSeconds: row.paid_seconds,
    chargedPaise: row.charged_paise,
    heldPaise: row.held_paise,
    isReleased: row.released_at !== null,
  }
}
