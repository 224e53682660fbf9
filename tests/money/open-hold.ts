// A hold without the rest of a start, which is one function of the database over this one (0017_session_start.sql).
import { WalletError } from '../../api/wallet/errors.ts'
import { type Hold, holdOf } from '../../api/wallet/holds.ts'
import { price } from '../../api/wallet/price.ts'
import { type Outcome, only } from '../../api/wallet/wallet.ts'
import type { Queries } from '../../lib/database/pool.ts'

/**
 * Holds the price of up to `blockSeconds` of play, or of what the wallet buys, but no less than `minimumSeconds`.
 * Throws `InsufficientFunds` with what the minimum costs and what is there.
 */
export async function openHold(
  queries: Queries,
  order: {
    sessionId: string
    playerId: string
    ratePaisePerHour: bigint
    blockSeconds: bigint
    minimumSeconds: bigint
    now: Date
  },
): Promise<Hold> {
  const { sessionId, playerId, ratePaisePerHour, blockSeconds, minimumSeconds, now } = order
  const { outcome, available_paise: availablePaise } = only(
    await queries<{ outcome: Outcome<'Held'>; available_paise: bigint }[]>`
      SELECT outcome, available_paise FROM wallet_hold_open(${sessionId}, ${playerId}, ${ratePaisePerHour},
        ${blockSeconds}, ${minimumSeconds}, ${now})`,
  )
  if (outcome !== 'Held') {
    const neededPaise = price({ ratePaisePerHour, seconds: minimumSeconds })
    throw new WalletError(outcome, { funds: { neededPaise, availablePaise } })
  }
  const hold = await holdOf(queries, sessionId)
  if (!hold) throw new Error('What was held is not there.')
  return hold
}
