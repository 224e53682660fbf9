import { expect, test } from 'vitest'
import type { GameSession, GameSessionStatus } from '../../crds/types/gamesession.ts'
import { impossibility, MARGIN_SECONDS } from './plausible.ts'

const ready = Date.parse('2026-11-23T12:00:00Z')
const at = (seconds: number) => new Date(ready + seconds * 1000)

function why(status: GameSessionStatus, about: { paidSeconds?: number; nowSeconds?: number } = {}): string | undefined {
  const { paidSeconds, nowSeconds = 10_000 } = about
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
    status: { readyAt: at(0).toISOString(), ...status },
  }
  return impossibility({ object, paidSeconds: 900n, graceSeconds: 120, now: at(nowSeconds) })
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
