import { expect, test } from 'vitest'
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import { impossibility, MARGIN_SECONDS } from './plausible.ts'

const ready = Date.parse('2026-11-23T12:00:00Z')
const at = (seconds: number) => new Date(ready + seconds * 1000)

interface About {
  paidSeconds?: number
  nowSeconds?: number
  seenReadyAt?: Date
}

/** Of a session that says it was ready at 0. */
const why = (status: GameSessionStatus, about: About = {}) => whyOf({ readyAt: at(0).toISOString(), ...status }, about)

function whyOf(status: GameSessionStatus, about: About = {}): string | undefined {
  const { paidSeconds, nowSeconds = 10_000, seenReadyAt } = about
  const object: GameSession = {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: { name: 'gs-one' },
    spec: {
      ...{ player: 'asha', game: 'quake', tier: 'standard', regions: ['centralindia'] },
      ...{ capacity: { preference: 'SpotFirst' }, stream: { resolution: '1920x1080', fps: 60, bitrateKbps: 20_000 } },
      ...{ desiredState: 'Running', disconnectGraceSeconds: 0, idleTimeoutSeconds: 0 },
      ...(paidSeconds === undefined ? {} : { paidSeconds }),
    },
    status,
  }
  return impossibility({ object, paidSeconds: 900n, graceSeconds: 120, seenReadyAt, now: at(nowSeconds) })
}

test('A figure within paid time, grace and wall time can be true', () => {
  expect(why({ billing: { seconds: 0 } })).toBeUndefined()
  expect(why({ billing: { seconds: 1020 } })).toBeUndefined()
  expect(why({ billing: { seconds: 1020 + MARGIN_SECONDS } })).toBeUndefined() // An operator that was a little late.
  expect(why({ billing: { seconds: 5000 } }, { paidSeconds: 7200 })).toBeUndefined() // An SRE gave more.
})

test('More than paid and grace, or than wall time, cannot be', () => {
  expect(why({ billing: { seconds: 1021 + MARGIN_SECONDS } })).toMatch('of 900 s paid and 120 s of grace')
  expect(why({ billing: { seconds: 661 } }, { nowSeconds: 600 })).toMatch('661 s were played in the 600 s since')
})

test('Clocks that differ make no true figure impossible', () => {
  const ended = {
    type: 'Playable',
    status: 'False' as const,
    reason: 'Ending',
    message: '',
    lastTransitionTime: at(800).toISOString(),
  }
  expect(why({ billing: { seconds: 800, final: true }, conditions: [ended] }, { nowSeconds: -3600 })).toBeUndefined()
  expect(why({ billing: { seconds: 800, final: true }, conditions: [ended] }, { nowSeconds: 3600 })).toBeUndefined()
})

test('I4: what was never ready was not played, and one whose status was lost is held to what our books saw', () => {
  expect(whyOf({ billing: { seconds: 1 } })).toMatch('1 s were played, and it was never Ready')
  expect(whyOf({ billing: { seconds: 0 } })).toBeUndefined()
  expect(whyOf({ billing: { seconds: 600 } }, { seenReadyAt: at(0), nowSeconds: 600 })).toBeUndefined()
  expect(whyOf({ billing: { seconds: 661 } }, { seenReadyAt: at(0), nowSeconds: 600 })).toMatch('in the 600 s since')
})
