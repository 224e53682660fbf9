import { expect, test } from 'vitest'
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Notification } from '../queue/notifications.ts'
import { notificationScreen } from './notification.ts'
import { COMMANDS, wordsFor } from './words.ts'

const words = wordsFor('en')
const catalogue: Catalogue = {
  games: { quake: { title: 'Quake & <Friends>', image: 'linux', tiers: ['standard'] } },
  tiers: { standard: { title: 'Standard', pricePaisePerHour: 6000, sizes: [], osDiskGiB: 128 } },
  sizes: {},
  images: {},
  regions: {},
}
const id = { sessionId: '01jd0000000000000000000000' }

const notifications: Notification[] = [
  { type: 'TopUpCredited', amountPaise: '50000', repaidPaise: '0', balancePaise: '123450', rail: 'Razorpay' },
  { type: 'TopUpCredited', amountPaise: '50000', repaidPaise: '2000', balancePaise: '123450', rail: 'Stars' },
  { type: 'RefundProcessed', amountPaise: '50000', balancePaise: '0', rail: 'Razorpay' },
  { type: 'RefundFailed', amountPaise: '50000', repaidPaise: '0', balancePaise: '50000', rail: 'Razorpay' },
  { type: 'RefundFailed', amountPaise: '50000', repaidPaise: '2000', balancePaise: '48000', rail: 'Stars' },
  { type: 'MoneyTakenBack', because: 'Refund', amountPaise: '50000', balancePaise: '0', owedPaise: '0' },
  { type: 'MoneyTakenBack', because: 'Dispute', amountPaise: '50000', balancePaise: '0', owedPaise: '1234' },
  { type: 'DisputeWon', amountPaise: '50000', repaidPaise: '0', balancePaise: '50000' },
  { type: 'DisputeWon', amountPaise: '50000', repaidPaise: '2000', balancePaise: '48000' },
  { type: 'SessionWaiting', reason: 'no capacity in <centralindia>' },
  { type: 'SessionReady', ...id, game: 'quake', host: '203.0.113.5' },
  { type: 'SessionRecovering', ...id, game: 'quake' },
  { type: 'SessionRecovered', ...id, host: '203.0.113.5', seconds: 95 },
  { type: 'SessionPaused' },
  { type: 'SessionResumed', host: '203.0.113.5' },
  { type: 'BalanceLow', minutesLeft: 5 },
  {
    type: 'SessionEnded',
    receipt: {
      game: 'quake',
      tier: 'standard',
      ratePaisePerHour: '6000',
      playedSeconds: 3903,
      chargedPaise: '6505',
      repaidPaise: '3000',
      balancePaise: '43495',
      interruptions: [{ cause: 'Evicted', seconds: 95 }],
      endReason: 'PlayerEnded',
      document: { ...id, number: '26-27/0000042', taxName: 'GST', taxBasisPoints: 1800, taxPaise: '992' },
    },
  },
  { type: 'FaultCredited', amountPaise: '1000', balancePaise: '1000', reason: 'It took <long>.' },
  { type: 'SessionFailed', message: 'the game is not known' },
]

/** Telegram refuses a message whose tags do not match, or that is longer than 4096 characters. */
function expectWellFormed(text: string) {
  const open: string[] = []
  for (const [, slash, tag] of text.matchAll(/<(\/?)(b|i|code)>/g)) {
    if (slash === '') open.push(tag ?? '')
    else expect(open.pop()).toBe(tag)
  }
  expect(open).toEqual([])
  expect(text.replace(/<\/?(b|i|code)>/g, '')).not.toMatch(/[<>]/)
  expect(text.replace(/&(amp|lt|gt);/g, '')).not.toContain('&')
  expect(text.length).toBeLessThanOrEqual(4096)
}

test.each(notifications)('$type is well-formed, and has buttons for what to do next', notification => {
  const { text, buttons } = notificationScreen(notification, words, catalogue)
  expectWellFormed(text.text)
  expect(buttons.flat().length).toBeGreaterThan(0)
})

test('the receipt tells what was played, what was not charged and why, the price, the charge and the balance', () => {
  const ended = notifications.find(({ type }) => type === 'SessionEnded')
  if (!ended) throw new Error('there is no receipt among the notifications')
  const told = notificationScreen(ended, words, catalogue).text.text.replace(/<[^>]+>/g, '')
  expect(told.split('\n')).toEqual([
    '🧾 Quake &amp; &lt;Friends&gt; on Standard has ended: you stopped it.',
    '',
    'Played: 1 h 5 min 3 s',
    'Not charged: 1 min 35 s, the data centre took the machine back',
    'Price: ₹60.00 an hour',
    'Charged: ₹65.05',
    'GST of 18 % is included: ₹9.92',
    'Receipt 26-27/0000042',
    '₹30.00 of what was set aside for it went into what was still owed.',
    'Your balance: ₹434.95',
  ])
})

test('a game that left the catalogue is still named', () => {
  const { text } = notificationScreen({ type: 'SessionRecovering', ...id, game: 'doom' }, words, catalogue)
  expect(text.text).toContain('<b>doom</b>')
})

test('commands fit into the menu of Telegram', () => {
  for (const command of COMMANDS) {
    expect(command).toMatch(/^[a-z0-9_]{1,32}$/)
    expect(words.command[command].length).toBeLessThanOrEqual(256)
  }
})

test.each([undefined, 'en', 'en-GB', 'hi', 'x-klingon', ''])('the language tag %s gets words', tag => {
  expect(wordsFor(tag).button.play).toBeTruthy()
})

test.each(['<b>', 'Tom & Jerry', '</b>'])('the name %s cannot break a message', firstName => {
  expectWellFormed(words.greeting({ firstName, availablePaise: 0n }).text)
})
