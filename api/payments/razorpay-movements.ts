// What has moved at Razorpay, page by page: payments and refunds made within a window of time, then disputes. A webhook can
// be late, lost, or switched off after a day of failures; this needs none.
//
// A window reaches from a little before the last one's end until now. What was made before it and has changed since is
// found otherwise: the top-ups of the last days, a refund that is pending, a dispute that is open are each asked about.
import { z } from 'zod'
import type { Movement } from './rail.ts'
import { call, type RazorpayClient } from './razorpay-client.ts'
import {
  disputeSchema,
  disputeSeen,
  isCaptured,
  noteOf,
  paymentSchema,
  paymentSeen,
  type RazorpayPayment,
  refundSchema,
  refundSeen,
} from './razorpay-entities.ts'

/** Razorpay's own maximum. https://razorpay.com/docs/api/payments/fetch-all-payments/ */
const PAGE_SIZE = 100
/** Seconds by which windows overlap: their clock is not ours, and what is made may be listed late. */
const OVERLAP_SECONDS = 900
/** Days that the first window reaches back: a late authorisation takes up to three. */
const FIRST_DAYS = 4
/** Disputes looked through, the newest first. They have no window, and are decided within weeks. */
const DISPUTES_AT_MOST = 1000

/** Where the next page begins. Times in seconds since 1970. */
const cursorSchema = z.object({
  of: z.enum(['Payments', 'Refunds', 'Disputes']),
  from: z.int(),
  to: z.int(),
  skip: z.int(),
})
type Cursor = z.infer<typeof cursorSchema>

export async function razorpayMovements(client: RazorpayClient, text: string | undefined, now: Date) {
  const cursor = cursorOf(text, now)
  const { movements, isFull } = await page(client, cursor)
  const skip = cursor.skip + PAGE_SIZE
  const isMore = isFull && !(cursor.of === 'Disputes' && skip >= DISPUTES_AT_MOST)
  const next = isMore ? { ...cursor, skip } : following(cursor)
  return { movements, cursor: JSON.stringify(next), isLast: !isMore && cursor.of === 'Disputes' }
}

/** A cursor of another version, or none, begins anew: nothing is missed by that. */
function cursorOf(text: string | undefined, now: Date): Cursor {
  const parsed = cursorSchema.safeParse(text === undefined ? undefined : JSON.parse(text))
  const to = Math.floor(now.getTime() / 1000)
  const { of, from, skip } = parsed.data ?? { of: 'Payments', from: to - FIRST_DAYS * 86_400, skip: 0 }
  // A window's end is fixed when its first page is asked for: the pages must not shift while they are turned.
  const isFirst = of === 'Payments' && skip === 0
  return { of, from, skip, to: isFirst ? to : (parsed.data?.to ?? to) }
}

function following({ of, from, to }: Cursor): Cursor {
  switch (of) {
    case 'Payments':
      return { of: 'Refunds', from, to, skip: 0 }
    case 'Refunds':
      return { of: 'Disputes', from, to, skip: 0 }
    case 'Disputes':
      return { of: 'Payments', from: to - OVERLAP_SECONDS, to, skip: 0 }
    default:
      return of satisfies never
  }
}

async function page(client: RazorpayClient, { of, from, to, skip }: Cursor) {
  const { payments, refunds, disputes } = client.sdk
  const window = { from, to, skip, count: PAGE_SIZE }
  switch (of) {
    case 'Payments':
      return paged(await call(listOf(paymentSchema), () => payments.all(window)), paymentMovement)
    case 'Refunds':
      return paged(await call(listOf(refundSchema), () => refunds.all(window)), refund => ({
        is: 'Refund',
        refund: refundSeen(refund),
      }))
    case 'Disputes':
      return paged(await call(listOf(disputeSchema), () => disputes.all({ skip, count: PAGE_SIZE })), dispute => ({
        is: 'Dispute',
        dispute: disputeSeen(dispute),
      }))
    default:
      return of satisfies never
  }
}

/** What a payment means to the books, whoever tells of it; nothing while it is neither taken nor to be taken. */
export function paymentMovement(payment: RazorpayPayment, topUpId = noteOf(payment)): Movement | undefined {
  if (isCaptured(payment)) return { is: 'Payment', payment: paymentSeen(payment, topUpId) }
  if (payment.status === 'authorized') return { is: 'Authorization', topUpId, paymentId: payment.id }
  return undefined
}

function listOf<Item extends z.ZodType>(item: Item) {
  return z.looseObject({ items: z.array(item) })
}

function paged<Item>({ items }: { items: Item[] }, movementOf: (item: Item) => Movement | undefined) {
  return { movements: items.flatMap(item => movementOf(item) ?? []), isFull: items.length === PAGE_SIZE }
}
