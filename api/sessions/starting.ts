// How a session is started: money, session and outbox by one function of the database (0017_session_start.sql; told over
// HTTP, 0026_replies_in_clear.sql), in one round trip. The bot's start is known again by the one active session; a request's
// by its Idempotency-Key.
import type { Queries } from '../../lib/database/pool.ts'
import { lowerCaseUlid } from '../players/ids.ts'
import { WalletError } from '../wallet/errors.ts'
import { only } from '../wallet/wallet.ts'
import type { CommandOutside } from './commands.ts'
import { SessionError } from './errors.ts'
import type { SessionRecord } from './history.ts'
import { MINIMUM_SECONDS, minimumPaise, rateOf, regionsOf } from './quote.ts'
import type { Session } from './session.ts'

export interface StartOrder {
  playerId: string
  /** Keys of the catalogue. */
  game: string
  tier: string
  /** In order of preference; without any, ours. */
  regions?: readonly string[]
  now: Date
}

interface StartRow {
  available_paise: bigint | null
  paid_seconds: bigint | null
}

/**
 * Holds the first block, writes the session, and queues its creation: all or nothing. Throws `GameUnknown`,
 * `TierUnknown`, `RegionUnknown`, `SessionActive`, and the wallet's `InsufficientFunds`.
 */
export async function start(outside: CommandOutside, order: StartOrder): Promise<Session> {
  const { session, ratePaisePerHour } = planned(outside, order)
  const { id, playerId, game, tier, regions } = session
  const row = only(
    await outside.database<(StartRow & { outcome: 'Held' | Refused })[]>`
      SELECT outcome, available_paise, paid_seconds FROM session_start(${id}, ${playerId}, ${game}, ${tier}, ${regions}, ${ratePaisePerHour},
        ${outside.holdBlockSeconds}, ${MINIMUM_SECONDS}, NULL, ${order.now})`,
  )
  if (row.outcome !== 'Held') throw refusalOf(row.outcome, row, ratePaisePerHour)
  return session
}

/** What makes a request known again, and its reply. */
export interface OnceOrder<Reply> {
  owner: string
  key: string
  hash: Buffer
  /** Without which nothing is done; `undefined` for a service. */
  signInId: string | undefined
  /** Kept as JSON, in clear: it must hold no secret. */
  answer(record: SessionRecord): Reply
}

export type StartedOnce<Reply> =
  | { outcome: 'Started'; reply: Reply }
  /** It was started before, by this very request; so it was answered. */
  | { outcome: 'Kept'; body: string }
  /** The same, by a version that sealed what it answered. */
  | { outcome: 'KeptSealed'; sealedBody: Buffer }
  | { outcome: 'SignedOut' | 'IdempotencyInFlight' | 'IdempotencyKeyReused' }

/** How often the reply is made anew when the wallet moves meanwhile. */
const ATTEMPTS = 5

/**
 * As `start`, once per key. The reply is made before it is true, and the start is done only if it becomes so: a wallet
 * that reaches for less than the first block takes a second round trip.
 */
export async function startOnce<Reply>(
  outside: CommandOutside,
  order: StartOrder,
  once: OnceOrder<Reply>,
): Promise<StartedOnce<Reply>> {
  const { session, ratePaisePerHour } = planned(outside, order)
  let paidSeconds = BigInt(outside.holdBlockSeconds)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const record = recordOf({ session, ratePaisePerHour, paidSeconds })
    const reply = once.answer(record)
    const row = await askOnce(outside, { record, once, body: JSON.stringify(reply), now: order.now })
    switch (row.outcome) {
      case 'Held':
        return { outcome: 'Started', reply }
      case 'Kept':
        if (row.kept_body !== null) return { outcome: 'Kept', body: row.kept_body }
        if (row.kept_sealed_body !== null) return { outcome: 'KeptSealed', sealedBody: row.kept_sealed_body }
        throw new Error('A reply that is kept has no body.')
      case 'PaidOtherwise':
        if (row.paid_seconds === null) throw new Error('A hold has no seconds.')
        paidSeconds = row.paid_seconds
        break
      case 'SessionActive':
      case 'InsufficientFunds':
        throw refusalOf(row.outcome, row, ratePaisePerHour)
      default:
        return { outcome: row.outcome }
    }
  }
  return { outcome: 'IdempotencyInFlight' } // Its wallet never stood still: to be asked again.
}

type Refused = 'SessionActive' | 'InsufficientFunds'
type OnceRow = StartRow & {
  outcome: 'Held' | 'PaidOtherwise' | Refused | 'Kept' | 'SignedOut' | 'IdempotencyInFlight' | 'IdempotencyKeyReused'
  kept_body: string | null
  kept_sealed_body: Buffer | null
}

async function askOnce(
  { database, holdBlockSeconds }: { database: Queries; holdBlockSeconds: number },
  { record, once, body, now }: { record: SessionRecord; once: OnceOrder<unknown>; body: string; now: Date },
): Promise<OnceRow> {
  const { session, ratePaisePerHour, paidSeconds } = record
  const { owner, key, hash, signInId = null } = once
  const { id, playerId, game, tier, regions } = session
  return only(
    await database<OnceRow[]>`
      SELECT outcome, available_paise, paid_seconds, kept_body, kept_sealed_body FROM session_start_answered(${owner}, ${key}, ${hash},
        ${body}, ${signInId}, ${id}, ${playerId}, ${game}, ${tier}, ${regions}, ${ratePaisePerHour}, ${holdBlockSeconds},
        ${MINIMUM_SECONDS}, ${paidSeconds}, ${now})`,
  )
}

function refusalOf(outcome: Refused, row: StartRow, ratePaisePerHour: bigint): SessionError | WalletError {
  if (outcome === 'SessionActive') return new SessionError(outcome)
  const funds = { neededPaise: minimumPaise(ratePaisePerHour), availablePaise: row.available_paise ?? 0n }
  return new WalletError(outcome, { funds })
}

/** The session as it will stand: what is not said here is what the table has by default. */
function planned(
  { catalogue, defaultRegions }: CommandOutside,
  { playerId, game, tier, regions, now }: StartOrder,
): { session: Session; ratePaisePerHour: bigint } {
  const offer = catalogue()
  const ratePaisePerHour = rateOf({ catalogue: offer, game, tier })
  const session: Session = {
    id: lowerCaseUlid(now),
    playerId,
    game,
    tier,
    regions: regionsOf({ catalogue: offer, regions, defaultRegions }),
    createdAt: now,
    desiredState: 'Running',
    command: 0n,
    commandApplied: 0n,
    objectUid: undefined,
    seen: {
      version: undefined,
      phase: undefined,
      host: undefined,
      seconds: 0n,
      since: undefined,
      readyAt: undefined,
      interruptions: [],
    },
    told: 'Nothing',
    toldInterruption: undefined,
    toldMinutesLeft: undefined,
    meterAt: now,
    endedAt: undefined,
    endReason: undefined,
  }
  return { session, ratePaisePerHour }
}

function recordOf(of: { session: Session; ratePaisePerHour: bigint; paidSeconds: bigint }): SessionRecord {
  return { ...of, state: 'Starting', playedSeconds: 0n, costPaise: 0n }
}
