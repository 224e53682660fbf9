// What a press or a command comes to: asks the rest of the API, returns what to show. What may not be is told in words
// with a next step; only what nobody can help rises.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { StarsInvoice } from '../payments/stars.ts'
import type { Press } from './buttons.ts'
import type { BotOutside, RunningSession } from './outside.ts'
import { refundList, refundNow, refundQuestion } from './refunds.ts'
import { codeOf } from './refusals.ts'
import type { Screen } from './screens.ts'
import * as screens from './screens.ts'
import type { Visitor } from './visitor.ts'
import type { Words } from './words.ts'

export type Answer = { show: Screen } | { invoice: StarsInvoice }

export async function answer(press: Press, visitor: Visitor, outside: BotOutside): Promise<Answer> {
  const { playerId, firstName, words } = visitor
  const wallet = () => outside.wallet(playerId)
  const catalogue = outside.catalogue()

  switch (press.do) {
    case 'Home':
      return { show: screens.home(words, { firstName, wallet: await wallet() }) }
    case 'Balance': {
      const playing = (await outside.session(playerId)) !== undefined
      return { show: screens.balance(words, { wallet: await wallet(), playing }) }
    }
    case 'Statement': {
      const before = press.before === undefined ? {} : { before: press.before }
      const limit = screens.STATEMENT_LINES + 1
      const found = await outside.statement({ playerId, limit, ...before })
      const lines = found.map(line => ({ ...line, game: titleOf(line.game, catalogue) }))
      return { show: screens.statement(words, { lines, owedPaise: (await wallet()).owedPaise }) }
    }
    case 'Receipt': {
      const view = await outside.receipt({ playerId, sessionId: press.session })
      return { show: screens.receipt(words, view && { ...view, ...titlesOf(view, catalogue) }) }
    }
    case 'TopUp':
      return { show: screens.topUp(words) }
    case 'TopUpAmount': {
      const { amountPaise } = press
      if (!isPermitted(amountPaise, outside)) return { show: amountOutOfRange(words, outside) }
      const url = await outside.topUpUrl({ playerId, amountPaise })
      return { show: screens.topUpAmount(words, { amountPaise, url }) }
    }
    case 'PayWithStars': {
      const { amountPaise } = press
      if (!isPermitted(amountPaise, outside)) return { show: amountOutOfRange(words, outside) }
      return { invoice: await outside.starsInvoice({ playerId, amountPaise }) }
    }
    case 'Games':
      return { show: screens.games(words, { catalogue, offset: press.offset }) }
    case 'Game':
      return { show: await tiersOf(press.game, visitor, outside) }
    case 'Tier':
      return { show: await confirmation(press, visitor, outside) }
    case 'Start':
      return { show: await start(press, visitor, outside) }
    case 'Status': {
      const session = await outside.session(playerId)
      return { show: session ? await status(session, visitor, outside) : screens.nothingRuns(words) }
    }
    case 'Stop': {
      const session = await outside.session(playerId)
      if (!session) return { show: screens.nothingRuns(words) }
      const { game } = titlesOf(session, catalogue)
      if (session.state === 'Stopping') return { show: screens.stopping(words, game) }
      return { show: screens.confirmStop(words, { id: session.id, game }) }
    }
    case 'StopNow': {
      const session = await outside.session(playerId)
      // An old button must not end a session that began after it.
      if (session?.id !== press.session) return { show: screens.nothingRuns(words) }
      await outside.stop({ playerId, sessionId: session.id })
      return { show: screens.stopping(words, titlesOf(session, catalogue).game) }
    }
    case 'Refunds':
      return { show: await refundList(visitor, outside) }
    case 'Refund':
      return { show: await refundQuestion(press.payment, visitor, outside) }
    case 'RefundNow':
      return { show: await refundNow(press, visitor, outside) }
    default:
      return press satisfies never
  }
}

/** What has since left the catalogue keeps its key as its name. */
function titlesOf(choice: { game: string; tier: string }, { games, tiers }: Catalogue): { game: string; tier: string } {
  return { game: games[choice.game]?.title ?? choice.game, tier: tiers[choice.tier]?.title ?? choice.tier }
}

function titleOf(game: string | undefined, { games }: Catalogue): string | undefined {
  return game === undefined ? undefined : (games[game]?.title ?? game)
}

async function status(session: RunningSession, visitor: Visitor, outside: BotOutside): Promise<Screen> {
  const { availablePaise } = await outside.wallet(visitor.playerId)
  return screens.status(visitor.words, { ...session, ...titlesOf(session, outside.catalogue()), availablePaise })
}

function isPermitted(amountPaise: bigint, { topUpLimits }: BotOutside): boolean {
  const isWhole = amountPaise % 100n === 0n // Rupees.
  return isWhole && amountPaise >= topUpLimits.minimumPaise && amountPaise <= topUpLimits.maximumPaise
}

