// POST /webhooks/telegram. Verified, stored, answered: the worker does the rest, in order per chat. A pre-checkout query
// alone is answered within the request, since Telegram gives ten seconds for it.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Update } from 'grammy/types'
import { Hono } from 'hono'
import { z } from 'zod'
import { HttpError } from './errors.ts'
import { readJson } from './read-json.ts'

export interface TelegramInbox {
  /** What Telegram must send in X-Telegram-Bot-Api-Secret-Token. Never empty: the settings see to it. */
  secret: string
  /** Keeps the update for the worker. The same update a second time changes nothing. */
  store(update: Update): Promise<void>
  /** Answers a pre-checkout query now. */
  answerPreCheckout(update: Update): Promise<void>
}

/** The little that we rely on before grammY takes over. https://core.telegram.org/bots/api#update */
const updateShape = z.looseObject({ update_id: z.int().min(0), pre_checkout_query: z.looseObject({}).optional() })
const updateSchema = z.custom<Update>(value => updateShape.safeParse(value).success)

export function telegramWebhook(inbox: TelegramInbox): Hono {
  return new Hono().post('/webhooks/telegram', async context => {
    const secret = context.req.header('X-Telegram-Bot-Api-Secret-Token') ?? ''
    if (!equal(secret, inbox.secret)) throw new HttpError('TelegramSecretInvalid') // Before the body is even read.

    const update = updateSchema.safeParse(await readJson(context))
    if (!update.success) {
      const faults = [{ at: 'body', message: "one of Telegram's updates is expected, with its update_id" }]
      throw new HttpError('InvalidRequest', { faults })
    }
    if (update.data.pre_checkout_query) await inbox.answerPreCheckout(update.data)
    else await inbox.store(update.data)
    return context.json({})
  })
}

/** Compares in a time that tells nothing; digests, since the lengths may differ. */
function equal(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(left), digest(right))
}
