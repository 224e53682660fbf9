import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CALLBACK_DATA_BYTES, callbackData, type Press, readPress } from './buttons.ts'

const key = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/)
const amountPaise = fc.bigInt({ min: 0n, max: 999_999_999n })
const press: fc.Arbitrary<Press> = fc.oneof(
  fc
    .constantFrom('Home', 'Balance', 'TopUp', 'Status', 'Stop', 'Refunds')
    .map(word => ({ do: word }) satisfies { do: string }),
  fc.record({ do: fc.constantFrom('TopUpAmount', 'PayWithStars'), amountPaise }),
  fc.record({ do: fc.constant('Games'), offset: fc.nat({ max: 1000 }) }),
  fc.record({ do: fc.constant('Game'), game: key }),
  fc.record({ do: fc.constant('Tier'), game: key, tier: key }),
  fc.record({
    do: fc.constant('Start'),
    game: key,
    tier: key,
    ratePaisePerHour: fc.integer({ min: 1, max: 10_000_000 }),
  }),
  fc.record({
    do: fc.constant('Statement'),
    before: fc.option(fc.bigInt({ min: 1n, max: 10n ** 18n - 1n }), { nil: undefined }),
  }),
  fc.record({ do: fc.constantFrom('StopNow', 'Receipt'), session: fc.stringMatching(/^[0-9a-z]{26}$/) }),
  fc.record({ do: fc.constant('Refund'), payment: fc.stringMatching(/^\d{1,18}$/) }),
  fc.record({ do: fc.constant('RefundNow'), payment: fc.stringMatching(/^\d{1,18}$/), amountPaise }),
) as fc.Arbitrary<Press>

test('a button means what it was made for, within 64 bytes', () => {
  fc.assert(
    fc.property(press, made => {
      const known = {
        games: 'game' in made ? ['another', made.game] : [],
        tiers: 'tier' in made ? ['another', made.tier] : [],
      }
      const data = callbackData(made)
      expect(Buffer.byteLength(data)).toBeLessThanOrEqual(CALLBACK_DATA_BYTES)
      expect(readPress(data, known)).toEqual(made)
    }),
  )
})

test.each([
  '',
  'nonsense',
  'game:gone',
  'tier:quake',
  'tier:quake:gone',
  'start:quake:standard:-5',
  'amount:1e9',
  'statement:-1',
  'receipt:',
  'stars:',
  'refund:',
  'refund-now:1:-5',
])('I8: a stale or made-up button (%s) means nothing, and does not throw', data => {
  expect(readPress(data, { games: ['quake'], tiers: ['standard'] })).toBeUndefined()
})
