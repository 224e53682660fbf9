// The meter: charges what the operator has closed, grows hold and paidSeconds ahead of need, and warns before the wallet
// is empty. Every step is cumulative: ticks may be missed, repeated, or done by two replicas, and the sum is the same.
import { isAway } from '../../lib/database/away.ts'
import { outage } from '../../lib/database/outage.ts'
import { type Database, inTransaction, type Transaction } from '../../lib/database/pool.ts'
import { enqueue } from '../queue/queue.ts'
import { charge, growHold, type HoldAndFree } from '../wallet/holds.ts'
import { affordableSeconds, price } from '../wallet/price.ts'
import { growthSeconds, isGrowthDue, nextLookSeconds, warningOf } from './metering.ts'
import type { SessionsOutside } from './outside.ts'
import { lockedSession, playedSeconds, type Session } from './session.ts'

/** Seconds between two passes. */
const PASS_SECONDS = 1
/** Sessions in a pass; the rest is due in the next. */
const PASS_SIZE = 200
/**
 * Seconds by which a session is put off that could not be metered: many tries before what is held at the least
 * (`leadSeconds`) is played, for a failure that passes must cut nobody off.
 */
const POSTPONED_SECONDS = 5

type MeterOutside = Pick<SessionsOutside, 'database' | 'clock' | 'log' | 'settings'>

/** Until the signal is aborted. */
export async function meterSessions(outside: MeterOutside, stopping: AbortSignal): Promise<void> {
  const { clock, log } = outside
  const trouble = outage(log, 'The sessions cannot be metered')
  while (!stopping.aborted) {
    try {
      await meterOnce(outside)
      trouble.over()
    } catch (error) {
      trouble.failed(error)
    }
    await clock.sleep(PASS_SECONDS * 1000, stopping).catch(() => undefined)
  }
}

/** One pass over what is due. The number of sessions looked at. */
export async function meterOnce({ database, clock, log, settings }: MeterOutside): Promise<number> {
  const blockSeconds = BigInt(settings.holdBlockSeconds)
  let looked = 0
  for (const id of await due(database, clock.now())) {
    try {
      const now = clock.now()
      if (await inTransaction(database, transaction => meter(transaction, { id, blockSeconds, now }))) looked += 1
    } catch (error) {
      if (isAway(error)) throw error // Nothing is wrong with the session: the next pass takes it first.
      // The others must not wait for it, nor the log be full of it.
      await postpone(database, { id, until: new Date(clock.now().getTime() + POSTPONED_SECONDS * 1000) })
      log.error({ error, session: id }, 'A session could not be metered, and is put off')
    }
  }
  return looked
}

async function postpone(database: Database, { id, until }: { id: string; until: Date }): Promise<void> {
  await database`UPDATE sessions SET meter_at = ${until} WHERE id = ${id}`
}

async function due(database: Database, now: Date): Promise<string[]> {
  const rows = await database<{ id: string }[]>`
    SELECT id FROM sessions WHERE ended_at IS NULL AND meter_at <= ${now} ORDER BY meter_at LIMIT ${PASS_SIZE}`
  return rows.map(({ id }) => id)
}

/** False when another replica is at it, or was. */
async function meter(
  transaction: Transaction,
  { id, blockSeconds, now }: { id: string; blockSeconds: bigint; now: Date },
): Promise<boolean> {
  const [free] = await transaction`
    SELECT FROM sessions WHERE id = ${id} AND ended_at IS NULL AND meter_at <= ${now} FOR UPDATE SKIP LOCKED`
  const session = free && (await lockedSession(transaction, id))
  if (!session) return false

  const { playerId, seen } = session
  const played = playedSeconds(seen, now)
  const isPlaying = seen.since !== undefined
  const charged = await charge(transaction, { sessionId: id, playerId, playedSeconds: seen.seconds, now })
  // Hold and wallet together; growing the one out of the other changes nothing of it.
  const leftSeconds = reachOf(charged) - played
  const { hold } = await grown(transaction, { session, charged, played, leftSeconds, blockSeconds, now })
  const { paidSeconds } = hold
  const toldMinutesLeft = isPlaying ? await warn(transaction, { session, leftSeconds }) : session.toldMinutesLeft
  const lookSeconds = nextLookSeconds({ isPlaying, heldSeconds: paidSeconds - played, leftSeconds, blockSeconds })
  await transaction`
    UPDATE sessions SET meter_at = ${new Date(now.getTime() + lookSeconds * 1000)},
      told_minutes_left = ${toldMinutesLeft ?? null}
    WHERE id = ${id}`
  return true
}

/** Seconds that hold and wallet pay for, over the whole session. */
function reachOf({ hold, availablePaise }: HoldAndFree): bigint {
  const { ratePaisePerHour, paidSeconds } = hold
  const heldInAll = price({ ratePaisePerHour, seconds: paidSeconds })
  return affordableSeconds({ ratePaisePerHour, paise: heldInAll + availablePaise })
}

/** The hold, grown when that is due; what the object is to say of it goes to the outbox. */
async function grown(
  transaction: Transaction,
  about: {
    session: Session
    charged: HoldAndFree
    played: bigint
    leftSeconds: bigint
    blockSeconds: bigint
    now: Date
  },
): Promise<HoldAndFree> {
  const { session, charged, played, leftSeconds, blockSeconds, now } = about
  const { id: sessionId, playerId, seen } = session
  const { paidSeconds } = charged.hold
  const isPlaying = seen.since !== undefined
  if (!isGrowthDue({ isPlaying, paidSeconds, playedSeconds: played, blockSeconds })) return charged
  const order = { sessionId, playerId, paidSeconds: paidSeconds + growthSeconds({ leftSeconds, blockSeconds }), now }
  const { hasGrown, ...after } = await growHold(transaction, order)
  if (hasGrown) await enqueue(transaction, 'kubernetes.session', { sessionId })
  return after
}

async function warn(
  transaction: Transaction,
  { session, leftSeconds }: { session: Session; leftSeconds: bigint },
): Promise<number | undefined> {
  const { playerId, toldMinutesLeft: before } = session
  const { tell, toldMinutesLeft } = warningOf({ leftSeconds, toldMinutesLeft: before })
  if (tell !== undefined) {
    const notification = { type: 'BalanceLow', minutesLeft: tell } as const
    await enqueue(transaction, 'telegram.notification', { playerId, notification })
  }
  return toldMinutesLeft
}