export function amountOutOfRange(words: Words, { topUpLimits }: BotOutside): Screen {
  return screens.topUp(words, words.amountOutOfRange(topUpLimits))
}

/** The tiers of a game with what the balance buys of each. */
async function tiersOf(key: string, visitor: Visitor, outside: BotOutside, text?: Screen['text']): Promise<Screen> {
  const { words, playerId } = visitor
  const game = outside.catalogue().games[key]
  if (!game) return screens.games(words, { catalogue: outside.catalogue(), offset: 0, text: words.unknownGame() })

  const { availablePaise } = await outside.wallet(playerId)
  const offers = game.tiers.flatMap(tier => offerOf(tier, availablePaise, outside) ?? [])
  const about = { key, title: game.title, description: game.description }
  return screens.tiers(words, { game: about, offers, ...(text ? { text } : {}) })
}

function offerOf(key: string, availablePaise: bigint, outside: BotOutside): screens.Offer | undefined {
  const tier = outside.catalogue().tiers[key]
  if (!tier) return undefined
  const ratePaisePerHour = BigInt(tier.pricePaisePerHour)
  const affordableSeconds = outside.affordableSeconds({ paise: availablePaise, ratePaisePerHour })
  return { key, title: tier.title, description: tier.description, ratePaisePerHour, affordableSeconds }
}

async function confirmation(
  choice: { game: string; tier: string },
  visitor: Visitor,
  outside: BotOutside,
  text?: Screen['text'],
): Promise<Screen> {
  const { words, playerId } = visitor
  const game = outside.catalogue().games[choice.game]
  if (!game?.tiers.includes(choice.tier)) return tiersOf(choice.game, visitor, outside, words.unknownTier())

  const running = await outside.session(playerId)
  if (running) return alreadyRuns(running, choice, visitor, outside)
  const wallet = await outside.wallet(playerId)
  const offer = offerOf(choice.tier, wallet.availablePaise, outside)
  if (!offer) return tiersOf(choice.game, visitor, outside, words.unknownTier())
  const neededPaise = outside.minimumPaise(offer.ratePaisePerHour)
  if (wallet.availablePaise < neededPaise) {
    return screens.insufficientFunds(words, { neededPaise, availablePaise: wallet.availablePaise })
  }
  const about = { game: { key: choice.game, title: game.title }, offer, wallet }
  return screens.confirmStart(words, { ...about, ...(text ? { text } : {}) })
}

async function start(press: Extract<Press, { do: 'Start' }>, visitor: Visitor, outside: BotOutside): Promise<Screen> {
  const { words, playerId } = visitor
  const tier = outside.catalogue().tiers[press.tier]
  // The player agreed to the price on the button. Another price is asked for again.
  if (tier && tier.pricePaisePerHour !== press.ratePaisePerHour) {
    return confirmation(press, visitor, outside, words.priceChanged())
  }
  try {
    await outside.start({ playerId, game: press.game, tier: press.tier })
  } catch (error) {
    const refused = await refusal(error, press, visitor, outside)
    if (refused) return refused
    throw error
  }
  return screens.starting(words, titlesOf(press, outside.catalogue()))
}

/** A second tap on the same button, or the same update a second time, finds what the first began. */
async function alreadyRuns(
  running: RunningSession,
  choice: { game: string; tier: string },
  visitor: Visitor,
  outside: BotOutside,
): Promise<Screen> {
  const isSame = running.game === choice.game && running.tier === choice.tier
  if (isSame) return status(running, visitor, outside)
  return screens.sessionActive(visitor.words, titlesOf(running, outside.catalogue()).game)
}

/** The screen for a start that may not be; `undefined` for an error that is no refusal. */
async function refusal(
  error: unknown,
  choice: { game: string; tier: string },
  visitor: Visitor,
  outside: BotOutside,
): Promise<Screen | undefined> {
  const { words, playerId } = visitor
  switch (codeOf(error)) {
    case 'InsufficientFunds': {
      const { availablePaise } = await outside.wallet(playerId)
      const price = outside.catalogue().tiers[choice.tier]?.pricePaisePerHour ?? 0
      return screens.insufficientFunds(words, { neededPaise: outside.minimumPaise(BigInt(price)), availablePaise })
    }
    case 'SessionActive': {
      const running = await outside.session(playerId)
      return running ? alreadyRuns(running, choice, visitor, outside) : screens.nothingRuns(words)
    }
    case 'GameUnknown':
      return screens.games(words, { catalogue: outside.catalogue(), offset: 0, text: words.unknownGame() })
    case 'TierUnknown':
      return tiersOf(choice.game, visitor, outside, words.unknownTier())
    default:
      return undefined
  }
}
