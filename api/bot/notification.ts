// A notification as the player sees it: the words, and the buttons for what to do next. Pure.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Notification } from '../queue/notifications.ts'
import type { Screen } from './screens.ts'
import * as screens from './screens.ts'
import type { Words } from './words.ts'

export function notificationScreen(notification: Notification, words: Words, catalogue: Catalogue): Screen {
  const say = words.notification
  // A game that has since left the catalogue keeps its key as its name.
  const titleOf = (game: string) => catalogue.games[game]?.title ?? game

  switch (notification.type) {
    case 'TopUpCredited': {
      const { rail } = notification
      return screens.menu(words, say.topUpCredited({ ...returnedOf(notification), rail }))
    }
    case 'RefundProcessed':
      return screens.menu(words, say.refundProcessed({ ...amountsOf(notification), rail: notification.rail }))
    case 'RefundFailed':
      return screens.menu(words, say.refundFailed(returnedOf(notification)))
    case 'MoneyTakenBack': {
      const { because } = notification
      const owedPaise = BigInt(notification.owedPaise)
      return screens.menu(words, say.moneyTakenBack({ because, owedPaise, ...amountsOf(notification) }))
    }
    case 'DisputeWon':
      return screens.menu(words, say.disputeWon(returnedOf(notification)))
    case 'SessionWaiting':
      return screens.underSession(words, say.sessionWaiting(asSentence(notification.reason)))
    case 'SessionReady':
      return screens.underSession(
        words,
        say.sessionReady({ game: titleOf(notification.game), host: notification.host }),
      )
    case 'SessionRecovering':
      return screens.underSession(words, say.sessionRecovering(titleOf(notification.game)))
    case 'SessionRecovered':
      return screens.underSession(words, say.sessionRecovered(notification))
    case 'SessionPaused':
      return screens.underSession(words, say.sessionPaused())
    case 'SessionResumed':
      return screens.underSession(words, say.sessionResumed(notification.host))
    case 'BalanceLow':
      return screens.topUp(words, say.balanceLow(notification.minutesLeft))
    case 'SessionEnded': {
      const { receipt } = notification
      const tier = catalogue.tiers[receipt.tier]?.title ?? receipt.tier
      const told = {
        ...receipt,
        game: titleOf(receipt.game),
        tier,
        ratePaisePerHour: BigInt(receipt.ratePaisePerHour),
        chargedPaise: BigInt(receipt.chargedPaise),
        repaidPaise: BigInt(receipt.repaidPaise),
        balancePaise: BigInt(receipt.balancePaise),
        document: receipt.document && { ...receipt.document, taxPaise: BigInt(receipt.document.taxPaise) },
      }
      return screens.sessionEnded(words, say.sessionEnded(told), receipt.document?.sessionId)
    }
    case 'SessionFailed':
      return screens.menu(words, say.sessionFailed(asSentence(notification.message)))
    case 'FaultCredited': {
      const { reason } = notification
      const amountPaise = BigInt(notification.amountPaise)
      const balancePaise = BigInt(notification.balancePaise)
      return screens.menu(words, say.faultCredited({ amountPaise, balancePaise, reason: asSentence(reason) }))
    }
    default:
      return notification satisfies never
  }
}

function amountsOf({ amountPaise, balancePaise }: { amountPaise: string; balancePaise: string }) {
  return { amountPaise: BigInt(amountPaise), balancePaise: BigInt(balancePaise) }
}

function returnedOf(notification: { amountPaise: string; repaidPaise: string; balancePaise: string }) {
  return { ...amountsOf(notification), repaidPaise: BigInt(notification.repaidPaise) }
}

/** Characters of a reason from elsewhere that are passed on. */
const REASON_CHARACTERS = 300

/** What another part says, as one sentence within ours. */
function asSentence(text: string): string {
  const short = text.trim().slice(0, REASON_CHARACTERS)
  return /[.!?]$/.test(short) ? short : `${short}.`
}
