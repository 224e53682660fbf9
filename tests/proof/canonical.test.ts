import { expect, test } from 'vitest'
import { canonical, settled, sorted } from './canonical.ts'

const one = '0b0e9c1e-1d8a-4a57-9d3c-6a1f3a0c1111'
const other = '9a7e9c1e-1d8a-4a57-9d3c-6a1f3a0c2222'

test('Two runs that differ in identifiers, times and versions alone are equal', () => {
  const run = (uid: string, host: string, at: string) => ({
    metadata: {
      uid,
      name: `gs-01jd0000000000000000000${uid.slice(0, 3)}`,
      resourceVersion: `${at.length}${uid}`,
      generation: 2,
    },
    status: { host, since: at, vm: `gvm-${uid}-vm-2` },
  })
  const first = canonical(run(one, '127.80.1.4', '2026-11-24T03:10:00Z'))
  expect(first).toEqual(canonical(run(other, '127.80.1.9', '2026-11-24T04:20:00.123456Z')))
  expect(first).toEqual({
    metadata: { name: 'gs-<id 1>', uid: '<uid 1>' },
    status: { host: '<address 1>', since: '<time>', vm: 'gvm-<uid 1>-vm-2' },
  })
})

test('One thing keeps its placeholder, and another thing gets another', () => {
  expect(canonical([one, other, one.toUpperCase()])).toEqual(['<uid 1>', '<uid 2>', '<uid 1>'])
})

test.each([
  ['a field too many', { a: 1, b: 2 }],
  ['a time where there was none', { a: 1, endedAt: '2026-11-24T03:10:00Z' }],
  ['another number', { a: 2 }],
  ['an entry too many', { a: [1] }],
])('%s shows', (_, changed) => {
  expect(canonical(changed)).not.toEqual(canonical({ a: 1 }))
})

test('A network and a version are no addresses', () => {
  expect(canonical(['203.0.113.10/32', 'versions/1.0.0'])).toEqual(['203.0.113.10/32', 'versions/1.0.0'])
})

test('The order hangs neither on identifiers nor on times', () => {
  const made = (uid: string) => (uid === one ? '2026-11-24T03:10:00Z' : '2026-11-24T03:10:01Z')
  const disk = (uid: string) => ({ at: made(uid), id: `gvm-${uid}-os` })
  const address = (uid: string) => ({ at: made(uid), id: `gvm-${uid}-ip` })
  expect(canonical(sorted([disk(one), address(other)]))).toEqual(canonical(sorted([address(one), disk(other)])))
})

test.each([
  {
    name: "the fraction of a paisa is the player's",
    playedSeconds: 17n,
    chargedPaise: 42n,
    words: 'charged as played',
  },
  { name: 'the grace is free', playedSeconds: 1000n, chargedPaise: 2250n, words: 'charged as played' },
  {
    name: 'a paisa too much shows',
    playedSeconds: 17n,
    chargedPaise: 43n,
    words: 'charged 43 paise for 17 s of 900 s paid, which cost 42',
  },
  {
    name: 'so does a charge for nothing known',
    playedSeconds: undefined,
    chargedPaise: 1n,
    words: 'charged 1 paise for a session that Kubernetes does not know',
  },
])('I4: a session is charged for its seconds: $name', ({ playedSeconds, chargedPaise, words }) => {
  expect(settled({ ratePaisePerHour: 9000n, paidSeconds: 900n, playedSeconds, chargedPaise })).toBe(words)
})
