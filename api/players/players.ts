// Who plays. A player is made the first time that they write to the bot.
import { columnsOf } from '../../lib/database/columns.ts'
import type { Queries } from '../../lib/database/pool.ts'
import { lowerCaseUlid } from './ids.ts'

export interface Player {
  /** A ULID in lower case: it is also the label and `spec.player` of the session in Kubernetes. */
  id: string
  telegramUserId: bigint
  /** Where the bot writes to. */
  telegramChatId: bigint
  /** Empty when Telegram gives none. */
  firstName: string
  /** An IETF language tag, as Telegram gave it last. */
  languageCode: string | undefined
  createdAt: Date
}

interface PlayerRow {
  id: string
  telegram_user_id: bigint
  telegram_chat_id: bigint
  first_name: string
  language_code: string | null
  created_at: Date
}

const columns = columnsOf<PlayerRow>()('id telegram_user_id telegram_chat_id first_name language_code created_at')

/** The player of a Telegram account, made on first sight; name, chat and language are kept as they come. */
export async function findOrCreateByTelegram(
  queries: Queries,
  person: {
    telegramUserId: bigint
    telegramChatId: bigint
    firstName: string
    languageCode: string | undefined
    now: Date
  },
): Promise<Player> {
  const { telegramUserId, telegramChatId, now } = person
  const firstName = person.firstName.slice(0, 128)
  const languageCode = person.languageCode?.slice(0, 35) ?? null
  const id = lowerCaseUlid(now)
  // Written only when something differs: most messages come from players who are known already.
  const rows = await queries<PlayerRow[]>`
    WITH known AS (
      SELECT ${queries(columns)} FROM players WHERE telegram_user_id = ${telegramUserId}
    ), written AS (
      INSERT INTO players (id, telegram_user_id, telegram_chat_id, first_name, language_code, created_at)
      SELECT ${id}, ${telegramUserId}, ${telegramChatId}, ${firstName}, ${languageCode}, ${now}
      WHERE NOT EXISTS (
        SELECT FROM known WHERE telegram_chat_id = ${telegramChatId} AND first_name = ${firstName}
          AND language_code IS NOT DISTINCT FROM ${languageCode}
      )
      ON CONFLICT (telegram_user_id) DO UPDATE SET telegram_chat_id = excluded.telegram_chat_id,
        first_name = excluded.first_name, language_code = excluded.language_code
      RETURNING ${queries(columns)}
    )
    SELECT ${queries(columns)} FROM written
    UNION ALL SELECT ${queries(columns)} FROM known WHERE NOT EXISTS (SELECT FROM written)`
  const [row] = rows
  if (!row) throw new Error('A player was neither found nor made.')
  return playerOf(row)
}

/** `undefined` also for one who was deleted. */
export async function playerById(queries: Queries, id: string): Promise<Player | undefined> {
  const [row] = await queries<PlayerRow[]>`
    SELECT ${queries(columns)} FROM players WHERE id = ${id} AND deleted_at IS NULL`
  return row && playerOf(row)
}

function playerOf(row: PlayerRow): Player {
  return {
    id: row.id,
    telegramUserId: row.telegram_user_id,
    telegramChatId: row.telegram_chat_id,
    firstName: row.first_name,
    languageCode: row.language_code ?? undefined,
    createdAt: row.created_at,
  }
}
