// What a stored webhook tells, for whoever asks why it could not be worked off: of which payment, refund or dispute, and
// how much money. Whose it is stays in the store: names, addresses and numbers are in the body.
import { z } from 'zod'
import type { Queries } from '../../lib/database/pool.ts'

const entity = z
  .object({ id: z.string(), payment_id: z.string(), status: z.string(), amount: z.number(), currency: z.string() })
  .partial()

/** Each part for itself: a body that is malformed elsewhere still tells what it can. */
const bodySchema = z.object({
  event: z.string().catch('unreadable'),
  account_id: z.string().optional().catch(undefined),
  payload: z.record(z.string(), z.object({ entity: entity.catch({}) }).catch({ entity: {} })).catch({}),
})

export interface ToldByWebhook {
  /** Such as `payment.captured`. */
  event: string
  accountId: string | undefined
  receivedAt: Date
  /** From a header that Razorpay does not sign. */
  eventId: string | undefined
  /** By their kind: `payment`, `refund`. */
  entities: Record<string, z.infer<typeof entity>>
}

/** `undefined` when the store has no such webhook. */
export async function toldByWebhook(queries: Queries, webhookId: string): Promise<ToldByWebhook | undefined> {
  const [row] = await queries<{ raw_body: string; event_id: string | null; received_at: Date }[]>`
    SELECT raw_body, event_id, received_at FROM razorpay_webhooks WHERE id = ${webhookId}::bigint`
  if (!row) return undefined
  const body = bodySchema.safeParse(jsonOf(row.raw_body)).data
  return {
    event: body?.event ?? 'unreadable',
    accountId: body?.account_id,
    receivedAt: row.received_at,
    eventId: row.event_id ?? undefined,
    entities: Object.fromEntries(Object.entries(body?.payload ?? {}).map(([kind, part]) => [kind, part.entity])),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // It says nothing that can be read.
  }
}
