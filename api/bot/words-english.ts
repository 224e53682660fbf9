// The bot in English. Short, exact, and every sentence about something gone wrong says what to do next.
import { type Html, html, lines } from './html.ts'
import { day, duration, exactDuration, rupees, rupeesShort } from './money.ts'
import type { Receipt, SessionView, Words } from './words.ts'
import { causes, percent, receiptWords, statementWords } from './words-books.ts'

/** Sunshine's ports, for a home or office firewall. https://docs.lizardbyte.dev/projects/sunshine: base port 47989. */
const TCP_PORTS = '47984, 47989, 48010'
const UDP_PORTS = '47998–48000'

export const english: Words = {
  button: {
    play: '🎮 Play',
    balance: '💰 Balance',
    statement: '📒 Statement',
    older: 'Older ›',
    receipt: '🧾 Receipt',
    receiptOf: game => `🧾 ${game}`,
    topUp: '➕ Top up',
    status: '📡 Status',
    stop: '⏹ Stop',
    stopNow: '⏹ Yes, stop it',
    keepPlaying: 'Keep playing',
    start: '▶️ Start',
    back: '‹ Back',
    more: 'More games ›',
    payOnTheWeb: '🌐 Pay on the web (UPI, cards)',
    payWithStars: '⭐ Pay with Stars',
    refund: '↩️ Refund',
    refundable: ({ amountPaise, paidPaise, paidAt }) =>
      `${rupeesShort(amountPaise)}${amountPaise === paidPaise ? '' : ` of ${rupeesShort(paidPaise)}`}, paid on ${day(paidAt)}`,
    refundNow: amountPaise => `↩️ Yes, refund ${rupeesShort(amountPaise)}`,
    keepMoney: 'Keep it in the wallet',
    amount: paise => rupeesShort(paise),
    tier: ({ title, ratePaisePerHour }) => `${title} · ${rupeesShort(ratePaisePerHour)}/hour`,
  },
  command: {
    play: 'Pick a game and get a machine',
    balance: 'What is in your wallet',
    statement: 'What came into your wallet and what left it',
    topup: 'Put money into your wallet',
    refund: 'Get back what you have not played',
    status: 'How your session is doing',
    stop: 'Stop your session',
    help: 'What this bot can do',
  },

  greeting: ({ firstName, availablePaise }) =>
    lines(
      html`Hi <b>${firstName}</b>! This is <b>WASD Cloud</b>: a gaming PC in the cloud, yours in a few minutes.`,
      html``,
      html`Pick a game, add the PC to Moonlight on any screen, and play. You pay from your wallet, by the second, and only while you can play.`,
      html``,
      html`Your balance: <b>${rupees(availablePaise)}</b>`,
    ),
  help: () =>
    lines(
      html`<b>What I can do</b>`,
      html`/play – pick a game and get a machine`,
      html`/balance – what is in your wallet`,
      html`/statement – what came into it and what left it, with receipts`,
      html`/topup – put money into your wallet`,
      html`/refund – get back what you have not played`,
      html`/status – how your session is doing`,
      html`/stop – stop your session`,
      html``,
      html`<b>How you pay</b>`,
      html`Prepaid, by the second. Waiting, starting and recovering cost nothing. When the paid time is used up the session ends by itself, so you never owe anything.`,
    ),
  unknownCommand: command => html`I don't know <code>${command}</code>. These are the commands that I know:`,
  notACommand: () => html`I only understand buttons and commands. What would you like to do?`,
  privateChatsOnly: () => html`I talk to one person at a time. Write to me in a private chat.`,
  staleButton: () => 'This button is out of date. Here is the menu as it is now.',

  balance: ({ availablePaise, heldPaise, owedPaise }) =>
    lines(
      html`Your balance: <b>${rupees(availablePaise)}</b>`,
      heldPaise > 0n
        ? html`Set aside for your running session: ${rupees(heldPaise)}. What you don't play of it comes back.`
        : undefined,
      owedPaise > 0n
        ? html`You owe ${rupees(owedPaise)}. What your session leaves over repays it, then your next top-up.`
        : undefined,
      availablePaise + heldPaise === 0n ? html`Top up to play.` : undefined,
    ),
  statement: statementWords,
  receipt: receiptWords,
  noReceipt: () =>
    html`There is no receipt yet: it is made when the session has ended, and only when something was charged.`,
  topUp: () => html`How much would you like to put into your wallet?`,
  topUpAmount: amountPaise =>
    lines(
      html`Top up <b>${rupees(amountPaise)}</b>. How would you like to pay?`,
      html`The money is in your wallet as soon as the payment is through, and I tell you so here.`,
    ),
  invoice: {
    title: amountPaise => `Top up ${rupeesShort(amountPaise)}`,
    description: amountPaise => `Puts ${rupees(amountPaise)} into your WASD Cloud wallet.`,
  },

  refunds: () => html`Which payment shall go back? It goes back the way it came, less what you have played of it.`,
  nothingToRefund: () =>
    html`Nothing can go back now: what you paid in is played, set aside for a running session, or on its way back already. Stars go back only while all of a payment is left.`,
  confirmRefund: ({ amountPaise, rail, paidAt }) =>
    lines(
      html`Refund <b>${rupees(amountPaise)}</b> of what you paid on ${day(paidAt)}?`,
      rail === 'Stars'
        ? html`It leaves your wallet now, and the Stars are in your Telegram balance again in a moment.`
        : html`It leaves your wallet now, and is where you paid from within 5 to 7 working days.`,
    ),
  refundChanged: () => html`What can go back has changed since you looked. This is what it is now:`,
  refundStarted: ({ amountPaise, rail }) =>
    lines(
      html`${rupees(amountPaise)} is on its way back ${rail === 'Stars' ? 'to your Stars' : 'to where you paid from'}.`,
      html`I tell you here when it is through.`,
    ),

  games: () => html`What would you like to play?`,
  noGames: () => html`There is nothing to play at the moment. Look again later with /play.`,
  tiers: ({ title, description, offers }) =>
    lines(
      html`<b>${title}</b>`,
      description === undefined ? undefined : html`${description}`,
      ...offers.flatMap(({ title: tier, description: about, ratePaisePerHour, affordableSeconds }) => [
        html``,
        html`<b>${tier}</b>${about === undefined ? '' : `: ${about}`}`,
        html`${rupees(ratePaisePerHour)} an hour; your balance buys ${duration(affordableSeconds)}.`,
      ]),
      html``,
      html`Which machine?`,
    ),
  confirmStart: ({ game, offer, availablePaise }) =>
    lines(
      html`<b>${game}</b> on <b>${offer.title}</b>`,
      html`${rupees(offer.ratePaisePerHour)} an hour, counted by the second. Your ${rupees(availablePaise)} buys <b>${duration(offer.affordableSeconds)}</b>.`,
      html``,
      html`Waiting and starting cost nothing: counting begins when the machine can be played.`,
    ),
  priceChanged: () => html`The price has changed since you looked. This is what it costs now:`,
  starting: ({ game, tier }) =>
    lines(
      html`Getting your <b>${tier}</b> machine for <b>${game}</b>. That takes a few minutes, and costs nothing until you can play.`,
      html`I write to you as soon as it is ready.`,
    ),
  nothingRuns: () => html`Nothing is running. Pick a game to play.`,
  status: session => status(session),
  confirmStop: game =>
    html`Stop <b>${game}</b>? The machine is given back, and what is only on its disk is gone. Save in the game first.`,
  stopping: game => html`Stopping <b>${game}</b>. Your receipt follows in a moment.`,

  insufficientFunds: ({ neededPaise, availablePaise }) =>
    html`That takes at least <b>${rupees(neededPaise)}</b>, and you have ${rupees(availablePaise)}. Top up, then start again:`,
  sessionActive: game =>
    html`<b>${game}</b> is already running, and it is one session at a time. Stop it first, then start the next:`,
  unknownGame: () => html`That game is not in the list any more. These are the games that there are:`,
  unknownTier: () => html`That machine is not in the list any more. Pick another:`,
  amountOutOfRange: ({ minimumPaise, maximumPaise }) =>
    html`A top-up is between ${rupees(minimumPaise)} and ${rupees(maximumPaise)}, in whole rupees. Pick an amount:`,
  failure: () => html`Something went wrong on our side, and nothing was changed. Please try again in a moment.`,
  paymentRefused: {
    unknownInvoice: 'This invoice is no longer valid. Ask for a new one with /topup. Nothing was charged.',
    amountChanged: 'The amount does not match the invoice. Ask for a new one with /topup. Nothing was charged.',
    later: 'We cannot take the payment at this moment. Nothing was charged. Please try again in a minute.',
  },
  paymentUnplaced: ({ stars, chargeId }) =>
    lines(
      html`⚠️ Your payment of <b>${stars} Stars</b> has reached us, but fits none of your top-ups, so it is not in your wallet yet. Support is looking at it; please do not pay again.`,
      html`If you ask about it, name the payment: <code>${chargeId}</code>`,
    ),

  notification: {
    topUpCredited: ({ amountPaise, repaidPaise, balancePaise, rail }) =>
      lines(
        html`✅ <b>${rupees(amountPaise)}</b> is in your wallet${rail === 'Stars' ? ', paid with Stars' : ''}. Your balance: <b>${rupees(balancePaise)}</b>`,
        repaid(repaidPaise),
      ),
    refundProcessed: ({ amountPaise, rail }) =>
      html`↩️ Your refund of <b>${rupees(amountPaise)}</b> is paid out. ${rail === 'Stars' ? 'The Stars are in your Telegram balance.' : 'Your bank may take some days to show it.'}`,
    refundFailed: ({ amountPaise, repaidPaise, balancePaise }) =>
      lines(
        html`⚠️ Your refund of ${rupees(amountPaise)} could not be paid out, so the money is in your wallet again. Your balance: <b>${rupees(balancePaise)}</b>. Play with it, or try /refund again later.`,
        repaid(repaidPaise),
      ),
    moneyTakenBack: ({ because, amountPaise, balancePaise, owedPaise }) =>
      lines(
        because === 'Refund'
          ? html`↩️ Support has given back <b>${rupees(amountPaise)}</b> of what you paid. It has left your wallet, and your bank may take some days to show it.`
          : html`⚠️ Your bank has been asked to take back <b>${rupees(amountPaise)}</b> of what you paid. It is out of your wallet until the bank has decided; if you did not ask for that, tell your bank.`,
        html`Your balance: <b>${rupees(balancePaise)}</b>`,
        owedPaise > 0n
          ? html`${rupees(owedPaise)} of it is spent or held for your session: that comes out of what the session leaves over, then of your next top-up.`
          : undefined,
      ),
    disputeWon: ({ amountPaise, repaidPaise, balancePaise }) =>
      lines(
        html`✅ Your bank has decided: <b>${rupees(amountPaise)}</b> is yours to play again. Your balance: <b>${rupees(balancePaise)}</b>`,
        repaid(repaidPaise),
      ),
    sessionWaiting: reason =>
      html`⏳ Your machine is not there yet: ${reason} I keep trying. Waiting costs nothing; /stop gives up.`,
    sessionReady: ({ game, host }) => sessionReady(game, host),
    sessionRecovering: game =>
      html`⚠️ The machine under <b>${game}</b> was taken away by the data centre. Another one takes over with your saves. Counting has stopped; I write when you can go on, and where.`,
    sessionRecovered: ({ host, seconds }) =>
      html`✅ You can go on: connect in Moonlight to <code>${host}</code>. The ${exactDuration(seconds)} in between cost nothing.`,
    sessionPaused: () =>
      html`⏸ Your session is paused. It keeps its disk and its address, and nothing is counted. Ask support to resume it, or end it with /stop.`,
    sessionResumed: host => html`▶️ Your session goes on. Connect in Moonlight to <code>${host}</code>.`,
    balanceLow: minutesLeft =>
      html`🪫 About <b>${minutesLeft} min</b> of play left. Top up to play on without a break; otherwise the session ends by itself.`,
    sessionEnded: receipt => sessionEnded(receipt),
    sessionFailed: message =>
      html`❌ Your session could not go on: ${message} Time in which you could not play is not charged. Start again with /play.`,
    faultCredited: ({ amountPaise, balancePaise, reason }) =>
      html`🙏 ${reason} Sorry. <b>${rupees(amountPaise)}</b> is in your wallet for it. Your balance: <b>${rupees(balancePaise)}</b>`,
  },
}

