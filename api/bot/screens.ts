// What the bot shows: words and the buttons below them. Pure; data in, screen out.
import type { InlineKeyboardButton } from 'grammy/types'
import type { Catalogue } from '../../crds/catalogue.ts'
import type { StatementLine } from '../wallet/statement.ts'
import { callbackData, type Press } from './buttons.ts'
import type { Html } from './html.ts'
import { lines } from './html.ts'
import type { Refundable } from './outside.ts'
import type { SessionView, TierOffer, Words } from './words.ts'
import type { ReceiptView } from './words-books.ts'

export interface Screen {
  text: Html
  /** Rows of buttons. */
  buttons: InlineKeyboardButton[][]
}

export interface Wallet {
  availablePaise: bigint
  heldPaise: bigint
  owedPaise: bigint
}

/** Paise that the top-up menu offers. Any other amount: /topup and the rupees behind it. */
const TOP_UP_AMOUNTS = [10_000n, 50_000n, 100_000n]

/** Games on one screen; a longer list is turned over by a button. Telegram takes a hundred buttons at most. */
const GAMES_PER_SCREEN = 8

type Button = InlineKeyboardButton

function button(text: string, press: Press): Button {
  return { text, callback_data: callbackData(press) }
}

function mainRow(words: Words): Button[] {
  const { play, balance, topUp } = words.button
  return [button(play, { do: 'Games', offset: 0 }), button(balance, { do: 'Balance' }), button(topUp, { do: 'TopUp' })]
}

function sessionRow(words: Words): Button[] {
  return [button(words.button.status, { do: 'Status' }), button(words.button.stop, { do: 'Stop' })]
}

function amountRow(words: Words): Button[] {
  return TOP_UP_AMOUNTS.map(amountPaise => button(words.button.amount(amountPaise), { do: 'TopUpAmount', amountPaise }))
}

export function home(words: Words, about: { firstName: string; wallet: Wallet }): Screen {
  const { firstName, wallet } = about
  return { text: words.greeting({ firstName, ...wallet }), buttons: [mainRow(words)] }
}

/** Some words above the main menu. */
export function menu(words: Words, text: Html): Screen {
  return { text, buttons: [mainRow(words)] }
}

export function help(words: Words): Screen {
  return menu(words, words.help())
}

export function unknownCommand(words: Words, command: string): Screen {
  return menu(words, lines(words.unknownCommand(command), words.help()))
}

export function balance(words: Words, about: { wallet: Wallet; playing: boolean }): Screen {
  const { button: labels } = words
  const second = about.playing
    ? button(labels.status, { do: 'Status' })
    : button(labels.play, { do: 'Games', offset: 0 })
  const refund = button(labels.refund, { do: 'Refunds' })
  return {
    text: words.balance(about.wallet),
    buttons: [
      [button(labels.topUp, { do: 'TopUp' }), second],
      [button(labels.statement, { do: 'Statement', before: undefined }), refund],
    ],
  }
}

/** Lines of a statement on one screen. */
export const STATEMENT_LINES = 10

/** `lines` may hold one more than a screen shows: then there are older ones. */
export function statement(words: Words, about: { lines: readonly StatementLine[]; owedPaise: bigint }): Screen {
  const { owedPaise } = about
  const { button: labels } = words
  const shown = about.lines.slice(0, STATEMENT_LINES)
  const last = about.lines.length > STATEMENT_LINES ? shown.at(-1) : undefined
  const rows = [
    [
      button(labels.balance, { do: 'Balance' }),
      ...(last ? [button(labels.older, { do: 'Statement', before: last.id })] : []),
    ],
    ...receiptRows(words, shown),
  ]
  return { text: words.statement({ lines: shown, owedPaise }), buttons: rows }
}

/** The receipts of the sessions that are shown; those that still run have none, and say so. */
function receiptRows(words: Words, lines: readonly StatementLine[]): Button[][] {
  const sessions = new Map(
    lines.flatMap((line): [string, string][] =>
      line.kind === 'Play' && line.sessionId ? [[line.sessionId, line.game ?? '']] : [],
    ),
  )
  return [...sessions].map(([session, game]) => [button(words.button.receiptOf(game), { do: 'Receipt', session })])
}

export function receipt(words: Words, view: ReceiptView | undefined): Screen {
  return {
    text: view ? words.receipt(view) : words.noReceipt(),
    buttons: [[button(words.button.statement, { do: 'Statement', before: undefined })], mainRow(words)],
  }
}

/** The end of a session, with the way to its receipt. */
export function sessionEnded(words: Words, text: Html, session: string | undefined): Screen {
  const row = session === undefined ? [] : [[button(words.button.receipt, { do: 'Receipt', session })]]
  return { text, buttons: [...row, mainRow(words)] }
}

