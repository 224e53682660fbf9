// Everything that the simulated Razorpay knows. Functions in the other files change it; nothing here waits or calls.
// Entities carry the names of Razorpay's API reference, so that they are sent as they are stored.
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'

export type Notes = Record<string, string | number> | []

export interface PaymentLink {
  id: string
  /** The last part of the page's address. */
  code: string
  accept_partial: false
  amount: number
  amount_paid: number
  callback_method: string
  callback_url: string
  cancelled_at: number
  created_at: number
  currency: 'INR'
  customer: Record<string, string> | []
  description: string
  expire_by: number
  expired_at: number
  first_min_partial_amount: 0
  notes: Notes
  notify: { email: boolean; sms: boolean; whatsapp: boolean }
  order_id: string | undefined
  payments: LinkPayment[] | null
  reference_id: string
  reminder_enable: boolean
  reminders: []
  short_url: string
  status: 'created' | 'paid' | 'expired' | 'cancelled'
  updated_at: number
  upi_link: false
  user_id: string
}

export interface LinkPayment {
  amount: number
  created_at: number
  method: string
  payment_id: string
  plink_id: string
  status: 'captured'
  updated_at: number
}

export interface Order {
  id: string
  entity: 'order'
  amount: number
  amount_due: number
  amount_paid: number
  attempts: number
  created_at: number
  currency: 'INR'
  notes: Notes
  offer_id: null
  receipt: string | null
  status: 'created' | 'attempted' | 'paid'
}

export const METHODS = ['upi', 'card', 'netbanking', 'wallet'] as const
export type Method = (typeof METHODS)[number]

export interface Payment {
  id: string
  entity: 'payment'
  amount: number
  currency: 'INR'
  base_amount: number
  status: 'created' | 'authorized' | 'captured' | 'refunded' | 'failed'
  order_id: string | null
  invoice_id: null
  international: false
  method: Method
  amount_refunded: number
  amount_transferred: 0
  refund_status: 'partial' | 'full' | null
  captured: boolean
  description: string | null
  card_id: string | null
  bank: string | null
  wallet: string | null
  vpa: string | null
  email: string
  contact: string
  notes: Notes
  fee: number | null
  tax: number | null
  error_code: string | null
  error_description: string | null
  error_source: string | null
  error_step: string | null
  error_reason: string | null
  acquirer_data: Record<string, string | null>
  created_at: number
  upi?: { payer_account_type: string; vpa: string; flow: string }
}

export interface Refund {
  id: string
  entity: 'refund'
  amount: number
  currency: 'INR'
  payment_id: string
  notes: Notes
  receipt: string | null
  acquirer_data: { arn: string | null }
  created_at: number
  batch_id: null
  status: 'pending' | 'processed' | 'failed'
  speed_processed: 'normal' | 'instant'
  speed_requested: 'normal' | 'optimum'
}

export const DISPUTE_OUTCOMES = ['under_review', 'won', 'lost', 'closed'] as const
export const DISPUTE_PHASES = ['fraud', 'retrieval', 'chargeback', 'pre_arbitration', 'arbitration'] as const

export interface Dispute {
  id: string
  entity: 'dispute'
  payment_id: string
  amount: number
  currency: 'INR'
  amount_deducted: number
  reason_code: string
  respond_by: number
  status: 'open' | (typeof DISPUTE_OUTCOMES)[number]
  phase: (typeof DISPUTE_PHASES)[number]
  created_at: number
}

/** An event as it was signed: the body is never made again. */
export interface WebhookEvent {
  id: string
  event: string
  payment_id: string | undefined
  body: string
  signature: string
  createdAt: number
  delivered: boolean
  attempts: number
}

export interface Webhook {
  url: string | undefined
  secret: string
  /** Undefined: every event. */
  events: string[] | undefined
  active: boolean
}

export interface LoggedCall {
  seq: number
  time: string
  method: string
  path: string
  status: number
  fault?: string
}

export interface LoggedDelivery {
  seq: number
  time: string
  event_id: string
  event: string
  payment_id?: string
  attempt: number
  status?: number
  error?: string
}

export interface Fault {
  id: string
  method: string | undefined
  path: string
  status: number | undefined
  description: string | undefined
  delaySeconds: number
  loseReply: boolean
  timesLeft: number
}

export interface Account {
  id: string
  keyId: string
  keySecret: string
  /** Start of every short_url, without a slash at its end. */
  publicUrl: string
  capture: 'automatic' | 'manual'
}

export interface State {
  account: Account
  webhook: Webhook
  paymentLinks: Map<string, PaymentLink>
  orders: Map<string, Order>
  payments: Map<string, Payment>
  refunds: Map<string, Refund>
  disputes: Map<string, Dispute>
  /** What becomes of refunds that the merchant asks for by the API. */
  refundOutcome: Refund['status']
  /** By idempotency key: what was asked and what came of it. */
  refundKeys: Map<string, { request: string; refundId: string }>
  events: Map<string, WebhookEvent>
  calls: LoggedCall[]
  deliveries: LoggedDelivery[]
  faults: Fault[]
  seq: number
}

/** What every part of the simulator is given; `emit` takes what has happened to the webhooks. */
export interface World {
  state: State
  clock: Clock
  random: Random
  emit: (event: string, entities: Record<string, unknown>) => void
}

export function createState(account: Account, webhook: Webhook): State {
  return {
    account,
    webhook,
    paymentLinks: new Map(),
    orders: new Map(),
    payments: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    refundOutcome: 'processed',
    refundKeys: new Map(),
    events: new Map(),
    calls: [],
    deliveries: [],
    faults: [],
    seq: 0,
  }
}
