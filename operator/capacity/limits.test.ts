import { describe, expect, test } from 'vitest'
import { limitPassed, limitsSetting, type Scope, scopesOf } from './limits.ts'

const scope = (limits: Scope['limits']): Scope => ({ where: 'in namespace play', key: 'namespace/play', limits })
const standing = { machines: 3, onDemand: 1, hourlyPriceUsd: 0.3 }
const spot = { onDemand: false, hourlyPriceUsd: 0.1 }
const onDemand = { onDemand: true, hourlyPriceUsd: 0.5 }

describe('one machine more', () => {
  test.each([
    [{ machines: 4 }, spot, undefined],
    [{ machines: 3 }, spot, 'The limit of machines in namespace play is reached: 3 of at most 3 stand.'],
    [{ hourlyPriceUsd: 0.4 }, spot, undefined], // 0.1 + 0.3 is more than 0.4 in binary.
    [
      { hourlyPriceUsd: 0.39 },
      spot,
      'The limit of the price per hour in namespace play is reached: what stands costs 0.3 USD, with this one it would be 0.4, and at most 0.39 is permitted.',
    ],
    [
      { hourlyPriceUsd: 100 },
      { onDemand: false, hourlyPriceUsd: undefined },
      'The limit of the price per hour in namespace play (100 USD) lets in no machine whose price is not known.',
    ],
    [{ onDemandShare: 0 }, spot, undefined],
    [{ onDemandShare: 0.5 }, onDemand, undefined], // Two of four.
    [
      { onDemandShare: 0.25 },
      onDemand,
      'The limit of the on-demand share in namespace play is reached: 1 of 3 machines is on-demand, and of 4 at most 1 may be, a share of 0.25.',
    ],
    [{}, onDemand, undefined],
  ])('under %o', (limits, added, told) => {
    expect(limitPassed(scope(limits), standing, added)).toBe(told)
  })

  test('a share permits the first machine of all, unless it is none', () => {
    const none = { machines: 0, onDemand: 0, hourlyPriceUsd: 0 }
    expect(limitPassed(scope({ onDemandShare: 0.1 }), none, onDemand)).toBeUndefined()
    expect(limitPassed(scope({ onDemandShare: 0 }), none, onDemand)).toBeDefined()
  })
})

test('only scopes with limits are looked at', () => {
  const limits = limitsSetting.parse(
    '{"machines":9,"namespaces":{"play":{"machines":1},"idle":{}},"regions":{"near":{"onDemandShare":0.5}}}',
  )
  expect(scopesOf({ namespace: 'play', region: 'near' }, limits).map(({ where }) => where)).toEqual([
    'in all',
    'in namespace play',
    'in region near',
  ])
  expect(scopesOf({ namespace: 'idle', region: 'far' }, limits).map(({ key }) => key)).toEqual([''])
})

test.each([
  ['{', 'it is no JSON'],
  ['{"machines":-1}', 'machines: Too small'],
  ['{"machine":5}', 'Unrecognized key: "machine"'],
  ['{"onDemandShare":20}', 'onDemandShare: Too big'],
  ['{"namespaces":{"Not OK":{}}}', 'the name of a namespace is expected'],
  ['{"regions":{"near":{"hourlyPriceUsd":"5"}}}', 'regions.near.hourlyPriceUsd: Invalid input: expected number'],
])('I8: %s is refused with words', (text, words) => {
  const parsed = limitsSetting.safeParse(text)
  expect(parsed.error?.issues[0]?.message).toContain(words)
})
