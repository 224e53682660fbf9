// Every word that the bot says. One object a language; a language that lacks a sentence does not compile.

import type { RailName } from '../payments/rail.ts'
import type { SessionState } from '../sessions/commands.ts'
import type { StatementLine } from '../wallet/statement.ts'
import type { Html } from './html.ts'
import type { Refundable } from './outside.ts'
import type { ReceiptView } from './words-books.ts'
import { english } from './words-english.ts'

/** A tier as a player chooses it. */
export interface TierOffer {
  title: string
  description: string | undefined
  ratePaisePerHour: bigint
  /** Whole seconds that the available balance buys. */
  affordableSeconds: number
}

/** A running session, with titles instead of keys. */
export interface SessionView {
  game: string
  tier: string
  state: SessionState
  /** The address to enter in Moonlight, once it is known. */
  host: string | undefined
  ratePaisePerHour: bigint
  playedSeconds: number
  /** What the time played so far costs. */
  costPaise: bigint
  availablePaise: bigint
}

export interface Receipt {
  game: string
  tier: string
  playedSeconds: number
  chargedPaise: bigint
  /** Of what was held and is not any more: what went into a debt. */
  repaidPaise: bigint
  balancePaise: bigint
  ratePaisePerHour: bigint
  interruptions: readonly { cause: string; seconds: number }[]
  endReason: string
  document: { number: string; taxName: string; taxBasisPoints: number; taxPaise: bigint } | undefined
}

export interface Words {
  button: {
    play: string
    balance: string
    statement: string
    older: string
    receipt: string
    receiptOf(game: string): string
    topUp: string
    status: string
    stop: string
    stopNow: string
    keepPlaying: string
    start: string
    back: string
    more: string
    payOnTheWeb: string
    payWithStars: string
    refund: string
    refundable(payment: Refundable): string
    refundNow(amountPaise: bigint): string
    keepMoney: string
    amount(paise: bigint): string
    tier(offer: TierOffer): string
  }
  /** What the menu beside the text field shows for each command. At most 256 characters each. */
  command: Record<CommandName, string>
  greeting(about: { firstName: string; availablePaise: bigint }): Html
  help(): Html
  unknownCommand(command: string): Html
  notACommand(): Html
  privateChatsOnly(): Html
  staleButton(): string
  balance(wallet: { availablePaise: bigint; heldPaise: bigint; owedPaise: bigint }): Html
  statement(about: { lines: readonly StatementLine[]; owedPaise: bigint }): Html
  receipt(view: ReceiptView): Html
  noReceipt(): Html
  topUp(): Html
  topUpAmount(amountPaise: bigint): Html
  invoice: { title(amountPaise: bigint): string; description(amountPaise: bigint): string }
  refunds(): Html
  nothingToRefund(): Html
  confirmRefund(payment: Refundable): Html
  refundChanged(): Html
  refundStarted(about: { amountPaise: bigint; rail: RailName }): Html
  games(): Html
  noGames(): Html
  tiers(about: { title: string; description: string | undefined; offers: readonly TierOffer[] }): Html
  confirmStart(about: { game: string; offer: TierOffer; availablePaise: bigint }): Html
  priceChanged(): Html
  starting(about: { game: string; tier: string }): Html
  nothingRuns(): Html
  status(session: SessionView): Html
  confirmStop(game: string): Html
  stopping(game: string): Html
  insufficientFunds(about: { neededPaise: bigint; availablePaise: bigint }): Html
  sessionActive(game: string): Html
  unknownGame(): Html
  unknownTier(): Html
  amountOutOfRange(about: { minimumPaise: bigint; maximumPaise: bigint }): Html
  failure(): Html
  /** For a pre-checkout query that is turned down. Plain text; Telegram shows it in a dialogue. */
  paymentRefused: { unknownInvoice: string; amountChanged: string; later: string }
  /** For a payment that was taken and fits no top-up. */
  paymentUnplaced(about: { stars: number; chargeId: string }): Html
  notification: {
    topUpCredited(about: { amountPaise: bigint; repaidPaise: bigint; balancePaise: bigint; rail: RailName }): Html
    refundProcessed(about: { amountPaise: bigint; rail: RailName }): Html
    refundFailed(about: { amountPaise: bigint; repaidPaise: bigint; balancePaise: bigint }): Html
    moneyTakenBack(about: {
      because: 'Refund' | 'Dispute'
      amountPaise: bigint
      balancePaise: bigint
      owedPaise: bigint
    }): Html
    disputeWon(about: { amountPaise: bigint; repaidPaise: bigint; balancePaise: bigint }): Html
    sessionWaiting(reason: string): Html
    sessionReady(about: { game: string; host: string }): Html
    sessionRecovering(game: string): Html
    sessionRecovered(about: { host: string; seconds: number }): Html
    sessionPaused(): Html
    sessionResumed(host: string): Html
    balanceLow(minutesLeft: number): Html
    sessionEnded(receipt: Receipt): Html
    sessionFailed(message: string): Html
    faultCredited(about: { amountPaise: bigint; balancePaise: bigint; reason: string }): Html
  }
}

export const COMMANDS = ['play', 'balance', 'statement', 'topup', 'refund', 'status', 'stop', 'help'] as const
export type CommandName = (typeof COMMANDS)[number]

const languages: Record<string, Words> = { en: english }

/** The words for an IETF language tag as Telegram gives it. English where we do not speak it. */
export function wordsFor(languageCode: string | undefined): Words {
  return languages[languageCode?.split('-')[0]?.toLowerCase() ?? 'en'] ?? english
}
