// Disputes: raised by the customer's bank, won or lost later. razorpay.com/docs/webhooks/disputes
import { unixSeconds } from '../clock.ts'
import { refuse } from './errors.ts'
import { collection, paged, pageOf } from './fields.ts'
import type { Dispute, Payment, World } from './state.ts'

/** The merchant has this long to respond, seconds. */
const RESPOND_WITHIN = 7 * 24 * 3600

export function raiseDispute(
  world: World,
  given: { payment: Payment; amount: number; phase: Dispute['phase'] },
): Dispute {
  const { payment, amount, phase } = given
  const now = unixSeconds(world.clock)
  const dispute: Dispute = {
    id: `disp_${world.random.word(14)}`,
    entity: 'dispute',
    payment_id: payment.id,
    amount,
    currency: 'INR',
    amount_deducted: 0,
    reason_code: 'goods_or_services_not_received',
    respond_by: now + RESPOND_WITHIN,
    status: 'open',
    phase,
    created_at: now,
  }
  world.state.disputes.set(dispute.id, dispute)
  world.emit('payment.dispute.created', { payment, dispute })
  return dispute
}

export function moveDispute(
  world: World,
  given: { dispute: Dispute; payment: Payment; status: Exclude<Dispute['status'], 'open'>; deducted?: number },
): Dispute {
  const { dispute, payment, status, deducted = status === 'lost' ? dispute.amount : 0 } = given
  dispute.status = status
  dispute.amount_deducted = deducted // Some of it, where a part was contested.
  world.emit(`payment.dispute.${status}`, { payment, dispute })
  return dispute
}

export function findDispute({ state }: World, id: string): Dispute {
  const dispute = state.disputes.get(id)
  if (dispute === undefined) throw refuse('UnknownId')
  return dispute
}

export function listDisputes({ state }: World, query: Record<string, string>): Record<string, unknown> {
  return collection(paged(state.disputes.values(), pageOf(query)))
}