export function topUp(words: Words, text: Html = words.topUp()): Screen {
  return { text, buttons: [amountRow(words)] }
}

export function topUpAmount(words: Words, about: { amountPaise: bigint; url: string }): Screen {
  const { amountPaise, url } = about
  return {
    text: words.topUpAmount(amountPaise),
    buttons: [
      [{ text: words.button.payOnTheWeb, url }],
      [button(words.button.payWithStars, { do: 'PayWithStars', amountPaise })],
      [button(words.button.back, { do: 'TopUp' })],
    ],
  }
}

export function games(words: Words, about: { catalogue: Catalogue; offset: number; text?: Html }): Screen {
  const all = Object.entries(about.catalogue.games)
  if (all.length === 0) return menu(words, words.noGames())

  const offset = about.offset < all.length ? about.offset : 0
  const rows = all
    .slice(offset, offset + GAMES_PER_SCREEN)
    .map(([game, { title }]) => [button(title, { do: 'Game', game })])
  const next = offset + GAMES_PER_SCREEN
  const turn =
    all.length > GAMES_PER_SCREEN
      ? [[button(words.button.more, { do: 'Games', offset: next < all.length ? next : 0 })]]
      : []
  return { text: about.text ?? words.games(), buttons: [...rows, ...turn] }
}

export function tiers(
  words: Words,
  about: {
    game: { key: string; title: string; description: string | undefined }
    offers: readonly Offer[]
    text?: Html
  },
): Screen {
  const { game, offers, text } = about
  const rows = offers.map(offer => [button(words.button.tier(offer), { do: 'Tier', game: game.key, tier: offer.key })])
  return {
    text: lines(text, words.tiers({ ...game, offers })),
    buttons: [...rows, [button(words.button.back, { do: 'Games', offset: 0 })]],
  }
}

export interface Offer extends TierOffer {
  key: string
}

export function confirmStart(
  words: Words,
  about: { game: { key: string; title: string }; offer: Offer; wallet: Wallet; text?: Html },
): Screen {
  const { game, offer, wallet, text } = about
  const ratePaisePerHour = Number(offer.ratePaisePerHour)
  return {
    text: lines(text, words.confirmStart({ game: game.title, offer, availablePaise: wallet.availablePaise })),
    buttons: [
      [button(words.button.start, { do: 'Start', game: game.key, tier: offer.key, ratePaisePerHour })],
      [button(words.button.back, { do: 'Game', game: game.key })],
    ],
  }
}

export function insufficientFunds(words: Words, about: { neededPaise: bigint; availablePaise: bigint }): Screen {
  return topUp(words, words.insufficientFunds(about))
}

export function starting(words: Words, about: { game: string; tier: string }): Screen {
  return underSession(words, words.starting(about))
}

export function sessionActive(words: Words, game: string): Screen {
  return underSession(words, words.sessionActive(game))
}

/** Some words above the buttons for the session that runs. */
export function underSession(words: Words, text: Html): Screen {
  return { text, buttons: [sessionRow(words)] }
}

export function nothingRuns(words: Words): Screen {
  return menu(words, words.nothingRuns())
}

export function status(words: Words, session: SessionView): Screen {
  const { status: look, stop, topUp: more } = words.button
  const rest = session.state === 'Stopping' ? [] : [button(more, { do: 'TopUp' }), button(stop, { do: 'Stop' })]
  return { text: words.status(session), buttons: [[button(look, { do: 'Status' }), ...rest]] }
}

export function confirmStop(words: Words, about: { id: string; game: string }): Screen {
  return {
    text: words.confirmStop(about.game),
    buttons: [
      [button(words.button.stopNow, { do: 'StopNow', session: about.id })],
      [button(words.button.keepPlaying, { do: 'Status' })],
    ],
  }
}

export function stopping(words: Words, game: string): Screen {
  return { text: words.stopping(game), buttons: [[button(words.button.status, { do: 'Status' })]] }
}

export function refunds(words: Words, payments: readonly Refundable[]): Screen {
  if (payments.length === 0) return menu(words, words.nothingToRefund())
  const rows = payments.map(refundable => [
    button(words.button.refundable(refundable), { do: 'Refund', payment: refundable.payment }),
  ])
  return { text: words.refunds(), buttons: [...rows, [button(words.button.back, { do: 'Balance' })]] }
}

export function confirmRefund(words: Words, refundable: Refundable, text?: Html): Screen {
  const { payment, amountPaise } = refundable
  return {
    text: lines(text, words.confirmRefund(refundable)),
    buttons: [
      [button(words.button.refundNow(amountPaise), { do: 'RefundNow', payment, amountPaise })],
      [button(words.button.keepMoney, { do: 'Balance' })],
    ],
  }
}
