// Everything that the simulated Telegram knows. Functions in the other files change it; nothing here waits or calls.
import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { Entity } from './html.ts'
import type { Button } from './keyboard.ts'
import type { Watch } from './watch.ts'

export interface Person {
  id: number
  is_bot: boolean
  first_name: string
  last_name?: string
  username?: string
  language_code?: string
}

export interface Invoice {
  title: string
  description: string
  payload: string
  currency: 'XTR'
  total_amount: number
}

export interface Payment {
  currency: 'XTR'
  total_amount: number
  invoice_payload: string
  telegram_payment_charge_id: string
  provider_payment_charge_id: string
}

export interface Message {
  /** Raised by every change of any message, so that a reader can ask for what is new. */
  seq: number
  message_id: number
  from: 'bot' | 'user'
  date: number
  edit_date: number | null
  deleted: boolean
  text: string
  /** As the bot sent it; the plain text otherwise. */
  html: string
  entities: Entity[]
  buttons: Button[][]
  keyboard: string[][] | 'removed' | null
  invoice: (Invoice & { paid: boolean }) | null
  successful_payment: Payment | null
  refunded_payment: Payment | null
}

export interface Chat {
  id: number
  person: Person
  /** A bot may write only to people who have written to it. */
  started: boolean
  blocked: boolean
  messages: Message[]
  nextMessageId: number
}

export interface Update {
  update_id: number
  chatId: number
  kind: UpdateKind
  body: Record<string, unknown>
}

export const UPDATE_KINDS = [
  'message',
  'edited_message',
  'callback_query',
  'pre_checkout_query',
  'my_chat_member',
] as const
export type UpdateKind = (typeof UPDATE_KINDS)[number]

export interface Webhook {
  url: string
  secretToken: string | undefined
  maxConnections: number
  lastErrorDate: number | undefined
  lastErrorMessage: string | undefined
}

export interface CallbackQuery {
  id: string
  chatId: number
  askedAt: number
  answer: { text?: string; show_alert: boolean; url?: string } | undefined
}

export interface PreCheckoutQuery {
  id: string
  answer: { ok: true } | { ok: false; error: string } | undefined
  /** Nobody waits for the answer any more. */
  closed: boolean
}

export interface StarTransaction {
  id: string
  amount: number
  date: number
  direction: 'payment' | 'refund'
  person: Person
  invoice_payload: string
}

export interface LoggedCall {
  seq: number
  time: string
  method: string
  status: number
  description?: string
  chat_id?: string
  fault?: string
}

export interface LoggedDelivery {
  seq: number
  time: string
  update_id: number
  chat_id: number
  attempt: number
  status?: number
  error?: string
}

export interface Fault {
  id: string
  method: string
  status: number | undefined
  description: string | undefined
  retryAfter: number | undefined
  delaySeconds: number
  loseReply: boolean
  timesLeft: number
}

export interface BotProfile {
  token: string
  person: Person & { username: string }
  /** Texts per language code, '' for every other language. */
  name: Map<string, string>
  description: Map<string, string>
  shortDescription: Map<string, string>
  /** Commands by scope and language. */
  commands: Map<string, { command: string; description: string }[]>
  /** By chat id, 'default' for every other chat. */
  menuButton: Map<string, unknown>
}

export interface State {
  bot: BotProfile
  chats: Map<number, Chat>
  webhook: Webhook | undefined
  /** Undefined: every kind, as Telegram's default. */
  allowedUpdates: UpdateKind[] | undefined
  /** Not delivered yet, oldest first. */
  pending: Update[]
  /** Every update of late, by id, for a second delivery. */
  sent: Map<number, Update>
  nextUpdateId: number
  callbackQueries: Map<string, CallbackQuery>
  preCheckoutQueries: Map<string, PreCheckoutQuery>
  invoiceLinks: Map<string, Invoice>
  transactions: StarTransaction[]
  calls: LoggedCall[]
  deliveries: LoggedDelivery[]
  faults: Fault[]
  seq: number
}

/** What every part of the simulator is given. */
export interface World {
  state: State
  clock: Clock
  random: Random
  watch: Watch
}

export function createState(given: { token: string; username: string; random: Random }): State {
  const { token, username, random } = given
  return {
    bot: {
      token,
      person: { id: Number(token.split(':')[0]), is_bot: true, first_name: 'WASD Cloud', username },
      name: new Map(),
      description: new Map(),
      shortDescription: new Map(),
      commands: new Map(),
      menuButton: new Map(),
    },
    chats: new Map(),
    webhook: undefined,
    allowedUpdates: undefined,
    pending: [],
    sent: new Map(),
    nextUpdateId: random.integer(100_000_000, 900_000_000),
    callbackQueries: new Map(),
    preCheckoutQueries: new Map(),
    invoiceLinks: new Map(),
    transactions: [],
    calls: [],
    deliveries: [],
    faults: [],
    seq: 0,
  }
}

/** Stars earned, less those refunded. */
export function starBalance(state: State): number {
  return state.transactions.reduce(
    (sum, { direction, amount }) => sum + (direction === 'payment' ? amount : -amount),
    0,
  )
}
