// What the bot asks of the rest of the API. Small, so that the bot knows neither tables nor Kubernetes.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import type { RailName } from '../payments/rail.ts'
import type { StarsCheck, StarsInvoice } from '../payments/stars.ts'
import type { SessionState } from '../sessions/commands.ts'
import type { StatementLine } from '../wallet/statement.ts'
import type { ReceiptView } from './words-books.ts'

/** A person as Telegram describes one. */
export interface Person {
  telegramUserId: number
  chatId: number
  firstName: string
  languageCode: string | undefined
}

export interface RunningSession {
  id: string
  /** Keys of the catalogue. */
  game: string
  tier: string
  state: SessionState
  host: string | undefined
  ratePaisePerHour: bigint
  playedSeconds: number
  costPaise: bigint
}

export interface StarsCheckout {
  payload: string
  stars: number
  currency: string
}

/** A payment of which something can go back. */
export interface Refundable {
  /** Short enough for a button. */
  payment: string
  rail: RailName
  /** What was paid in. */
  paidPaise: bigint
  /** What of it can go back now. */
  amountPaise: bigint
  paidAt: Date
}

export interface StarsPayment extends StarsCheckout {
  playerId: string
  /** Telegram's id of the charge: the key by which a payment is credited once. */
  chargeId: string
  /** Who paid, as Telegram knows them. */
  payerId: number
}

export interface BotOutside {
  log: Logger
  catalogue: () => Catalogue
  /** The player behind a person, made on first sight. */
  player(person: Person): Promise<{ id: string }>
  /** `availablePaise` is free to be spent, `heldPaise` set aside for the running session. */
  wallet(playerId: string): Promise<{ availablePaise: bigint; heldPaise: bigint; owedPaise: bigint }>
  /** The newest lines, or those before a transaction. */
  statement(order: { playerId: string; limit: number; before?: bigint }): Promise<StatementLine[]>
  /** The receipt of one of the player's sessions; `undefined` when nothing was charged for it. */
  receipt(order: { playerId: string; sessionId: string }): Promise<ReceiptView | undefined>
  /** Whole seconds of play that `paise` buy. */
  affordableSeconds(amount: { paise: bigint; ratePaisePerHour: bigint }): number
  /** What a start needs at least, at this price. */
  minimumPaise(ratePaisePerHour: bigint): bigint
  topUpLimits: { minimumPaise: bigint; maximumPaise: bigint }
  /** The address of the page on which this amount is paid. */
  topUpUrl(order: { playerId: string; amountPaise: bigint }): Promise<string>
  starsInvoice(order: { playerId: string; amountPaise: bigint }): Promise<StarsInvoice>
  /** Whether Telegram may take the money now. */
  checkStars(checkout: StarsCheckout): Promise<StarsCheck>
  /** Credits once per charge; the same one again changes nothing. `Unplaced`: it fits no top-up, and is kept for a person. */
  creditStars(payment: StarsPayment): Promise<'InBooks' | 'Unplaced'>
  /** Telegram gave Stars back. The same one again changes nothing; what fits no payment is kept for a person. */
  takeInStarsRefund(refund: { stars: number; currency: string; chargeId: string }): Promise<void>
  /** Newest first. */
  refundables(playerId: string): Promise<Refundable[]>
  /** Throws errors whose `code` is one of `REFUSED` in refunds.ts when it may not be. */
  refund(order: { playerId: string; payment: string; amountPaise: bigint }): Promise<void>
  session(playerId: string): Promise<RunningSession | undefined>
  /** Throws errors whose `code` is one of `ANSWERED_CODES` in refusals.ts when it may not be. */
  start(order: { playerId: string; game: string; tier: string }): Promise<void>
  /** Asks for the end of the session. One that has ended already is left alone. */
  stop(order: { playerId: string; sessionId: string }): Promise<void>
}