/** Of money that came in: what of it is not in the wallet. */
function repaid(paise: bigint): Html | undefined {
  return paise > 0n ? html`${rupees(paise)} of it went into what was still owed.` : undefined
}

function status(session: SessionView): Html {
  const { game, tier, state, host, playedSeconds, costPaise, ratePaisePerHour, availablePaise } = session
  const told: Record<SessionView['state'], Html> = {
    Waiting: html`⏳ waiting for a machine. Waiting costs nothing.`,
    Starting: html`🚀 starting up. It costs nothing until you can play.`,
    Playing: html`🟢 ready to play`,
    Recovering: html`⚠️ moving to another machine. Counting has stopped.`,
    Paused: html`⏸ paused. Nothing is counted.`,
    Stopping: html`⏹ stopping. Your receipt follows.`,
  }
  return lines(
    html`<b>${game}</b> on ${tier}: ${told[state]}`,
    host === undefined || state === 'Stopping' ? undefined : html`Address for Moonlight: <code>${host}</code>`,
    html`Played ${exactDuration(playedSeconds)} at ${rupees(ratePaisePerHour)} an hour: ${rupees(costPaise)} so far.`,
    html`Your balance: ${rupees(availablePaise)}`,
  )
}

function sessionReady(game: string, host: string): Html {
  return lines(
    html`🟢 <b>${game}</b> is ready. Its address: <code>${host}</code>`,
    html``,
    html`1. Install Moonlight (moonlight-stream.org) on the device that you play on.`,
    html`2. In Moonlight choose <b>+</b> (add PC) and enter <code>${host}</code>`,
    html`3. Tap the PC. Moonlight shows a PIN of four digits, and Sunshine, the stream server on the machine, asks for it before it lets a new device in.`,
    html``,
    html`A firewall on your side must let out TCP ${TCP_PORTS} and UDP ${UDP_PORTS}.`,
    html`Counting has begun. /stop ends it at any time.`,
  )
}

