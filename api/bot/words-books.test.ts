import { expect, test } from 'vitest'
import type { StatementLine } from '../wallet/statement.ts'
import { wordsFor } from './words.ts'

const words = wordsFor('en')
const told = (text: string) => text.replace(/<[^>]+>/g, '').split('\n')

const line: StatementLine = {
  id: 1n,
  at: new Date('2026-11-23T12:00:05Z'),
  kind: 'TopUp',
  amountPaise: 10_000n,
  repaidPaise: 0n,
  balancePaise: 10_000n,
  source: 'razorpay',
  sessionId: undefined,
  game: undefined,
  reason: undefined,
}

test('A statement can be followed: what, when, how much, and what was left', () => {
  const lines: StatementLine[] = [
    { ...line, kind: 'ExternalRefund', amountPaise: -9850n, repaidPaise: -150n, balancePaise: 0n },
    { ...line, kind: 'Play', amountPaise: -150n, balancePaise: 9850n, source: undefined, game: 'Quake' },
    line,
  ]
  expect(told(words.statement({ lines, owedPaise: 150n }).text)).toEqual([
    '📒 Your wallet, the newest first',
    '',
    '23 Nov, 17:30 · Refund to you',
    '−₹98.50 · balance ₹0.00',
    '₹1.50 of it is spent or held for your session, and is owed.',
    '',
    '23 Nov, 17:30 · Play: Quake',
    '−₹1.50 · balance ₹98.50',
    '',
    '23 Nov, 17:30 · Top-up',
    '+₹100.00 · balance ₹100.00',
    '',
    'You owe ₹1.50. What your session leaves over repays it, then your next top-up.',
  ])
  expect(words.statement({ lines: [], owedPaise: 0n }).text).toContain('Nothing has come into your wallet yet')
})

test('A receipt tells each stretch and what it cost, what was free, the total, and the tax in it', () => {
  const document = {
    number: '26-27/0000042',
    sessionId: '01jd0000000000000000000000',
    issuedAt: new Date('2026-11-23T14:00:00Z'),
    totalPaise: 15_000n,
    tax: { name: 'GST', basisPoints: 1800 },
    taxPaise: 2288n,
    lines: [
      { at: '2026-11-23T12:00:00.000Z', kind: 'Play' as const, seconds: 3600, paise: 9000 },
      { at: '2026-11-23T13:00:00.000Z', kind: 'Interruption' as const, seconds: 95, cause: 'Evicted', paise: 0 },
      { at: '2026-11-23T13:01:35.000Z', kind: 'Play' as const, seconds: 2400, paise: 6000 },
    ],
  }
  const view = { document, game: 'Quake', tier: 'Standard', ratePaisePerHour: 9000n }
  expect(told(words.receipt(view).text)).toEqual([
    '🧾 Receipt 26-27/0000042, 23 Nov 2026',
    'Quake on Standard, ₹90.00 an hour by the second',
    '',
    '17:30:00–18:30:00 · played 1 h · ₹90.00',
    '18:30:00–18:31:35 · the data centre took the machine back · 1 min 35 s · free',
    '18:31:35–19:11:35 · played 40 min · ₹60.00',
    '',
    'Total: ₹150.00',
    'GST of 18 % is included: ₹22.88',
  ])
})
