// Who opened the Mini App, as Telegram signed it. Pure.
// https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app
import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { PlayerError } from './errors.ts'

/** Seconds after which the data is not taken any more. */
export const MINI_APP_SECONDS = 600
/** Seconds by which Telegram's clock may be ahead of ours. */
const SKEW_SECONDS = 60

export interface TelegramPerson {
  telegramUserId: bigint
  firstName: string
  languageCode: string | undefined
}

const userSchema = z.looseObject({
  id: z.int().min(1),
  is_bot: z.literal(false).optional(),
  first_name: z.string(),
  language_code: z.string().optional(),
})
const fieldsSchema = z.looseObject({ auth_date: z.string().regex(/^\d{1,12}$/), user: z.string() })

/**
 * Throws `PlayerError` MiniAppDataInvalid, MiniAppDataExpired. A field given twice is refused: what was signed and what is
 * read could be two different ones.
 */
export function parseMiniAppData(initData: string, about: { botToken: string; now: Date }): TelegramPerson {
  const pairs = [...new URLSearchParams(initData)]
  const fields = Object.fromEntries(pairs)
  if (Object.keys(fields).length !== pairs.length) throw new PlayerError('MiniAppDataInvalid')
  if (!isSigned(pairs, about.botToken)) throw new PlayerError('MiniAppDataInvalid')

  const parsed = fieldsSchema.safeParse(fields)
  if (!parsed.success) throw new PlayerError('MiniAppDataInvalid')
  const ageSeconds = about.now.getTime() / 1000 - Number(parsed.data.auth_date)
  if (ageSeconds > MINI_APP_SECONDS) throw new PlayerError('MiniAppDataExpired')
  if (ageSeconds < -SKEW_SECONDS) throw new PlayerError('MiniAppDataInvalid')
  const { id, first_name: firstName, language_code: languageCode } = userOf(parsed.data.user)
  return { telegramUserId: BigInt(id), firstName, languageCode }
}

function isSigned(pairs: [string, string][], botToken: string): boolean {
  const hash = Buffer.from(pairs.find(([name]) => name === 'hash')?.[1] ?? '', 'hex')
  const text = pairs
    .filter(([name]) => name !== 'hash')
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join('\n')
  const key = createHmac('sha256', 'WebAppData').update(botToken).digest()
  const expected = createHmac('sha256', key).update(text).digest()
  return hash.length === expected.length && timingSafeEqual(hash, expected)
}

function userOf(text: string): z.infer<typeof userSchema> {
  try {
    return userSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new PlayerError('MiniAppDataInvalid', { cause })
  }
}