const endReasons: Record<string, string> = {
  PlayerEnded: 'you stopped it',
  PaidTimeUsed: 'the paid time was used up',
  PauseRefused: 'its machine could not be paused, and only what you played is charged',
  MaxDurationReached: 'it reached its longest permitted time',
  Idle: 'nobody touched a key for long',
  Disconnected: 'no device was connected for long',
  Deleted: 'it was ended by support',
  Unrecoverable: 'its machine could not be brought back',
  InvalidSpec: 'it could not be set up',
  StartLapsed: 'no machine could be ordered in time',
  Refused: 'it could not be set up',
  ObjectGone: 'it was removed by support',
  ObjectForeign: 'it was removed by support',
}

function sessionEnded(receipt: Receipt): Html {
  const {
    game,
    tier,
    playedSeconds,
    chargedPaise,
    repaidPaise,
    balancePaise,
    interruptions,
    endReason,
    ratePaisePerHour,
    document,
  } = receipt
  return lines(
    html`🧾 <b>${game}</b> on ${tier} has ended: ${endReasons[endReason] ?? endReason}.`,
    html``,
    html`Played: ${exactDuration(playedSeconds)}`,
    ...interruptions.map(
      ({ cause, seconds }) => html`Not charged: ${exactDuration(seconds)}, ${causes[cause] ?? cause}`,
    ),
    html`Price: ${rupees(ratePaisePerHour)} an hour`,
    html`Charged: <b>${rupees(chargedPaise)}</b>`,
    document &&
      html`${document.taxName} of ${percent(document.taxBasisPoints)} is included: ${rupees(document.taxPaise)}`,
    document && html`Receipt ${document.number}`,
    repaidPaise > 0n
      ? html`${rupees(repaidPaise)} of what was set aside for it went into what was still owed.`
      : undefined,
    html`Your balance: <b>${rupees(balancePaise)}</b>`,
  )
}
