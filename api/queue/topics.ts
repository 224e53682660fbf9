// The topics of the queue: what an item carries, in what it is ordered, and by what a repetition is known.
import type { Update } from 'grammy/types'
import { z } from 'zod'
import { notificationSchema } from './notifications.ts'

interface Topic<Payload> {
  /** An item is parsed when it is taken out: another version may have put it in. */
  payload: z.ZodType<Payload>
  /** Items of one key are worked off one at a time, in the order they came in. */
  keyOf(payload: Payload): string
  /** A second item of the same is dropped, also when the first is long done. */
  dedupeOf?(payload: Payload): string
}

function topic<Payload>(declaration: Topic<Payload>): Topic<Payload> {
  return declaration
}

const updateShape = z.looseObject({ update_id: z.int() })
const update = z.custom<Update>(value => updateShape.safeParse(value).success)

export const topics = {
  /** Bring the cluster to what the session's row says now. */
  'kubernetes.session': topic({
    payload: z.object({ sessionId: z.string() }),
    keyOf: ({ sessionId }) => sessionId,
  }),
  /** Work off a verified webhook from the store. */
  'razorpay.webhook': topic({
    payload: z.object({ webhookId: z.string() }),
    keyOf: ({ webhookId }) => webhookId,
  }),
  /** Bring a refund that was asked for to the gateway. */
  'payment.refund': topic({
    payload: z.object({ refundId: z.string() }),
    keyOf: ({ refundId }) => refundId,
  }),
  /** Ask Razorpay for all refunds of a payment: it has some that we may not know of. */
  'razorpay.refunds': topic({
    payload: z.object({ paymentId: z.string() }),
    keyOf: ({ paymentId }) => paymentId,
  }),
  'telegram.update': topic({
    payload: z.object({ botId: z.int(), update }),
    keyOf: ({ update }) => chatOf(update),
    dedupeOf: ({ botId, update }) => `${botId}:${update.update_id}`,
  }),
  'telegram.notification': topic({
    payload: z.object({ playerId: z.string(), notification: notificationSchema }),
    keyOf: ({ playerId }) => playerId,
  }),
}

export type TopicName = keyof typeof topics
export const topicNames = Object.keys(topics).filter(isTopic)

export function isTopic(name: string): name is TopicName {
  return Object.hasOwn(topics, name)
}

export type PayloadOf<Name extends TopicName> = (typeof topics)[Name] extends Topic<infer Payload> ? Payload : never

/** The chat that an update happens in, else the person; `update_id` where there is neither, so that it waits for nobody. */
function chatOf(update: Update): string {
  const message = update.message ?? update.edited_message ?? update.callback_query?.message
  const from = update.callback_query?.from ?? update.pre_checkout_query?.from ?? update.my_chat_member?.from
  const id = message?.chat.id ?? update.my_chat_member?.chat.id ?? from?.id
  return id === undefined ? `update:${update.update_id}` : String(id)
}
