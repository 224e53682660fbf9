import { expect, test } from 'vitest'
import type { GameSession } from '../../crds/types/gamesession.ts'
import { says } from './game-session.ts'

const asked = {
  apiVersion: 'wasd.cloud/v1alpha1',
  kind: 'GameSession',
  metadata: { name: 'gs-1', labels: { 'wasd.cloud/player': 'p' }, finalizers: ['wasd.cloud/settlement'] },
  spec: { player: 'p', game: 'quake', tier: 'standard', regions: ['centralindia'], paidSeconds: 900 },
}
const { metadata, spec } = asked
const live: GameSession = {
  ...{ apiVersion: 'wasd.cloud/v1alpha1', kind: 'GameSession' },
  metadata: {
    ...{ name: 'gs-1', namespace: 'games', uid: 'u' },
    labels: { ...metadata.labels, team: 'sre' },
    finalizers: ['wasd.cloud/gamesession', ...metadata.finalizers],
  },
  spec: {
    ...spec,
    capacity: { preference: 'SpotFirst' },
    stream: { resolution: '1920x1080', fps: 60, bitrateKbps: 20_000 },
    ...{ desiredState: 'Paused', disconnectGraceSeconds: 1800, idleTimeoutSeconds: 3600 },
  },
}

test('an object says what is asked whatever others have added to it', () => {
  expect(says(live, asked)).toBe(true)
})

test.for<[string, GameSession]>([
  ['a label', { ...live, metadata: { ...live.metadata, labels: {} } }],
  ['a finalizer', { ...live, metadata: { ...live.metadata, finalizers: [] } }],
  ['a figure', { ...live, spec: { ...live.spec, paidSeconds: 901 } }],
  ['a list', { ...live, spec: { ...live.spec, regions: ['centralindia', 'southindia'] } }],
])('%s that differs is asked for again', ([, other]) => {
  expect(says(other, asked)).toBe(false)
})
