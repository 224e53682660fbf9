// Deletes a player on their own request: who they were is erased, the books stay as they are, under an id that says
// nothing. What the law makes us keep of payments is Razorpay's and the ledger's, and names nobody. Razorpay's own messages
// name the payer: those go, too, but for one that waits for a person, which goes once it is worked off.
import { inTransaction, type Queries } from '../../lib/database/pool.ts'
import { balanceOf, walletOf } from '../wallet/wallet.ts'
import { PlayerError } from './errors.ts'

/** Throws `PlayerUnknown` (or deleted before), `SessionLives`, and `MoneyLeft` unless the player gives it up. */
export async function deletePlayer(
  queries: Queries,
  order: { playerId: string; forfeitMoney: boolean; now: Date },
): Promise<void> {
  const { playerId, forfeitMoney, now } = order
  await inTransaction(queries, async transaction => {
    // Nobody starts a session meanwhile: that takes a share of this lock.
    const [player] = await transaction<{ telegram_chat_id: bigint }[]>`
      SELECT telegram_chat_id FROM players WHERE id = ${playerId} AND deleted_at IS NULL FOR UPDATE`
    if (!player) throw new PlayerError('PlayerUnknown')
    const { count: living } = await transaction`
      SELECT FROM sessions WHERE player_id = ${playerId} AND ended_at IS NULL`
    if (living > 0) throw new PlayerError('SessionLives')
    const { postedPaise } = await balanceOf(transaction, playerId)
    // Stars go back to a Telegram account, which nobody knows any more afterwards.
    const { count: underWay } = await transaction`
      SELECT FROM wallet_refunds WHERE account_id = ${walletOf(playerId)} AND state = 'Pending'`
    if ((postedPaise > 0n || underWay > 0) && !forfeitMoney) throw new PlayerError('MoneyLeft')

    // What is not paid yet is not to be paid any more. What is all the same goes back (payments/movements.ts).
    await transaction`
      UPDATE top_ups SET expires_at = ${now} WHERE player_id = ${playerId} AND credited_at IS NULL AND expires_at > ${now}`

    await transaction`
      DELETE FROM razorpay_webhooks
      WHERE worked_off_at IS NOT NULL AND top_up_id IN (SELECT id FROM top_ups WHERE player_id = ${playerId})`

    const chat = String(player.telegram_chat_id)
    await transaction`
      UPDATE players SET telegram_user_id = NULL, telegram_chat_id = NULL, first_name = '', language_code = NULL,
        deleted_at = ${now}
      WHERE id = ${playerId}`
    await transaction`DELETE FROM sign_ins WHERE player_id = ${playerId}`
    await transaction`DELETE FROM idempotent_requests WHERE owner = ${playerId}`
    await transaction`
      DELETE FROM queue_items WHERE claim IS NULL
        AND ((topic = 'telegram.update' AND key = ${chat}) OR (topic = 'telegram.notification' AND key = ${playerId}))`
  })
}
