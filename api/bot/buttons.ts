// What a button carries. Menus keep no state: everything that a press means is in its callback data, at most 64 bytes.
// Data written by an older version, or about something since gone, is `undefined` here and answered kindly.
import { createHash } from 'node:crypto'

export type Press =
  | { do: 'Home' }
  | { do: 'Balance' }
  /** What came in and went out, the newest first; below `before`, a transaction's id, where there is one. */
  | { do: 'Statement'; before: bigint | undefined }
  | { do: 'Receipt'; session: string }
  | { do: 'TopUp' }
  /** An amount was picked: which way to pay? */
  | { do: 'TopUpAmount'; amountPaise: bigint }
  | { do: 'PayWithStars'; amountPaise: bigint }
  /** The list of games, from the one at `offset` on. */
  | { do: 'Games'; offset: number }
  | { do: 'Game'; game: string }
  | { do: 'Tier'; game: string; tier: string }
  /** `ratePaisePerHour` is the price that the player was shown, and agrees to. */
  | { do: 'Start'; game: string; tier: string; ratePaisePerHour: number }
  | { do: 'Status' }
  | { do: 'Stop' }
  | { do: 'StopNow'; session: string }
  | { do: 'Refunds' }
  /** `payment` is the handle of `Refundable`. */
  | { do: 'Refund'; payment: string }
  /** `amountPaise` is what the player was shown, and agrees to. */
  | { do: 'RefundNow'; payment: string; amountPaise: bigint }

/** Bytes. https://core.telegram.org/bots/api#inlinekeyboardbutton */
export const CALLBACK_DATA_BYTES = 64

/** Characters of a catalogue's key (up to 40) that stay as they are; a longer one becomes its digest. */
const KEY_CHARACTERS = 18

export function callbackData(press: Press): string {
  switch (press.do) {
    case 'Home':
    case 'Balance':
    case 'TopUp':
    case 'Status':
    case 'Stop':
    case 'Refunds':
      return names[press.do]
    case 'TopUpAmount':
    case 'PayWithStars':
      return `${names[press.do]}:${press.amountPaise}`
    case 'Statement':
      return press.before === undefined ? names.Statement : `${names.Statement}:${press.before}`
    case 'Receipt':
      return `${names.Receipt}:${press.session}`
    case 'Games':
      return `${names.Games}:${press.offset}`
    case 'Game':
      return `${names.Game}:${shortKey(press.game)}`
    case 'Tier':
      return `${names.Tier}:${shortKey(press.game)}:${shortKey(press.tier)}`
    case 'Start':
      return `${names.Start}:${shortKey(press.game)}:${shortKey(press.tier)}:${press.ratePaisePerHour}`
    case 'StopNow':
      return `${names.StopNow}:${press.session}`
    case 'Refund':
      return `${names.Refund}:${press.payment}`
    case 'RefundNow':
      return `${names.RefundNow}:${press.payment}:${press.amountPaise}`
    default:
      return press satisfies never
  }
}

const names = {
  Home: 'home',
  Balance: 'balance',
  Statement: 'statement',
  Receipt: 'receipt',
  TopUp: 'topup',
  TopUpAmount: 'amount',
  PayWithStars: 'stars',
  Games: 'games',
  Game: 'game',
  Tier: 'tier',
  Start: 'start',
  Status: 'status',
  Stop: 'stop',
  StopNow: 'stop-now',
  Refunds: 'refunds',
  Refund: 'refund',
  RefundNow: 'refund-now',
} as const satisfies Record<Press['do'], string>

/** What the catalogue knows now; keys in a button are looked up in it. */
export interface Known {
  games: readonly string[]
  tiers: readonly string[]
}

/** Reads a button's data. `undefined` when it means nothing (any more). */
export function readPress(data: string, known: Known): Press | undefined {
  const [name, first = '', second = '', third = ''] = data.split(':')
  const game = known.games.find(key => shortKey(key) === first)
  const tier = known.tiers.find(key => shortKey(key) === second)
  switch (name) {
    case names.Home:
      return { do: 'Home' }
    case names.Balance:
      return { do: 'Balance' }
    case names.Statement:
      if (first === '') return { do: 'Statement', before: undefined }
      return /^\d{1,18}$/.test(first) ? { do: 'Statement', before: BigInt(first) } : undefined
    case names.Receipt:
      return first ? { do: 'Receipt', session: first } : undefined
    case names.TopUp:
      return { do: 'TopUp' }
    case names.Status:
      return { do: 'Status' }
    case names.Stop:
      return { do: 'Stop' }
    case names.TopUpAmount:
      return isCount(first) ? { do: 'TopUpAmount', amountPaise: BigInt(first) } : undefined
    case names.PayWithStars:
      return isCount(first) ? { do: 'PayWithStars', amountPaise: BigInt(first) } : undefined
    case names.Games:
      return isCount(first) ? { do: 'Games', offset: Number(first) } : undefined
    case names.Game:
      return game ? { do: 'Game', game } : undefined
    case names.Tier:
      return game && tier ? { do: 'Tier', game, tier } : undefined
    case names.Start:
      return game && tier && isCount(third) ? { do: 'Start', game, tier, ratePaisePerHour: Number(third) } : undefined
    case names.StopNow:
      return first ? { do: 'StopNow', session: first } : undefined
    case names.Refunds:
      return { do: 'Refunds' }
    case names.Refund:
      return first ? { do: 'Refund', payment: first } : undefined
    case names.RefundNow:
      return first && isCount(second) ? { do: 'RefundNow', payment: first, amountPaise: BigInt(second) } : undefined
    default:
      return undefined
  }
}

/** Whole numbers up to nine digits, so that no press can carry an amount that a wallet could not hold. */
function isCount(text: string): boolean {
  return /^\d{1,9}$/.test(text)
}

function shortKey(key: string): string {
  if (key.length <= KEY_CHARACTERS) return key
  // A dot is in no key of the catalogue: a digest cannot be mistaken for one.
  return `.${createHash('sha256')
    .update(key)
    .digest('base64url')
    .slice(0, KEY_CHARACTERS - 1)}`
}
