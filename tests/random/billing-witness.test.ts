// Pure: what the witness of a bill takes for wrong, and what not.
import { expect, test } from 'vitest'
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import { type Sight, wrongWith } from './billing-witness.ts'

const START = Date.UTC(2026, 10, 27, 18)
const at = (seconds: number) => new Date(START + seconds * 1000).toISOString()

/** A session that was first played at the start, with ten seconds paid, as it is seen `second` seconds later. */
function seen(second: number, billing: GameSessionStatus['billing']): Sight {
  const session: GameSession = {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: { name: 'evening', creationTimestamp: at(-60) },
    spec: {
      player: 'ada',
      game: 'quake',
      tier: 'standard',
      regions: ['westeurope'],
      capacity: { preference: 'SpotFirst' },
      stream: { resolution: '1920x1080', fps: 60, bitrateKbps: 20_000 },
      desiredState: 'Running',
      paidSeconds: 10,
      disconnectGraceSeconds: 0,
      idleTimeoutSeconds: 0,
    },
    status: { readyAt: at(0), billing: { ...billing } },
  }
  return { session, seenAt: START + second * 1000 }
}

const open = (seconds: number, since: number) => ({ seconds, since: at(since) })

test.each([
  { name: 'one that opens', before: undefined, now: seen(1, open(0, 0)) },
  { name: 'an interval that closes with its length', before: seen(1, open(0, 0)), now: seen(6, { seconds: 5 }) },
  {
    name: 'an interval that ends before it begins, and counts for nothing',
    before: seen(6, open(5, 7)),
    now: seen(6.5, { seconds: 5, final: true }),
  },
  {
    name: 'one that is final at what was granted',
    before: seen(1, open(0, 0)),
    now: seen(13, { seconds: 12, final: true }),
  },
  {
    name: 'a final one that stays',
    before: seen(9, { seconds: 5, final: true }),
    now: seen(90, { seconds: 5, final: true }),
  },
])('a bill is right: $name', ({ before, now }) => {
  expect(wrongWith({ before, now, paidGraceSeconds: 2 })).toBeUndefined()
})

test.each([
  {
    name: 'I4: one that falls',
    before: seen(6, { seconds: 5 }),
    now: seen(7, { seconds: 4 }),
    words: 'fell: 5 s, now 4 s',
  },
  {
    name: 'I4: an interval that counts twice',
    before: seen(4, open(0, 0)),
    now: seen(5, { seconds: 8 }),
    words: 'billed with 8 s',
  },
  {
    name: 'I4: an interval that counts from before its start',
    before: seen(9, open(2, 7)),
    now: seen(9, { seconds: 6 }),
    words: 'billed with 4 s',
  },
  {
    name: 'I4: more than the time since it was first played',
    before: undefined,
    now: seen(3, { seconds: 4 }),
    words: '4 s',
  },
  {
    name: 'I3: more than what was granted',
    before: seen(9, open(9, 0)),
    now: seen(40, { seconds: 13 }),
    words: '13 s are billed where 12 s were granted',
  },
  {
    name: 'I4: a final one that grows',
    before: seen(6, { seconds: 5, final: true }),
    now: seen(8, { seconds: 6, final: true }),
    words: 'a final bill changed',
  },
  {
    name: 'I4: a final one that is final no more',
    before: seen(6, { seconds: 5, final: true }),
    now: seen(8, { seconds: 5 }),
    words: 'a final bill changed',
  },
  {
    name: 'I4: a final one that opens again',
    before: seen(6, { seconds: 5, final: true }),
    now: seen(8, { ...open(5, 7), final: true }),
    words: 'a final bill changed',
  },
])('a bill is wrong: $name', ({ before, now, words }) => {
  expect(wrongWith({ before, now, paidGraceSeconds: 2 })).toContain(words)
})
